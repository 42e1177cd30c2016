/** Users, under their names in lower case. */
import { records } from '../../kit/records.ts'
import type { TokenSettings } from '../../kit/token-fields.ts'

export interface User {
  readonly name: string
  /** See `src/crypto/password.ts`. */
  readonly passwordHash: string
  readonly token: TokenSettings
}

export const users = records<User, [name: string]>((name) => `user/${name}`)
