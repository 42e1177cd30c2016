/**
 * A seal protects the root key, which protects the keyring, which protects everything else. One file per kind of seal beside this one; an
 * HSM or a key service of a cloud becomes a further implementation of `Seal`.
 */

export interface Seal {
  /** As `sys/seal-status` shows it and the seal record keeps it. */
  readonly type: string
  /** The server can unseal itself. What needs people's consent is then authorised by recovery keys instead of unseal keys. */
  readonly isAutomatic: boolean
  /** The root key (32 bytes) in a form that only this seal opens. Does not keep the array. */
  wrap(rootKey: Uint8Array): Promise<Uint8Array>
  /** The root key, to be wiped by the caller; null when another seal wrapped it. Throws when the seal cannot be reached. */
  unwrap(wrapped: Uint8Array): Promise<Buffer | null>
}
