/**
 * A seal protects the root key, which protects the keyring, which protects everything else. One file per kind of seal beside this one.
 */

/** The service behind a seal does not answer, or refuses for now: to be tried again. The text is for operators and the log: no secret in it. */
export class SealUnreachable extends Error {
  override readonly name = 'SealUnreachable'
}

export interface Seal {
  /** As `sys/seal-status` shows it and the seal record keeps it. */
  readonly type: string
  /** The server can unseal itself. What needs people's consent is then authorised by recovery keys instead of unseal keys. */
  readonly isAutomatic: boolean
  /** The root key (32 bytes) in a form that only this seal opens. Does not keep the array. */
  wrap(rootKey: Uint8Array): Promise<Uint8Array>
  /** The root key, to be wiped by the caller; null when another seal wrapped it. Throws `SealUnreachable`. */
  unwrap(wrapped: Uint8Array): Promise<Buffer | null>
  /** Whether it may open what a seal of this type has wrapped; default: its own type only. */
  readonly opens?: (type: string, wrapped: Uint8Array) => boolean
  /** Whether it would wrap with the same key now; default: it would. What is not current is wrapped anew. */
  readonly isCurrent?: (wrapped: Uint8Array) => boolean
  /** Keeps what it needs alive, such as a token. Resolves with when to be called again, in seconds; null: never. */
  readonly renew?: () => Promise<number | null>
}
