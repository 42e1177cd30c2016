/** Keys from outside, checked against the type that they are to be. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject, PrivateKeyInput } from 'node:crypto'
import { readOid, readWhole } from '../../crypto/der-reader.ts'
import { tags } from '../../crypto/der.ts'
import { pemDecode } from '../../crypto/pem.ts'
import { badRequest } from '../../kit/errors.ts'
import { ed25519Halves, pairHalves, publicHalf, type Halves } from './generate.ts'
import { ed25519PrivateKey } from './material.ts'
import { hmacBytesMax, hmacBytesMin, type KeyType } from './key-types.ts'

/** The bytes of a symmetric key, or PKCS #8. */
export function parsePrivateHalves(type: KeyType, bytes: Buffer): Halves {
  if (type.family === 'aead' || type.family === 'hmac') return { secret: checkSize(type, bytes).toString('base64'), public: '' }
  const key = parsePkcs8(bytes)
  checkFits(type, key)
  checkPair(type, key)
  if (type.family === 'ed25519') return ed25519Halves(key)
  return pairHalves(key)
}

export function checkSize(type: KeyType, bytes: Buffer): Buffer {
  const fits = type.family === 'aead' ? bytes.length === type.suite.keyBytes : bytes.length >= hmacBytesMin && bytes.length <= hmacBytesMax
  if (!fits) throw badRequest(`invalid key size ${bytes.length} bytes for key type ${type.name}`)
  return bytes
}

function parsePkcs8(der: Buffer): KeyObject {
  const key = keyOrNull({ key: der, format: 'der', type: 'pkcs8' }) ?? ed25519AmongCurves(der)
  const plain = key?.asymmetricKeyType === 'rsa-pss' ? keyOrNull({ key: innerKey(der) ?? der, format: 'der', type: 'pkcs1' }) : key
  if (plain === null) throw badRequest('error importing key: error parsing asymmetric key: it is not PKCS #8')
  return plain
}

function keyOrNull(input: PrivateKeyInput): KeyObject | null {
  try {
    return createPrivateKey(input)
  } catch {
    return null
  }
}

/** What stands inside of PKCS #8: of RSA an RSAPrivateKey, also where the algorithm is RSASSA-PSS and its limits are no matter here. */
function innerKey(der: Buffer): Buffer | null {
  try {
    const info = readWhole(der)
    info.next(tags.integer)
    info.next(tags.sequence)
    return info.next(tags.octetString).content
  } catch {
    return null
  }
}

const ecPublicKey = '1.2.840.10045.2.1'
/** RFC 8410, and the number that NSS gave the curve before. */
const ed25519Curves: ReadonlySet<string> = new Set(['1.3.101.110', '1.3.101.112', '1.3.6.1.4.1.11591.15.1'])

/** An Ed25519 seed in an ECPrivateKey (RFC 5915), as NSS exports it. */
function ed25519AmongCurves(der: Buffer): KeyObject | null {
  try {
    const info = readWhole(der)
    info.next(tags.integer)
    const algorithm = info.enter()
    if (readOid(algorithm) !== ecPublicKey || !ed25519Curves.has(readOid(algorithm))) return null
    const inner = readWhole(info.next(tags.octetString).content)
    inner.next(tags.integer)
    const seed = inner.next(tags.octetString).content
    return seed.length === 32 ? ed25519PrivateKey(seed) : null
  } catch {
    return null
  }
}

/** PEM of a SubjectPublicKeyInfo. */
export function parsePublicHalves(type: KeyType, pem: string): Halves {
  const [block] = pemDecode(pem)
  if (block === undefined) throw badRequest('error importing key: error parsing public key: not in PEM format')
  const key = parseSpki(block.der)
  checkFits(type, key)
  return { secret: '', public: publicHalf(key) }
}

function parseSpki(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    throw badRequest('error importing key: error parsing public key')
  }
}

const curveNames: Readonly<Record<string, string>> = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }

/** Refuses keys of another algorithm, size or curve. */
export function checkFits(type: KeyType, key: KeyObject): void {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  const wrong = (expected: string) => badRequest(`error importing key: invalid key type: expected ${expected}`)
  if (key.asymmetricKeyType !== type.family) throw wrong(type.name)
  if (type.family === 'rsa' && Math.ceil(modulusLength / 8) !== type.bits / 8) throw wrong(`a modulus of ${type.bits} bits`)
  if (type.family === 'ec' && namedCurve !== curveNames[type.curve]) throw wrong(`the curve ${type.curve}`)
}

/** Halves that do not belong together would give false signatures, and with RSA the key away. */
export function checkPair(type: KeyType, key: KeyObject): void {
  const probe = Buffer.from('probe')
  const digest = type.family === 'ed25519' ? null : 'sha256'
  try {
    if ((type.family !== 'rsa' || isWholeRsa(key)) && verify(digest, probe, createPublicKey(key), sign(digest, probe, key))) return
  } catch {
    // Numbers with which nothing can be computed are no key.
  }
  throw badRequest('error importing key: the parts of the key do not belong together')
}

/** OpenSSL mends a signature that came of wrong factors without a word; whoever the key is handed to later may not. */
function isWholeRsa(key: KeyObject): boolean {
  const jwk = key.export({ format: 'jwk' })
  const [n, d, p, q, dp, dq, qi] = [jwk.n, jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi].map((text = '') => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)) as
    [bigint, bigint, bigint, bigint, bigint, bigint, bigint]
  return p * q === n && dp === d % (p - 1n) && dq === d % (q - 1n) && (qi * q) % p === 1n
}
