/** Tokens of PKCS #11, as the core gets at them: by the name of a library that the configuration allows. */
import type { TokenSettings } from '../../crypto/pkcs11/messages.ts'
import type { Token } from '../../crypto/pkcs11/token.ts'

export type TokenCaller = Pick<Token, 'call'>

export interface TokenSource {
  /** Their names. */
  readonly libraries: readonly string[]
  /** Null: the configuration has no such library. */
  readonly open: (library: string, settings: Omit<TokenSettings, 'library'>) => TokenCaller | null
  /** Ends all sessions; they begin again when they are needed. */
  readonly close: () => void
}

export const noTokens: TokenSource = Object.freeze({ libraries: [], open: () => null, close: () => undefined })
