/** What can go wrong with a token, as far as it matters to whoever asked. The texts are for operators and logs: never a PIN, a key or data in them. */

/**
 * `away`: the token cannot be used for now, and may be later; `pin`: it refuses the PIN, which must not be tried again; `absent`: it has no such key; `foreign`: what
 * was to be decrypted is not of this key; `refused`: it does not do that.
 */
export type TokenFailure = 'away' | 'pin' | 'absent' | 'foreign' | 'refused'

export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly failure: TokenFailure

  constructor(failure: TokenFailure, message: string) {
    super(message)
    this.failure = failure
  }
}
