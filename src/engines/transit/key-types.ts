/** The types of keys, and what each can do. */
import { aes128Gcm, aes256Gcm, chacha20Poly1305, xchacha20Poly1305, type AeadSuite } from '../../crypto/aead-suites.ts'
import type { NistCurve } from '../../crypto/prehashed-ecdsa.ts'

interface Traits {
  readonly name: string
  /** The number that stands for the type in backups of Vault and OpenBao. */
  readonly code: number
  /** What answers call a version of it. */
  readonly shownName: string
  readonly encrypts: boolean
  readonly signs: boolean
  /** Whether keys can be derived from it by a context. */
  readonly derives: boolean
}

export type KeyType = Traits &
  (
    | { readonly family: 'aead'; readonly suite: AeadSuite; readonly openFailure: string }
    | { readonly family: 'rsa'; readonly bits: number }
    | { readonly family: 'ec'; readonly curve: NistCurve }
    | { readonly family: 'ed25519' }
    | { readonly family: 'hmac' }
  )

const aead = (name: string, code: number, suite: AeadSuite, openFailure: string): KeyType =>
  ({ family: 'aead', name, code, shownName: name, encrypts: true, signs: false, derives: true, suite, openFailure })
const rsa = (bits: number, code: number): KeyType =>
  ({ family: 'rsa', name: `rsa-${bits}`, code, shownName: `rsa-${bits}`, encrypts: true, signs: true, derives: false, bits })
const ec = (name: string, code: number, curve: NistCurve): KeyType =>
  ({ family: 'ec', name, code, shownName: curve, encrypts: false, signs: true, derives: false, curve })

const aesFailure = 'cipher: message authentication failed'
const chachaFailure = 'chacha20poly1305: message authentication failed'

const types: readonly KeyType[] = [
  aead('aes256-gcm96', 0, aes256Gcm, aesFailure),
  ec('ecdsa-p256', 1, 'P-256'),
  { family: 'ed25519', name: 'ed25519', code: 2, shownName: 'ed25519', encrypts: false, signs: true, derives: true },
  rsa(2048, 3),
  rsa(4096, 4),
  aead('chacha20-poly1305', 5, chacha20Poly1305, chachaFailure),
  ec('ecdsa-p384', 6, 'P-384'),
  ec('ecdsa-p521', 7, 'P-521'),
  aead('aes128-gcm96', 8, aes128Gcm, aesFailure),
  rsa(3072, 9),
  { family: 'hmac', name: 'hmac', code: 10, shownName: 'hmac', encrypts: false, signs: false, derives: false },
  aead('xchacha20-poly1305', 11, xchacha20Poly1305, chachaFailure),
]

const byName: ReadonlyMap<string, KeyType> = new Map(types.map((type) => [type.name, Object.freeze(type)]))
const byCode: ReadonlyMap<number, KeyType> = new Map(types.map((type) => [type.code, type]))

export const findKeyType = (name: string): KeyType | null => byName.get(name) ?? null
export const findKeyTypeByCode = (code: number): KeyType | null => byCode.get(code) ?? null

/** Whether its versions have a public half. */
export const isAsymmetric = ({ family }: KeyType): boolean => family !== 'aead' && family !== 'hmac'
/** Bytes of a key of type hmac. */
export const hmacBytesMin = 32
export const hmacBytesMax = 512
