/** Key pairs whose private half stays in the token: finding them, making them, and signing with them. */
import { createHash } from 'node:crypto'
import { bitString, nothing, octetString, oid, printable, sequence, tags, unsigned } from '../der.ts'
import { DerError, DerReader } from '../der-reader.ts'
import { TokenError } from './errors.ts'
import { layMechanism, layPss, type Laid } from './layout.ts'
import type { KeyName, PairType, PublicPart, SignTerms } from './messages.ts'
import { keyTypes, mechanisms, type HashName } from './numbers.ts'
import { className, compute, findKey, generatePair, nameOf, readAttribute, readNumber, type Session } from './session.ts'

const curves: Readonly<Record<number, Buffer>> = { 256: oid('1.2.840.10045.3.1.7'), 384: oid('1.3.132.0.34'), 521: oid('1.3.132.0.35') }
const edwardsOid = oid('1.3.101.112')
/** Of PKCS #11 before 3.0 amended it, and still what most libraries give. */
const edwardsName = printable('edwards25519')
const rsaEncryption = sequence(oid('1.2.840.113549.1.1.1'), nothing)
const ecPublicKey = oid('1.2.840.10045.2.1')

/** Null when the token has no such private key. Throws `TokenError` when its public half cannot be read, or is of a kind that is not supported. */
export function publicPartOf(session: Session, key: KeyName): PublicPart | null {
  const own = findKey(session, 'private', key)
  if (own === null) return null
  const other = findKey(session, 'public', key)
  const read = (name: 'modulus' | 'publicExponent' | 'ecParams' | 'ecPoint'): Buffer => {
    const value = (other === null ? null : readAttribute(session, other, name)) ?? readAttribute(session, own, name)
    if (value === null) throw new TokenError('absent', `the token has no ${className.public} ${nameOf(key)} beside the private one`)
    return value
  }
  const type = readNumber(session, own, 'keyType')
  if (type === keyTypes.rsa) return rsaPart(read('modulus'), read('publicExponent'))
  if (type === keyTypes.ec) return curvePart(read('ecParams'), read('ecPoint'))
  if (type === keyTypes.edwards) return edwardsPart(read('ecParams'), read('ecPoint'))
  throw unsupported(key)
}

const unsupported = (key: KeyName): TokenError => new TokenError('refused', `the private key ${nameOf(key)} is of a kind that is not supported: RSA, P-256, P-384, P-521 and Ed25519 are`)

function rsaPart(modulus: Buffer, exponent: Buffer): PublicPart {
  const start = modulus.findIndex((byte) => byte !== 0)
  const bits = 8 * (modulus.length - start) - Math.clz32(modulus[start] ?? 0) + 24
  return { type: 'rsa', bits, spki: sequence(rsaEncryption, bitString(sequence(unsigned(modulus), unsigned(exponent)))) }
}

function curvePart(params: Buffer, point: Buffer): PublicPart {
  const bits = Object.keys(curves).map(Number).find((size) => curves[size]?.equals(params))
  if (bits === undefined) throw new TokenError('refused', 'the curve of the private key is not supported: P-256, P-384 and P-521 are')
  return { type: 'ec', bits, spki: sequence(sequence(ecPublicKey, params), bitString(pointOf(point, 1 + 2 * Math.ceil(bits / 8)))) }
}

function edwardsPart(params: Buffer, point: Buffer): PublicPart {
  if (!params.equals(edwardsOid) && !params.equals(edwardsName)) throw new TokenError('refused', 'of Edwards curves Ed25519 alone is supported')
  return { type: 'ed25519', bits: 0, spki: sequence(sequence(edwardsOid), bitString(pointOf(point, 32))) }
}

/** An OCTET STRING by the standard; some libraries give the point, of this length, as it is. */
function pointOf(value: Buffer, bytes: number): Buffer {
  if (value.length === bytes) return value
  try {
    return new DerReader(value).next(tags.octetString).content
  } catch (error) {
    throw error instanceof DerError ? new TokenError('refused', 'the token gives a point that is none') : error
  }
}

/** What the key pair is, which is made unless it is there. Throws `TokenError`. */
export function ensurePair(session: Session, key: KeyName, type: PairType, bits: number): PublicPart {
  const known = publicPartOf(session, key)
  if (known !== null) return known
  const { native } = session
  const named = { ...(key.label !== '' && { label: key.label }), ...(key.id !== '' && { id: Buffer.from(key.id, 'hex') }) }
  const ofPrivate = { token: true, private: true, sensitive: true, extractable: false, sign: true, ...named }
  const ofPublic = { token: true, private: false, verify: true, ...named }
  if (type === 'rsa') generatePair(session, layMechanism(native, mechanisms.rsaKeyGeneration), { ...ofPublic, modulusBits: bits, publicExponent: Buffer.from([1, 0, 1]) }, ofPrivate)
  else {
    const [mechanism, params] = type === 'ec' ? [mechanisms.ecKeyGeneration, curves[bits]] : [mechanisms.edwardsKeyGeneration, edwardsName]
    if (params === undefined) throw new TokenError('refused', `no curve of ${bits} bits`)
    generatePair(session, layMechanism(native, mechanism), { ...ofPublic, ecParams: params }, ofPrivate)
  }
  const made = publicPartOf(session, key)
  if (made === null) throw new TokenError('absent', `the token does not show the key pair ${nameOf(key)} that it has made`)
  return made
}

const hashOids: Readonly<Record<HashName, Buffer>> = {
  sha1: oid('1.3.14.3.2.26'), sha224: oid('2.16.840.1.101.3.4.2.4'), sha256: oid('2.16.840.1.101.3.4.2.1'), sha384: oid('2.16.840.1.101.3.4.2.2'), sha512: oid('2.16.840.1.101.3.4.2.3'),
}

/** A signature over `data`, which is hashed here: tokens are slow, and far. Throws `TokenError`. */
export function signByPair(session: Session, { key, type, hash, isPss }: SignTerms, data: Uint8Array): Buffer {
  const own = findKey(session, 'private', key)
  if (own === null) throw new TokenError('absent', `the token has no ${className.private} ${nameOf(key)}`)
  const mechanism = (number: number, parameter: Laid | null = null): Laid => layMechanism(session.native, number, parameter)
  if (type === 'ed25519') return compute(session, 'Sign', own, mechanism(mechanisms.eddsa), data)
  if (hash === null) throw new TokenError('refused', 'this key signs hashes')
  const digest = createHash(hash).update(data).digest()
  if (type === 'ec') return derSignature(compute(session, 'Sign', own, mechanism(mechanisms.ecdsa), digest))
  if (isPss) return compute(session, 'Sign', own, mechanism(mechanisms.rsaPss, layPss(hash, digest.length)), digest)
  return compute(session, 'Sign', own, mechanism(mechanisms.rsaPkcs), sequence(sequence(hashOids[hash], nothing), octetString(digest)))
}

/** Two numbers of one length, as tokens give them, as the sequence that certificates hold. */
function derSignature(raw: Buffer): Buffer {
  const half = raw.length / 2
  return sequence(unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half)))
}
