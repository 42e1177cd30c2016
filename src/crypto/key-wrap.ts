/**
 * Keys wrapped for transport: AES key wrap with padding (RFC 5649), and the pair of it with RSA-OAEP that PKCS #11 calls
 * CKM_RSA_AES_KEY_WRAP: [AES key under RSA][target key under that AES key].
 */
import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const padded = 'id-aes256-wrap-pad'
const alternativeIv = Buffer.from('a65959a6', 'hex')
const ephemeralBytes = 32
/** Of a key that is to be wrapped; larger ones are no keys. */
const wrappedKeyMax = 16 * 1024

/** `key` is 32 bytes. */
export function wrapPadded(key: Uint8Array, target: Uint8Array): Buffer {
  const cipher = createCipheriv(padded, key, alternativeIv)
  return Buffer.concat([cipher.update(target), cipher.final()])
}

/** The target key, or null when it was not wrapped with this key. */
export function unwrapPadded(key: Uint8Array, wrapped: Uint8Array): Buffer | null {
  if (wrapped.length < 16 || wrapped.length % 8 !== 0 || wrapped.length > wrappedKeyMax + 16) return null
  try {
    const decipher = createDecipheriv(padded, key, alternativeIv)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch {
    return null
  }
}

/** Wraps `target` for whoever holds the private key of `publicKey` (RSA); `hash` is OAEP's, in OpenSSL's name. */
export function wrapForTransport(publicKey: KeyObject, target: Uint8Array, hash: string): Buffer {
  const ephemeral = randomBytes(ephemeralBytes)
  const sealedKey = publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, ephemeral)
  const wrapped = wrapPadded(ephemeral, target)
  ephemeral.fill(0)
  return Buffer.concat([sealedKey, wrapped])
}

/** The target key, or null when it was not wrapped for `privateKey` with this hash. */
export function unwrapFromTransport(privateKey: KeyObject, wrapped: Buffer, hash: string): Buffer | null {
  const keyBytes = Math.ceil((privateKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  if (wrapped.length <= keyBytes) return null
  const ephemeral = decryptOaep(privateKey, wrapped.subarray(0, keyBytes), hash)
  if (ephemeral?.length !== ephemeralBytes) return null
  const target = unwrapPadded(ephemeral, wrapped.subarray(keyBytes))
  ephemeral.fill(0)
  return target
}

/** RSAES-OAEP (RFC 8017, section 7.1) without a label; null when it does not open. */
function decryptOaep(privateKey: KeyObject, ciphertext: Uint8Array, hash: string): Buffer | null {
  try {
    return privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, ciphertext)
  } catch {
    return null
  }
}
