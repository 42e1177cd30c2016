/** One-time passwords: by counter (HOTP, RFC 4226) and by time (TOTP, RFC 6238). */
import { createHmac, timingSafeEqual } from 'node:crypto'

export const otpAlgorithms = ['SHA1', 'SHA256', 'SHA512'] as const
export type OtpAlgorithm = (typeof otpAlgorithms)[number]

export interface OtpForm {
  readonly algorithm: OtpAlgorithm
  /** Length of a code: 6 to 8. */
  readonly digits: number
}

export interface TotpForm extends OtpForm {
  /** How long one code is the current one, in seconds. */
  readonly period: number
}

/** The code of a counter (RFC 4226, section 5.3), with leading zeros. */
export function hotp(key: Uint8Array, counter: number, { algorithm, digits }: OtpForm): string {
  const message = Buffer.alloc(8)
  message.writeBigUInt64BE(BigInt(counter))
  const mac = createHmac(algorithm, key).update(message).digest()
  const offset = (mac.at(-1) ?? 0) & 15
  const number = mac.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** digits).padStart(digits, '0')
}

/** The number of the period that `now` (milliseconds since 1970) falls into. */
export const totpCounter = (now: number, period: number): number => Math.max(0, Math.floor(now / 1000 / period))

export const totp = (key: Uint8Array, now: number, form: TotpForm): string => hotp(key, totpCounter(now, form.period), form)

/**
 * The counters, at most `skew` periods away from `now`, that `code` is the code of: usually none or one. What the caller accepts it has to
 * remember, because each counter may be used once (RFC 6238, section 5.2). Takes as long whether the code fits or not.
 */
export function findTotpCounters(key: Uint8Array, code: string, now: number, form: TotpForm & { readonly skew: number }): readonly number[] {
  const given = Buffer.from(code)
  const current = totpCounter(now, form.period)
  const found: number[] = []
  for (let counter = Math.max(0, current - form.skew); counter <= current + form.skew; counter++) {
    const right = Buffer.from(hotp(key, counter, form))
    if (given.length === right.length && timingSafeEqual(given, right)) found.push(counter)
  }
  return found
}
