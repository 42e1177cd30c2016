/**
 * AES-256-GCM with a random 96-bit nonce per message (NIST SP 800-38D, section 8.2.2): sealed bytes are
 * [room][nonce 12][ciphertext][tag 16]. Nonces come out of a pool, because asking the system for each costs a third of the whole
 * encryption.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, randomFillSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export const aeadKeyLength = 32
export const aeadNonceLength = 12
const tagLength = 16
/** What sealing adds to the length of the plaintext. */
export const aeadOverhead = aeadNonceLength + tagLength

// The pool belongs to this module instance: worker threads and child processes load their own, so no two ever share random bytes.
const pool = Buffer.alloc(4096 * aeadNonceLength)
let poolOffset = pool.length

/** Copies 12 fresh random bytes to `target` and forgets them, so that a nonce is in memory only where it is used. */
export function takeNonce(target: Buffer, offset: number): Buffer {
  if (poolOffset === pool.length) {
    randomFillSync(pool)
    poolOffset = 0
  }
  const nonce = target.subarray(offset, offset + aeadNonceLength)
  pool.copy(nonce, 0, poolOffset)
  pool.fill(0, poolOffset, (poolOffset += aeadNonceLength))
  return nonce
}

/** A new random key. `random` is that of `node:crypto` but where a seed has to replay it. */
export function createAeadKey(random: (bytes: number) => Uint8Array = randomBytes): KeyObject {
  return importAeadKey(random(aeadKeyLength))
}

/** The key of these 32 bytes, which are wiped: from here on only OpenSSL holds them. */
export function importAeadKey(bytes: Uint8Array): KeyObject {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/**
 * Seals `plaintext` and binds it to `context` (additional data). The result begins with `room` bytes that are left to the caller.
 * At most 2^32 messages may be sealed under one key; the caller counts.
 */
export function sealAead(key: KeyObject, plaintext: Uint8Array, context: Uint8Array, room = 0): Buffer {
  const sealed = Buffer.allocUnsafe(room + aeadOverhead + plaintext.length)
  const nonce = takeNonce(sealed, room)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
  cipher.setAAD(context)
  cipher.update(plaintext).copy(sealed, room + aeadNonceLength)
  cipher.final()
  cipher.getAuthTag().copy(sealed, sealed.length - tagLength)
  return sealed
}

/** The plaintext, in a buffer of its own, or null when the bytes were not sealed like this: another key, another context, or changed. */
export function openAead(key: KeyObject, sealed: Uint8Array, context: Uint8Array, room = 0): Buffer | null {
  const tagAt = sealed.length - tagLength
  const textAt = room + aeadNonceLength
  if (tagAt < textAt) return null
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(room, textAt), { authTagLength: tagLength })
  decipher.setAAD(context)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(textAt, tagAt))
  try {
    decipher.final()
    return plaintext
  } catch {
    // The tag does not fit. What was decrypted so far is attacker-chosen: it must not survive.
    plaintext.fill(0)
    return null
  }
}
