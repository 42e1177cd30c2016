/** Signing and checking with a version of a key, whatever its type. */
import { constants, createHash, randomBytes, sign, verify } from 'node:crypto'
import type { KeyObject, SigningOptions } from 'node:crypto'
import { promisify } from 'node:util'
import type { Digest } from '../../crypto/digests.ts'
import { lane } from '../../crypto/lane.ts'
import { signPostQuantum, verifyPostQuantum } from '../../crypto/post-quantum.ts'
import { signEcdsaHash, verifyEcdsaHash } from '../../crypto/prehashed-ecdsa.ts'
import { pssSaltMax, signPkcs1Hash, signPssHash, verifyPkcs1Hash, verifyPssHash } from '../../crypto/prehashed-rsa.ts'
import { badRequest, type ApiError } from '../../kit/errors.ts'
import { derivedSigningPair } from './derive.ts'
import { dssToPlain, plainToDss } from './dss.ts'
import type { KeyType } from './key-types.ts'
import { privateKeyOf, publicKeyOf } from './material.ts'
import type { KeyRecord, VersionRecord } from './records.ts'

export interface SigningTerms {
  /** Null: `none`, the input is put into the padding as it is. */
  readonly digest: Digest | null
  /** The input is the hash already. */
  readonly prehashed: boolean
  /** Base64url, and r and s side by side, as JSON Web Signatures have it. */
  readonly jws: boolean
  readonly padding: string
  /** -1: as long as the hash; 0: as long as possible when signing, any when verifying. */
  readonly saltLength: number
}

/** A signature, and the public key where it was derived. */
export interface Signed {
  readonly signature: Buffer
  readonly publicKey: KeyObject | null
}

type RsaType = KeyType & { readonly family: 'rsa' }
type EcType = KeyType & { readonly family: 'ec' }

type SigningKey = SigningOptions & { readonly key: KeyObject }
const signInThread = promisify<string, Uint8Array, SigningKey, Buffer>(sign)
const verifyInThread = promisify<string, Uint8Array, SigningKey, Uint8Array, boolean>(verify)
/** The threads also read and write the store: half of them are left to it. */
const slow = lane({ running: 4, waiting: 10_000, refusal: 'too many signatures are being computed; try again' })
const signBeside = (digest: string, input: Uint8Array, key: SigningKey): Promise<Buffer> => slow(() => signInThread(digest, input, key))
const verifyBeside = (digest: string, input: Uint8Array, key: SigningKey, signature: Uint8Array): Promise<boolean> =>
  slow(() => verifyInThread(digest, input, key, signature))

export async function signInput(key: KeyRecord, type: KeyType, version: VersionRecord, input: Uint8Array, context: Uint8Array, terms: SigningTerms): Promise<Signed> {
  if (version.secret === '') throw badRequest('requested version for signing does not contain a private part')
  switch (type.family) {
    case 'rsa': return { signature: await signRsa(type, version, input, terms), publicKey: null }
    case 'ec': return { signature: await signEc(type, version, input, terms), publicKey: null }
    case 'ed25519': return signEd25519(key, version, input, context)
    case 'post-quantum': return { signature: await signPostQuantum(type.scheme, bytesOf(version.secret), checkWhole(input, terms)), publicKey: null }
    default: throw badRequest(`message signing not supported for key type ${type.name}`)
  }
}

/** False for a wrong signature; a malformed one is a bad request. */
export async function verifyInput(key: KeyRecord, type: KeyType, version: VersionRecord, input: Uint8Array, signature: Buffer, context: Uint8Array, terms: SigningTerms): Promise<boolean> {
  switch (type.family) {
    case 'rsa': return await verifyRsa(type, version, input, signature, terms)
    case 'ec': return await verifyEc(type, version, input, signature, terms)
    case 'ed25519': return verify(null, input, key.derived ? derivedSigningPair(key, version, context).public : publicKeyOf(version), signature)
    case 'post-quantum': return await verifyPostQuantum(type.scheme, bytesOf(version.public), checkWhole(input, terms), signature)
    default: throw badRequest(`message verification not supported for key type ${type.name}`)
  }
}

const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, 'base64')

function checkWhole(input: Uint8Array, { prehashed }: SigningTerms): Uint8Array {
  if (prehashed) throw badRequest('keys of this type sign the input itself, and no hash of it')
  return input
}

function signEd25519(key: KeyRecord, version: VersionRecord, input: Uint8Array, context: Uint8Array): Signed {
  if (!key.derived) return { signature: sign(null, input, privateKeyOf(version, true)), publicKey: null }
  const pair = derivedSigningPair(key, version, context)
  return { signature: sign(null, input, pair.private), publicKey: pair.public }
}

/** P-256 takes microseconds, the other curves and RSA take milliseconds and are computed beside the event loop. */
const isQuick = ({ curve }: EcType): boolean => curve === 'P-256'
const plain = { dsaEncoding: 'ieee-p1363' } as const

async function signEc(type: EcType, version: VersionRecord, input: Uint8Array, { digest, prehashed, jws }: SigningTerms): Promise<Buffer> {
  const key = privateKeyOf(version, false)
  const name = digestName(digest)
  const options = { key, ...plain }
  const signature = prehashed
    ? await signEcdsaHash(type.curve, key, checkHash(input))
    : isQuick(type) ? sign(name, input, options) : await signBeside(name, input, options)
  return jws ? signature : plainToDss(signature)
}

async function verifyEc(type: EcType, version: VersionRecord, input: Uint8Array, given: Buffer, { digest, prehashed, jws }: SigningTerms): Promise<boolean> {
  const size = Math.ceil(Number(type.curve.slice(2)) / 8)
  const signature = jws ? given : dssToPlain(given, size)
  if (signature === null || signature.length !== 2 * size) return false
  const key = publicKeyOf(version)
  if (prehashed) return await verifyEcdsaHash(type.curve, key, checkHash(input), signature)
  return await verifyBeside(digestName(digest), input, { key, ...plain }, signature)
}

const checkHash = (input: Uint8Array): Uint8Array => {
  if (input.length === 0) throw badRequest('the input is empty, but a hash was announced')
  return input
}

async function signRsa(type: RsaType, version: VersionRecord, input: Uint8Array, terms: SigningTerms): Promise<Buffer> {
  const { digest, prehashed } = terms
  const key = privateKeyOf(version, false)
  if (isPkcs1(terms)) {
    if (!prehashed) return await signBeside(digestName(digest), input, { key, padding: constants.RSA_PKCS1_PADDING })
    return signPkcs1Hash(key, checkHashLength(type, input, digest), digest)
  }
  const salt = saltFor(key, digest, terms.saltLength)
  if (prehashed) return signPssHash(key, checkHashLength(type, input, digest), digest as Digest, randomBytes(salt))
  return await signBeside(digestName(digest), input, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt })
}

async function verifyRsa(type: RsaType, version: VersionRecord, input: Uint8Array, signature: Buffer, terms: SigningTerms): Promise<boolean> {
  const { digest, prehashed } = terms
  const key = publicKeyOf(version)
  if (isPkcs1(terms)) {
    const hash = prehashed ? checkHashLength(type, input, digest) : hashed(input, digest)
    return verifyPkcs1Hash(key, hash, signature, digest)
  }
  const salt = terms.saltLength === 0 ? null : saltFor(key, digest, terms.saltLength)
  if (digest === null) throw unsupportedHash()
  return verifyPssHash(key, prehashed ? checkHashLength(type, input, digest) : hashed(input, digest), signature, digest, salt)
}

function isPkcs1({ padding }: SigningTerms): boolean {
  if (padding === 'pkcs1v15') return true
  if (padding === '' || padding === 'pss') return false
  throw badRequest(`unsupported rsa signature algorithm ${padding}`)
}

/** The bytes of salt that are meant. */
function saltFor(key: KeyObject, digest: Digest | null, asked: number): number {
  if (digest === null) throw unsupportedHash()
  const most = pssSaltMax(key, digest)
  const salt = asked === 0 ? most : asked === -1 ? digest.bytes : asked
  if (salt > most) throw badRequest(`requested salt length ${asked} is invalid`)
  return salt
}

function checkHashLength({ bits }: RsaType, hash: Uint8Array, digest: Digest | null): Uint8Array {
  if (digest !== null && hash.length !== digest.bytes) throw badRequest(`the input must be a hash of ${digest.bytes} bytes`)
  if (digest === null && hash.length > bits / 8 - 11) throw badRequest('the input is too long for the key')
  return hash
}

const hashed = (input: Uint8Array, digest: Digest | null): Uint8Array => createHash(digestName(digest)).update(input).digest()
const unsupportedHash = (): ApiError => badRequest('unsupported hash algorithm')

function digestName(digest: Digest | null): string {
  if (digest === null) throw unsupportedHash()
  return digest.name
}
