/** Keys that stay outside of the server, in an HSM for instance, and sign for engines: what an engine may know of them, and do with them. */

export interface ManagedKeyRef {
  /** One of both is not ''. */
  readonly name: string
  readonly id: string
}

export interface ManagedKey {
  readonly id: string
  readonly name: string
  readonly type: 'rsa' | 'ec' | 'ed25519'
  /** Of the modulus or the curve; 0 for Ed25519. */
  readonly bits: number
  /** SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

export interface ManagedSignature {
  /** Null for Ed25519. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null
  readonly isPss: boolean
}

/** Those that the mount may use. Both throw 'bad_request' for others, and for what the key does not do; 'bad_gateway' when it cannot be reached. */
export interface ManagedKeys {
  /** Makes the key, where it is not there yet and its definition allows that. */
  readonly describe: (ref: ManagedKeyRef) => Promise<ManagedKey>
  /** A signature over `data` in the form that certificates hold; `how` is for a key of the type that it was described with. */
  readonly sign: (key: Pick<ManagedKey, 'id' | 'type'>, how: ManagedSignature, data: Uint8Array) => Promise<Uint8Array>
}
