/** Keys of certificates: making them, what they are, and the forms in which they are handed out. */
import { createECDH, createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync, hash, KeyObject, subtle, type ECDH, type JsonWebKey } from 'node:crypto'
import { promisify } from 'node:util'
import { lane } from '../lane.ts'
import { pemEncode } from '../pem.ts'
import { bitString, explicit, integer, nothing, octetString, oid, sequence, tags } from '../der.ts'
import { integerBytes, readWhole, wholeBits } from '../der-reader.ts'

export type KeyType = 'rsa' | 'ec' | 'ed25519'

const curves: Readonly<Record<number, string>> = { 224: 'secp224r1', 256: 'prime256v1', 384: 'secp384r1', 521: 'secp521r1' }
const curveBits: Readonly<Record<string, number>> = { secp224r1: 224, prime256v1: 256, secp384r1: 384, secp521r1: 521 }

export interface NewKey {
  readonly type: KeyType
  /** PKCS #1 for RSA, SEC 1 for elliptic curves, PKCS #8 for Ed25519. */
  readonly privateDer: Buffer
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer
}

const traditional = { rsa: 'pkcs1', ec: 'sec1', ed25519: 'pkcs8' } as const
const pemLabels = { rsa: 'RSA PRIVATE KEY', ec: 'EC PRIVATE KEY', ed25519: 'PRIVATE KEY' } as const
const spkiDer = { type: 'spki', format: 'der' } as const
const generateRsa = promisify(generateKeyPair)
/** The threads that make keys also read and write the store. */
const rsaLane = lane({ running: 2, waiting: 100, refusal: 'too many RSA keys are being made; try again later' })

/**
 * A new key. `bits`: 2048, 3072, 4096, 8192 for RSA, 224, 256, 384, 521 for elliptic curves. RSA is made in the thread pool, two at a time, as
 * it takes up to seconds; throws `overloaded` when a hundred wait.
 */
export async function generateKey(type: KeyType, bits: number): Promise<NewKey> {
  if (type === 'rsa') {
    const options = { modulusLength: bits, publicKeyEncoding: spkiDer, privateKeyEncoding: { type: 'pkcs1', format: 'der' } } as const
    const made = await rsaLane(() => generateRsa('rsa', options))
    return { type, privateDer: made.privateKey, spki: made.publicKey }
  }
  if (type === 'ed25519') return newEd25519()
  const namedCurve = curves[bits]
  if (namedCurve === undefined) throw new Error(`no curve of ${bits} bits`)
  return newOnCurve(curveOf(namedCurve, bits))
}

// The fixed parts of RFC 8410 §4 and §7, up to the bytes of the key.
const ed25519Spki = Buffer.from('302a300506032b6570032100', 'hex')
const ed25519Pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** OpenSSL's encoders take several times as long as making the key; these forms are fixed, and written here. */
function newEd25519(): NewKey {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const [privateBytes, publicBytes] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  return { type: 'ed25519', privateDer: Buffer.concat([ed25519Pkcs8, privateBytes]), spki: Buffer.concat([ed25519Spki, publicBytes]) }
}

const curveOids: Readonly<Record<string, Buffer>> = { secp224r1: oid('1.3.132.0.33'), prime256v1: oid('1.2.840.10045.3.1.7'), secp384r1: oid('1.3.132.0.34'), secp521r1: oid('1.3.132.0.35') }
const ecPublicKey = oid('1.2.840.10045.2.1')

/** What all keys on one curve have in common. */
interface Curve {
  /** Setting up a curve takes longer than making a key on it. */
  readonly pair: ECDH
  /** RFC 5915 for the private key, RFC 5480 for the public one: with zeros for the numbers, each of which has one length. */
  readonly privateDer: Buffer
  readonly spki: Buffer
  /** Where the private number ends in `privateDer`; the public one is the end of both forms. */
  readonly scalarEnd: number
}

const curvesInUse = new Map<string, Curve>()

function curveOf(namedCurve: string, bits: number): Curve {
  const found = curvesInUse.get(namedCurve)
  if (found !== undefined) return found
  const length = Math.ceil(bits / 8)
  const [curve, point] = [curveOids[namedCurve] ?? oid(''), bitString(Buffer.alloc(1 + 2 * length))]
  const behind = [explicit(0, curve), explicit(1, point)]
  const privateDer = sequence(integer(1), octetString(Buffer.alloc(length)), ...behind)
  const made = { pair: createECDH(namedCurve), privateDer, spki: sequence(sequence(ecPublicKey, curve), point), scalarEnd: privateDer.length - Buffer.concat(behind).length }
  curvesInUse.set(namedCurve, made)
  return made
}

function newOnCurve(curve: Curve): NewKey {
  const point = curve.pair.generateKeys()
  const scalar = curve.pair.getPrivateKey()
  const [privateDer, spki] = [Buffer.from(curve.privateDer), Buffer.from(curve.spki)]
  privateDer.set(scalar, curve.scalarEnd - scalar.length)
  privateDer.set(point, privateDer.length - point.length)
  spki.set(point, spki.length - point.length)
  return { type: 'ec', privateDer, spki }
}

export interface KeyKind {
  readonly type: KeyType
  /** Of the modulus or of the curve; 0 for Ed25519. */
  readonly bits: number
}

/** What kind of key this is; null for kinds that certificates here are not made for. */
export function kindOf(key: KeyObject): KeyKind | null {
  const known = kinds.get(key)
  if (known !== undefined) return known
  const details = key.asymmetricKeyDetails
  if (key.asymmetricKeyType === 'rsa') return { type: 'rsa', bits: details?.modulusLength ?? 0 }
  if (key.asymmetricKeyType === 'ed25519') return { type: 'ed25519', bits: 0 }
  const bits = curveBits[details?.namedCurve ?? '']
  return key.asymmetricKeyType === 'ec' && bits !== undefined ? { type: 'ec', bits } : null
}

/** The private key of a DER encoding in any of the three forms; null for what is none, or a kind that is not supported. */
export function findPrivateKey(der: Buffer): KeyObject | null {
  for (const type of ['pkcs8', 'sec1', 'pkcs1'] as const) {
    try {
      const key = createPrivateKey({ key: der, format: 'der', type })
      return kindOf(key) === null ? null : key
    } catch {
      continue
    }
  }
  return null
}

/** The public key of a SubjectPublicKeyInfo; null for what OpenSSL does not take as one. */
export function findPublicKey(spki: Buffer): KeyObject | null {
  try {
    const known = decodeUsual(spki)
    if (known === null) return createPublicKey({ key: spki, format: 'der', type: 'spki' })
    const key = createPublicKey({ key: known.jwk, format: 'jwk' })
    kinds.set(key, known.kind)
    return key
  } catch {
    return null
  }
}

const ecdsaOnP256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/**
 * As `findPublicKey`, for less where the key is one on P-256: only whether the point is on the curve is checked, which is enough where all points have the
 * same order (NIST SP 800-186 §3.2.1: cofactor 1). It is Node's WebCrypto alone that reads points so.
 */
export async function importPublicKey(spki: Buffer): Promise<KeyObject | null> {
  if (!isOnP256(spki)) return findPublicKey(spki)
  try {
    const key = KeyObject.from(await subtle.importKey('raw', spki.subarray(p256Spki.length - 1), ecdsaOnP256, true, ['verify']))
    kinds.set(key, p256)
    return key
  } catch {
    return null
  }
}

/** Kinds of keys that were decoded here: OpenSSL takes as long to tell as to decode. */
const kinds = new WeakMap<KeyObject, KeyKind>()

/** Up to the coordinates; the last byte says that both follow. */
const p256Spki = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')
const isOnP256 = (spki: Buffer): boolean => spki.length === 91 && spki.subarray(0, 27).equals(p256Spki)
const p256: KeyKind = { type: 'ec', bits: 256 }
const rsaAlgorithm = sequence(oid('1.2.840.113549.1.1.1'), nothing)

/**
 * The usual keys in their usual forms, read here: OpenSSL 3 spends more time on finding a decoder for them than on a signature. Null for all others. A point
 * that is not on its curve is refused where the key is made.
 */
function decodeUsual(spki: Buffer): { readonly jwk: JsonWebKey; readonly kind: KeyKind } | null {
  const part = (from: number, to: number): string => spki.subarray(from, to).toString('base64url')
  if (spki.length === 44 && spki.subarray(0, 12).equals(ed25519Spki)) return { jwk: { kty: 'OKP', crv: 'Ed25519', x: part(12, 44) }, kind: { type: 'ed25519', bits: 0 } }
  if (isOnP256(spki)) return { jwk: { kty: 'EC', crv: 'P-256', x: part(27, 59), y: part(59, 91) }, kind: p256 }
  const reader = readWhole(spki)
  if (!reader.next(tags.sequence).whole.equals(rsaAlgorithm)) return null
  const numbers = readWhole(wholeBits(reader.next(tags.bitString).content))
  const [n, e] = [integerBytes(numbers), integerBytes(numbers)].map(withoutSign)
  reader.end()
  numbers.end()
  if (n === undefined || e === undefined || n.length < 128 || (n[0] ?? 0) < 0x80 || e.length > 8) return null
  return { jwk: { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }, kind: { type: 'rsa', bits: n.length * 8 } }
}

const withoutSign = (number: Buffer): Buffer => (number[0] === 0 && number.length > 1 ? number.subarray(1) : number)

/** SubjectPublicKeyInfo of a private or public key. */
export const spkiOf = (key: KeyObject): Buffer => (key.type === 'private' ? createPublicKey(key as never) : key).export(spkiDer)

/** SHA-1 of the bits of the public key: the key identifier of RFC 5280 §4.2.1.2 (1), and the issuer's key hash of OCSP. By way of a text, as that saves memory of its own. */
export const keyIdOf = (spki: Uint8Array): Buffer => Buffer.from(hash('sha1', publicBits(spki), 'hex'), 'hex')

/** The content of the subjectPublicKey of a SubjectPublicKeyInfo, without the count of unused bits. */
export function publicBits(spki: Uint8Array): Uint8Array {
  const reader = readWhole(spki)
  reader.next(tags.sequence)
  return wholeBits(reader.next(tags.bitString).content)
}

/** The traditional form of a key (see `NewKey`), as DER. */
export const privateDerOf = (key: KeyObject, type: KeyType): Buffer => key.export({ type: traditional[type], format: 'der' } as { type: 'pkcs8'; format: 'der' })

/** The same in PEM, without a line end at its end. */
export const privatePem = (type: KeyType, der: Uint8Array): string => pemEncode(pemLabels[type], der)

/** PKCS #8 out of the traditional form. */
export function toPkcs8(type: KeyType, der: Buffer): Buffer {
  if (type === 'ed25519') return der
  return createPrivateKey({ key: der, format: 'der', type: traditional[type] }).export({ type: 'pkcs8', format: 'der' })
}

/** Decodes the traditional form. */
export const privateKeyOf = (type: KeyType, der: Buffer): KeyObject => createPrivateKey({ key: der, format: 'der', type: traditional[type] })
