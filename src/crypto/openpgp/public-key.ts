/** Public keys of OpenPGP, version 4 (RFC 9580 §5.5), as keys of `node:crypto`: RSA, ECDSA and ECDH over NIST curves, Ed25519 and Curve25519. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { OpenPgpError, Reader, uint16 } from './packets.ts'

export interface PublicKey {
  readonly body: Buffer
  /** 20 bytes. */
  readonly fingerprint: Buffer
  /** The last 8 bytes of it. */
  readonly keyId: Buffer
  /** Seconds since 1970. */
  readonly createdAt: number
  readonly algorithm: number
  /** Null where the algorithm is none that is known here. */
  readonly key: KeyObject | null
  readonly ecdh: EcdhParameters | null
}

export interface EcdhParameters {
  readonly curve: Curve
  /** `sha256` … */
  readonly hash: string
  /** Bytes of the key that wraps: 16, 24 or 32. */
  readonly wrapBytes: number
  /** For the key derivation: OID with its length, algorithm, and the parameters as they stand in the key. */
  readonly derivation: Buffer
}

export interface Curve {
  readonly name: 'P-256' | 'P-384' | 'P-521' | 'X25519' | 'Ed25519'
  /** Of `node:crypto`, for `generateKeyPair`. */
  readonly nodeName: string
  /** Bytes of a coordinate. */
  readonly size: number
}

const curves: ReadonlyMap<string, Curve> = new Map([
  ['2a8648ce3d030107', { name: 'P-256', nodeName: 'prime256v1', size: 32 }],
  ['2b81040022', { name: 'P-384', nodeName: 'secp384r1', size: 48 }],
  ['2b81040023', { name: 'P-521', nodeName: 'secp521r1', size: 66 }],
  ['2b060104019755010501', { name: 'X25519', nodeName: 'x25519', size: 32 }],
  ['2b06010401da470f01', { name: 'Ed25519', nodeName: 'ed25519', size: 32 }],
])

/** RFC 9580 §9.5. MD5 and RIPEMD are not accepted; SHA-1 only protects what owners say of their own keys, where a collision is of no use. */
export const hashNames: ReadonlyMap<number, string> = new Map([[2, 'sha1'], [8, 'sha256'], [9, 'sha384'], [10, 'sha512'], [11, 'sha224']])
const wrapSizes: ReadonlyMap<number, number> = new Map([[7, 16], [8, 24], [9, 32]])

export const algorithms = { rsa: 1, rsaEncrypt: 2, rsaSign: 3, ecdh: 18, ecdsa: 19, eddsa: 22 } as const
const rsaBitsMin = 2048

export function readPublicKey(body: Buffer): PublicKey {
  const reader = new Reader(body)
  const version = reader.number(1)
  if (version !== 4) throw new OpenPgpError(`it is a key of version ${version}; only version 4 is supported`)
  const createdAt = reader.number(4)
  const algorithm = reader.number(1)
  const fingerprint = createHash('sha1').update(keyData(body)).digest()
  const material = readMaterial(reader, algorithm)
  return { body, fingerprint, keyId: fingerprint.subarray(12), createdAt, algorithm, ...material }
}

/** A key as it stands in what signatures sign (§5.2.4). */
export const keyData = (body: Buffer): Buffer => Buffer.concat([Buffer.from([0x99]), uint16(body.length), body])

function readMaterial(reader: Reader, algorithm: number): Pick<PublicKey, 'key' | 'ecdh'> {
  if (algorithm === algorithms.rsa || algorithm === algorithms.rsaEncrypt || algorithm === algorithms.rsaSign) return { key: rsaKey(reader), ecdh: null }
  if (algorithm !== algorithms.ecdh && algorithm !== algorithms.ecdsa && algorithm !== algorithms.eddsa) return { key: null, ecdh: null }
  const oid = reader.take(reader.number(1))
  const curve = curves.get(oid.toString('hex'))
  const point = reader.mpi()
  if (curve === undefined) return { key: null, ecdh: null }
  const key = curveKey(curve, point)
  return { key, ecdh: algorithm === algorithms.ecdh ? ecdhParameters(reader, curve, oid) : null }
}

function rsaKey(reader: Reader): KeyObject {
  const [n, e] = [reader.mpi(), reader.mpi()]
  if (n.length * 8 < rsaBitsMin) throw new OpenPgpError(`its RSA key has only ${n.length * 8} bits; ${rsaBitsMin} is the least`)
  return imported({ kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') })
}

function curveKey({ name, size }: Curve, point: Buffer): KeyObject {
  if (name === 'X25519' || name === 'Ed25519') {
    if (point.length !== size + 1 || point[0] !== 0x40) throw new OpenPgpError('a point of its curve has a wrong form')
    return imported({ kty: 'OKP', crv: name, x: point.subarray(1).toString('base64url') })
  }
  if (point.length !== 2 * size + 1 || point[0] !== 4) throw new OpenPgpError('a point of its curve has a wrong form')
  return imported({ kty: 'EC', crv: name, x: point.subarray(1, size + 1).toString('base64url'), y: point.subarray(size + 1).toString('base64url') })
}

function imported(key: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch (cause) {
    throw new OpenPgpError('it holds numbers that are no key', { cause })
  }
}

/** RFC 9580 §11.5. */
function ecdhParameters(reader: Reader, curve: Curve, oid: Buffer): EcdhParameters {
  const given = reader.take(reader.number(1))
  const [reserved, hashId, cipherId] = given
  const hash = hashNames.get(hashId ?? 0)
  const wrapBytes = wrapSizes.get(cipherId ?? 0)
  if (reserved !== 1 || hash === undefined || hash === 'sha1' || wrapBytes === undefined) throw new OpenPgpError('its key derivation is not supported')
  const derivation = Buffer.concat([Buffer.from([oid.length]), oid, Buffer.from([algorithms.ecdh, given.length]), given])
  return { curve, hash, wrapBytes, derivation }
}
