/** A selection of Project Wycheproof's vectors (C2SP/wycheproof, Apache-2.0): what implementations get wrong. Source and commit stand in the file. */
import { readFileSync } from 'node:fs'

/** `acceptable` may be taken either way. Bytes are hexadecimal. */
type Result = 'valid' | 'invalid' | 'acceptable'

interface Vectors {
  readonly aead: readonly { readonly type: string; readonly id: string; readonly key: string; readonly iv: string; readonly aad: string; readonly msg: string; readonly ct: string; readonly result: Result }[]
  readonly wrap: readonly { readonly id: string; readonly key: string; readonly msg: string; readonly ct: string; readonly result: Result }[]
  readonly verify: readonly {
    readonly file: string
    readonly type: string
    readonly hash: string
    readonly jws: boolean
    readonly algorithm: string
    /** Of PSS, in bytes; 32 where it is missing. */
    readonly saltLength?: number
    readonly pem: string
    readonly tests: readonly { readonly id: number; readonly msg: string; readonly sig: string; readonly result: Result }[]
  }[]
  readonly oaep: readonly { readonly id: number; readonly msg: string; readonly ct: string; readonly result: Result }[]
  readonly oaepKey: string
  readonly hkdf: readonly { readonly id: number; readonly ikm: string; readonly salt: string; readonly info: string; readonly size: number; readonly okm: string; readonly result: Result }[]
  readonly mlDsa44: { readonly publicKey: string; readonly tests: readonly { readonly id: number; readonly msg: string; readonly sig: string; readonly result: Result }[] }
  readonly mlDsa: Readonly<Record<'ml-dsa-65' | 'ml-dsa-87', readonly { readonly publicKey: string; readonly tests: readonly { readonly id: number; readonly msg: string; readonly sig: string; readonly result: Result }[] }[]>>
  readonly hmacHashes: readonly { readonly id: number; readonly hash: string; readonly key: string; readonly msg: string; readonly tag: string; readonly result: Result }[]
  readonly hmac: readonly { readonly id: number; readonly key: string; readonly msg: string; readonly tag: string; readonly result: Result }[]
}

export const wycheproof = JSON.parse(readFileSync(new URL('../../../../src/crypto/testing/wycheproof.json', import.meta.url), 'utf8')) as Vectors
