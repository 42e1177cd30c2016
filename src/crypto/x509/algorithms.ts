/** Signature algorithms of certificates (RFC 3279, 4055, 5758, 8410): their identifiers, and signing and verifying with them. */
import { constants, sign as signWith, verify as verifyWith, type KeyObject, type SignKeyObjectInput } from 'node:crypto'
import { promisify } from 'node:util'
import { badRequest } from '../../kit/errors.ts'
import { explicit, integer, nothing, oid, sequence } from '../der.ts'

export interface SignatureAlgorithm {
  /** As Go's crypto/x509 names it, which is what Vault's API shows: `ECDSAWithSHA256`. */
  readonly name: string
  readonly keyType: 'rsa' | 'ec' | 'ed25519'
  /** Name of the hash for node:crypto; null where the algorithm has its own. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null
  readonly isPss: boolean
  /** AlgorithmIdentifier. */
  readonly der: Buffer
}

const hashOids = { sha256: '2.16.840.1.101.3.4.2.1', sha384: '2.16.840.1.101.3.4.2.2', sha512: '2.16.840.1.101.3.4.2.3' } as const
const saltLengths = { sha256: 32, sha384: 48, sha512: 64 } as const
type Digest = keyof typeof hashOids

const rsa = (digest: Digest, last: number): SignatureAlgorithm =>
  ({ name: `${digest.toUpperCase()}WithRSA`, keyType: 'rsa', digest, isPss: false, der: sequence(oid(`1.2.840.113549.1.1.${last}`), nothing) })
const ecdsa = (digest: Digest, last: number): SignatureAlgorithm =>
  ({ name: `ECDSAWith${digest.toUpperCase()}`, keyType: 'ec', digest, isPss: false, der: sequence(oid(`1.2.840.10045.4.3.${last}`)) })

/** RSASSA-PSS (RFC 4055 §3.1) with the same hash inside and a salt as long as the hash. */
function rsaPss(digest: Digest): SignatureAlgorithm {
  const hash = sequence(oid(hashOids[digest]), nothing)
  const parameters = sequence(explicit(0, hash), explicit(1, sequence(oid('1.2.840.113549.1.1.8'), hash)), explicit(2, integer(saltLengths[digest])))
  return { name: `${digest.toUpperCase()}WithRSAPSS`, keyType: 'rsa', digest, isPss: true, der: sequence(oid('1.2.840.113549.1.1.10'), parameters) }
}

export const signatureAlgorithms: readonly SignatureAlgorithm[] = Object.freeze([
  rsa('sha256', 11), rsa('sha384', 12), rsa('sha512', 13), ecdsa('sha256', 2), ecdsa('sha384', 3), ecdsa('sha512', 4),
  rsaPss('sha256'), rsaPss('sha384'), rsaPss('sha512'),
  { name: 'Ed25519', keyType: 'ed25519', digest: null, isPss: false, der: sequence(oid('1.3.101.112')) },
])

/** By the name that Go gives it, or null. */
export const findAlgorithm = (name: string): SignatureAlgorithm | null => signatureAlgorithms.find((known) => known.name === name) ?? null

const curveHash: Readonly<Record<number, string>> = { 224: 'SHA256', 256: 'SHA256', 384: 'SHA384', 521: 'SHA512' }

/** The algorithm that a key signs with: curves and Ed25519 decide it themselves. `hashBits` 0: 256. Throws `bad_request` where there is none. */
export function algorithmFor({ type, bits }: { readonly type: SignatureAlgorithm['keyType']; readonly bits: number }, hashBits: number, usePss: boolean): SignatureAlgorithm {
  const hash = type === 'ec' ? curveHash[bits] : `SHA${hashBits === 0 ? 256 : hashBits}`
  const name = type === 'ed25519' ? 'Ed25519' : type === 'ec' ? `ECDSAWith${hash}` : `${hash}WithRSA${usePss ? 'PSS' : ''}`
  const found = findAlgorithm(name)
  if (found === null) throw badRequest(`unsupported hash signature algorithm: ${hashBits}`)
  return found
}

/** The algorithm that an AlgorithmIdentifier means, or null for those that are not supported (SHA-1 and MD5 among them). */
export const algorithmOf = (der: Uint8Array): SignatureAlgorithm | null => signatureAlgorithms.find((known) => known.der.equals(der)) ?? null

function inputFor({ isPss, digest }: SignatureAlgorithm, key: KeyObject): KeyObject | SignKeyObjectInput {
  if (!isPss || digest === null) return key
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLengths[digest] }
}

const signInPool = promisify(signWith)

/** A private key that is here, or what signs with one that is elsewhere. */
export type SigningKey = KeyObject | ((algorithm: SignatureAlgorithm, data: Uint8Array) => Promise<Uint8Array>)

/**
 * The signature over `data`, in the form that certificates hold. Elliptic curves sign at once, faster than a thread could be asked to; RSA
 * takes a hundred times as long and signs in the thread pool.
 */
export function signBytes(algorithm: SignatureAlgorithm, key: SigningKey, data: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (typeof key === 'function') return key(algorithm, data)
  if (algorithm.keyType !== 'rsa') return signWith(algorithm.digest, data, key)
  return signInPool(algorithm.digest, data, inputFor(algorithm, key)) as Promise<Buffer>
}

/** Whether `signature` is one over `data`. False for malformed signatures and keys of another type as well. */
export function isSignedBy(algorithm: SignatureAlgorithm, key: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  if (key.asymmetricKeyType !== algorithm.keyType) return false
  try {
    return verifyWith(algorithm.digest, data, inputFor(algorithm, key), signature)
  } catch {
    return false
  }
}
