/**
 * RSA signatures (RFC 8017) over a hash that the caller has made already. Node signs only what it hashes itself, so the encodings EMSA-PSS
 * and EMSA-PKCS1-v1_5 are made here; the arithmetic is OpenSSL's.
 */
import { constants, createHash, privateEncrypt, publicDecrypt, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Digest } from './digests.ts'

const modulusBits = (key: KeyObject): number => key.asymmetricKeyDetails?.modulusLength ?? 0
const modulusBytes = (key: KeyObject): number => Math.ceil(modulusBits(key) / 8)

/** The longest salt that fits (RFC 8017, section 9.1.1); negative when the key is too short for the hash. */
export const pssSaltMax = (key: KeyObject, digest: Digest): number => Math.ceil((modulusBits(key) - 1) / 8) - 2 - digest.bytes

/** RSASSA-PKCS1-v1_5 over `hash`; without a digest over the bytes as they are, at most 11 less than the modulus has. */
export const signPkcs1Hash = (key: KeyObject, hash: Uint8Array, digest: Digest | null): Buffer =>
  privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, digest === null ? hash : Buffer.concat([digest.infoPrefix, hash]))

export function verifyPkcs1Hash(key: KeyObject, hash: Uint8Array, signature: Uint8Array, digest: Digest | null): boolean {
  const text = digest === null ? hash : Buffer.concat([digest.infoPrefix, hash])
  const size = modulusBytes(key)
  if (text.length > size - 11) return false
  const encoded = openRaw(key, signature)
  const expected = Buffer.concat([Buffer.from([0, 1]), Buffer.alloc(size - text.length - 3, 0xff), Buffer.from([0]), text])
  return encoded !== null && encoded.length === size && timingSafeEqual(encoded, expected)
}

/** RSASSA-PSS over `hash`, with MGF1 of the same hash function. `salt` is random, at most `pssSaltMax` long. */
export function signPssHash(key: KeyObject, hash: Uint8Array, digest: Digest, salt: Uint8Array): Buffer {
  const bits = modulusBits(key) - 1
  const size = Math.ceil(bits / 8)
  const seal = pssSeal(hash, digest, salt)
  const block = Buffer.alloc(size - digest.bytes - 1)
  block.set(Buffer.concat([Buffer.from([1]), salt]), block.length - salt.length - 1)
  mask(block, seal, digest, 8 * size - bits)
  const encoded = Buffer.concat([Buffer.alloc(modulusBytes(key) - size), block, seal, Buffer.from([0xbc])])
  return privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded)
}

/** `saltLength` null takes a salt of any length. */
export function verifyPssHash(key: KeyObject, hash: Uint8Array, signature: Uint8Array, digest: Digest, saltLength: number | null): boolean {
  const bits = modulusBits(key) - 1
  const size = Math.ceil(bits / 8)
  const encoded = openRaw(key, signature)?.subarray(modulusBytes(key) - size)
  if (encoded === undefined || hash.length !== digest.bytes || encoded.length < digest.bytes + 2 || encoded.at(-1) !== 0xbc) return false
  const seal = encoded.subarray(-1 - digest.bytes, -1)
  const block = Buffer.from(encoded.subarray(0, size - digest.bytes - 1))
  const spare = 8 * size - bits
  if ((block[0] ?? 0) >> (8 - spare) !== 0) return false
  mask(block, seal, digest, spare)
  const start = block.findIndex((byte) => byte !== 0)
  if (start < 0 || block[start] !== 1) return false
  const salt = block.subarray(start + 1)
  return (saltLength === null || salt.length === saltLength) && timingSafeEqual(seal, pssSeal(hash, digest, salt))
}

/** H of section 9.1: eight zeros, the hash, the salt, hashed. */
const pssSeal = (hash: Uint8Array, digest: Digest, salt: Uint8Array): Buffer =>
  createHash(digest.name).update(Buffer.alloc(8)).update(hash).update(salt).digest()

/** Adds MGF1 (appendix B.2.1) of `seed` to `block`, and clears the bits that the modulus has no room for. */
function mask(block: Buffer, seed: Uint8Array, digest: Digest, spare: number): void {
  const counter = Buffer.alloc(4)
  for (let offset = 0, count = 0; offset < block.length; offset += digest.bytes, count++) {
    counter.writeUInt32BE(count)
    const part = createHash(digest.name).update(seed).update(counter).digest()
    for (let i = 0; i < part.length && offset + i < block.length; i++) block[offset + i] = (block[offset + i] ?? 0) ^ (part[i] ?? 0)
  }
  block[0] = (block[0] ?? 0) & (0xff >> spare)
}

/** The signature to the power of the public exponent; null when it is no number below the modulus. */
function openRaw(key: KeyObject, signature: Uint8Array): Buffer | null {
  if (signature.length !== modulusBytes(key)) return null
  try {
    return publicDecrypt({ key, padding: constants.RSA_NO_PADDING }, signature)
  } catch {
    return null
  }
}
