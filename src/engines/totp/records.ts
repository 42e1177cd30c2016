/** What the TOTP engine stores. */
import type { TotpForm } from '../../crypto/otp.ts'
import { records } from '../../kit/records.ts'

export interface TotpKey extends TotpForm {
  /** The shared secret in base64. */
  readonly secret: string
  readonly issuer: string
  readonly accountName: string
  /** How many periods before and after the current one a code is still taken. */
  readonly skew: number
  /** Counters whose codes were accepted and could still be given again. */
  readonly used: readonly number[]
}

export const keysFolder = 'keys/'
export const keys = records<TotpKey, [name: string]>((name) => keysFolder + name)
