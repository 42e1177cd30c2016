/** What a server and the process that holds its token say to each other, over the channel between parent and child. */
import type { TokenFailure } from './errors.ts'
import type { HashName } from './numbers.ts'

export interface TokenSettings {
  /** Path of the library. */
  readonly library: string
  /** A decimal number; null: the token is found by its label. */
  readonly slot: string | null
  readonly label: string | null
  readonly pin: string
  /** No session that could write: for tokens that give out few of those, or none. */
  readonly isReadOnly: boolean
}

/** At least one of both is not ''. */
export interface KeyName {
  readonly label: string
  /** Hex. */
  readonly id: string
}

export const wrapMechanisms = ['AES_GCM', 'RSA_PKCS_OAEP', 'AES_CBC_PAD'] as const
export type WrapMechanism = (typeof wrapMechanisms)[number]

/** How data are encrypted under a key of the token. */
export interface WrapTerms {
  readonly key: KeyName
  /** Null: the best that key and token can do. */
  readonly mechanism: WrapMechanism | null
  /** For AES_CBC_PAD, which proves nothing by itself. */
  readonly macKey: KeyName | null
  readonly oaepHash: HashName
  /** RSA: the token encrypts too, rather than this process with the public key. */
  readonly encryptsInToken: boolean
  /** Keys that are missing are made, when something is to be encrypted. */
  readonly generates: boolean
}

/** Encrypted data, with all that it takes to decrypt them but the keys. */
export interface Wrapped {
  readonly key: KeyName
  readonly mechanism: WrapMechanism
  readonly macKey: KeyName | null
  readonly oaepHash: HashName
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
  /** Empty but for AES_CBC_PAD. */
  readonly mac: Uint8Array
}

export type PairType = 'rsa' | 'ec' | 'ed25519'

export interface PublicPart {
  readonly type: PairType
  readonly bits: number
  /** SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

export interface SignTerms {
  readonly key: KeyName
  readonly type: PairType
  /** Null for Ed25519. */
  readonly hash: HashName | null
  readonly isPss: boolean
}

/** What is asked of the child, and what comes back, by name. */
export interface TokenCalls {
  readonly wrap: readonly [body: { readonly terms: WrapTerms; readonly data: Uint8Array; readonly context: Uint8Array }, answer: Wrapped]
  readonly unwrap: readonly [body: { readonly wrapped: Wrapped; readonly context: Uint8Array }, answer: Uint8Array]
  readonly publicPart: readonly [body: { readonly key: KeyName }, answer: PublicPart | null]
  readonly generatePair: readonly [body: { readonly key: KeyName; readonly type: PairType; readonly bits: number }, answer: PublicPart]
  /** In the form that certificates hold: of ECDSA a DER sequence. */
  readonly sign: readonly [body: { readonly terms: SignTerms; readonly data: Uint8Array }, answer: Uint8Array]
}
export type TokenCallName = keyof TokenCalls

export interface TokenQuestion {
  readonly id: number
  readonly name: TokenCallName
  readonly body: unknown
}

export type TokenAnswer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: TokenFailure; readonly message: string }
