/**
 * The AEADs that callers may choose: AES-128-GCM and AES-256-GCM (NIST SP 800-38D), ChaCha20-Poly1305 (RFC 8439) and XChaCha20-Poly1305
 * (draft-irtf-cfrg-xchacha-03). Sealed bytes are [nonce][ciphertext][tag 16].
 */
import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import type { CipherGCMTypes, KeyObject } from 'node:crypto'
import { aeadNonceLength, takeNonce } from './aead.ts'

const tagLength = 16
const nothing = new Uint8Array(0)

export interface AeadSuite {
  readonly keyBytes: number
  readonly nonceBytes: number
  /** OpenSSL's name of the cipher. Its typed names are those of GCM only. */
  readonly cipher: CipherGCMTypes
  /** The key and the nonce that the cipher itself gets. */
  readonly inner: ((key: KeyObject, nonce: Buffer) => { readonly key: KeyObject; readonly nonce: Uint8Array }) | null
}

const chacha = 'chacha20-poly1305' as CipherGCMTypes
const suite = (keyBytes: number, nonceBytes: number, cipher: CipherGCMTypes, inner: AeadSuite['inner'] = null): AeadSuite =>
  Object.freeze({ keyBytes, nonceBytes, cipher, inner })

export const aes128Gcm = suite(16, aeadNonceLength, 'aes-128-gcm')
export const aes256Gcm = suite(32, aeadNonceLength, 'aes-256-gcm')
export const chacha20Poly1305 = suite(32, aeadNonceLength, chacha)
export const xchacha20Poly1305 = suite(32, 2 * aeadNonceLength, chacha, extended)

/** Seals under a random nonce. */
export function sealWith(suite: AeadSuite, key: KeyObject, plaintext: Uint8Array, context: Uint8Array = nothing): Buffer {
  const sealed = Buffer.allocUnsafe(suite.nonceBytes + plaintext.length + tagLength)
  for (let offset = 0; offset < suite.nonceBytes; offset += aeadNonceLength) takeNonce(sealed, offset)
  return sealInto(sealed, suite, key, plaintext, context)
}

/** Seals under a given nonce, which must never meet two different plaintexts under one key: it has to be derived from what is sealed. */
export function sealDeterministic(suite: AeadSuite, key: KeyObject, nonce: Uint8Array, plaintext: Uint8Array, context: Uint8Array = nothing): Buffer {
  if (nonce.length !== suite.nonceBytes) throw new RangeError('a nonce of another length')
  const sealed = Buffer.allocUnsafe(suite.nonceBytes + plaintext.length + tagLength)
  sealed.set(nonce)
  return sealInto(sealed, suite, key, plaintext, context)
}

function sealInto(sealed: Buffer, suite: AeadSuite, key: KeyObject, plaintext: Uint8Array, context: Uint8Array): Buffer {
  const nonce = sealed.subarray(0, suite.nonceBytes)
  const inner = suite.inner?.(key, nonce) ?? { key, nonce }
  const cipher = createCipheriv(suite.cipher, inner.key, inner.nonce, { authTagLength: tagLength })
  if (context.length > 0) cipher.setAAD(context)
  cipher.update(plaintext).copy(sealed, suite.nonceBytes)
  cipher.final()
  cipher.getAuthTag().copy(sealed, sealed.length - tagLength)
  return sealed
}

/** The plaintext, or null when it was not sealed like this: another key, another context, or changed. `sealed` is at least a nonce long. */
export function openWith(suite: AeadSuite, key: KeyObject, sealed: Buffer, context: Uint8Array = nothing): Buffer | null {
  const tagAt = sealed.length - tagLength
  if (tagAt < suite.nonceBytes) return null
  const nonce = sealed.subarray(0, suite.nonceBytes)
  const inner = suite.inner?.(key, nonce) ?? { key, nonce }
  const decipher = createDecipheriv(suite.cipher, inner.key, inner.nonce, { authTagLength: tagLength })
  if (context.length > 0) decipher.setAAD(context)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(suite.nonceBytes, tagAt))
  try {
    decipher.final()
    return plaintext
  } catch {
    // What was decrypted so far is attacker-chosen: it must not survive.
    plaintext.fill(0)
    return null
  }
}

const chachaConstants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]

/**
 * XChaCha20: the key is HChaCha20 of the first 16 bytes of the nonce. A block of ChaCha20 is the permuted state plus the state itself, and of
 * the words that HChaCha20 wants (0 to 3 and 12 to 15) the state is known: constants and nonce. So OpenSSL's ChaCha20 gives it.
 */
function extended(key: KeyObject, nonce: Buffer): { key: KeyObject; nonce: Uint8Array } {
  const block = createCipheriv('chacha20', key, nonce.subarray(0, 16)).update(Buffer.alloc(64))
  const derived = Buffer.alloc(32)
  for (let i = 0; i < 4; i++) {
    derived.writeUInt32LE((block.readUInt32LE(4 * i) - (chachaConstants[i] ?? 0)) >>> 0, 4 * i)
    derived.writeUInt32LE((block.readUInt32LE(48 + 4 * i) - nonce.readUInt32LE(4 * i)) >>> 0, 16 + 4 * i)
  }
  const inner = { key: createSecretKey(derived), nonce: Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]) }
  block.fill(0)
  derived.fill(0)
  return inner
}
