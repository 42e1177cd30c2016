/** The types of keys, and what each can do. */
import { aes128Gcm, aes256Gcm, chacha20Poly1305, xchacha20Poly1305, type AeadSuite } from '../../crypto/aead-suites.ts'
import type { KemScheme, SignatureScheme } from '../../crypto/post-quantum.ts'
import type { NistCurve } from '../../crypto/prehashed-ecdsa.ts'

interface Traits {
  readonly name: string
  /** What callers name it by, where that takes two words: a type and a set of parameters. */
  readonly apiType: string
  readonly parameterSet: string
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
    | { readonly family: 'post-quantum'; readonly scheme: SignatureScheme }
    | { readonly family: 'kem'; readonly scheme: KemScheme; readonly ciphertextBytes: number }
  )

const plainly = (name: string) => ({ name, apiType: name, parameterSet: '' })
const aead = (name: string, code: number, suite: AeadSuite, openFailure: string): KeyType =>
  ({ family: 'aead', ...plainly(name), code, shownName: name, encrypts: true, signs: false, derives: true, suite, openFailure })
const rsa = (bits: number, code: number): KeyType =>
  ({ family: 'rsa', ...plainly(`rsa-${bits}`), code, shownName: `rsa-${bits}`, encrypts: true, signs: true, derives: false, bits })
const ec = (name: string, code: number, curve: NistCurve): KeyType =>
  ({ family: 'ec', ...plainly(name), code, shownName: curve, encrypts: false, signs: true, derives: false, curve })

/** As Vault names them: `ml-dsa` with `65`, `slh-dsa` with `slh-dsa-sha2-128s`. */
const postQuantum = (scheme: SignatureScheme, code: number): KeyType => {
  const apiType = scheme.startsWith('ml-dsa') ? 'ml-dsa' : 'slh-dsa'
  const parameterSet = scheme.replace('ml-dsa-', '')
  return { family: 'post-quantum', name: scheme, apiType, parameterSet, code, shownName: scheme, encrypts: false, signs: true, derives: false, scheme }
}
const kem = (scheme: KemScheme, code: number, ciphertextBytes: number): KeyType =>
  ({ family: 'kem', ...plainly(scheme), code, shownName: scheme, encrypts: true, signs: false, derives: false, scheme, ciphertextBytes })

const slhDsaSets = (['sha2', 'shake'] as const).flatMap((hash) => ([128, 192, 256] as const).flatMap((bits) => (['s', 'f'] as const).map((speed) => `slh-dsa-${hash}-${bits}${speed}` as const)))

const aesFailure = 'cipher: message authentication failed'
const chachaFailure = 'chacha20poly1305: message authentication failed'

const types: readonly KeyType[] = [
  aead('aes256-gcm96', 0, aes256Gcm, aesFailure),
  ec('ecdsa-p256', 1, 'P-256'),
  { family: 'ed25519', ...plainly('ed25519'), code: 2, shownName: 'ed25519', encrypts: false, signs: true, derives: true },
  rsa(2048, 3),
  rsa(4096, 4),
  aead('chacha20-poly1305', 5, chacha20Poly1305, chachaFailure),
  ec('ecdsa-p384', 6, 'P-384'),
  ec('ecdsa-p521', 7, 'P-521'),
  aead('aes128-gcm96', 8, aes128Gcm, aesFailure),
  rsa(3072, 9),
  { family: 'hmac', ...plainly('hmac'), code: 10, shownName: 'hmac', encrypts: false, signs: false, derives: false },
  aead('xchacha20-poly1305', 11, xchacha20Poly1305, chachaFailure),
  // What Vault and OpenBao do not have, or not under these numbers.
  postQuantum('ml-dsa-44', 1001), postQuantum('ml-dsa-65', 1002), postQuantum('ml-dsa-87', 1003),
  ...slhDsaSets.map((scheme, i) => postQuantum(scheme, 1010 + i)),
  kem('ml-kem-768-x25519', 1030, 1120), kem('ml-kem-1024-p384', 1031, 1665),
]

const byName: ReadonlyMap<string, KeyType> = new Map(types.map((type) => [type.name, Object.freeze(type)]))
const nameOfCaller = (apiType: string, parameterSet: string): string => `${apiType}/${parameterSet}`
const byCaller: ReadonlyMap<string, KeyType> = new Map(types.map((type) => [nameOfCaller(type.apiType, type.parameterSet), type]))
const byCode: ReadonlyMap<number, KeyType> = new Map(types.map((type) => [type.code, type]))

/** By the name that is kept. */
export const findKeyType = (name: string): KeyType | null => byName.get(name) ?? null
/** By what a caller names it. */
export const findNamedType = (apiType: string, parameterSet = ''): KeyType | null => byCaller.get(nameOfCaller(apiType, parameterSet)) ?? null
/** The sets of parameters that a type asks for. */
export const parameterSetsOf = (apiType: string): readonly string[] => types.filter((type) => type.apiType === apiType && type.parameterSet !== '').map((type) => type.parameterSet)
export const findKeyTypeByCode = (code: number): KeyType | null => byCode.get(code) ?? null

/** Whether its versions have a public half. */
export const isAsymmetric = ({ family }: KeyType): boolean => family !== 'aead' && family !== 'hmac'
/** Whether both halves are bytes of their own and not forms that OpenSSL knows. */
export const isPostQuantum = ({ family }: KeyType): boolean => family === 'post-quantum' || family === 'kem'

/** Bytes of a key of type hmac. */
export const hmacBytesMin = 32
export const hmacBytesMax = 512
