/** Sealing with a hybrid of ML-KEM and a curve: each text has a shared secret of its own. Sealed is [encapsulated secret][nonce][ciphertext][tag]. */
import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { aes256Gcm, openWith, sealWith } from '../../crypto/aead-suites.ts'
import { hkdfExpand, hkdfExtract } from '../../crypto/hkdf.ts'
import { decapsulate, encapsulate } from '../../crypto/post-quantum.ts'
import { badRequest } from '../../kit/errors.ts'
import type { KeyType } from './key-types.ts'
import type { VersionRecord } from './records.ts'

type KemType = KeyType & { readonly family: 'kem' }

/** The AES-256-GCM key that a shared secret stands for. The secret is bound to what it was found with by the KEM itself. */
function keyOf({ name }: KemType, secret: Uint8Array): KeyObject {
  const bytes = hkdfExpand(hkdfExtract(secret), Buffer.from(`coffer transit ${name}`), aes256Gcm.keyBytes)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  secret.fill(0)
  return key
}

export async function sealEncapsulated(type: KemType, version: VersionRecord, plaintext: Uint8Array, associated: Uint8Array): Promise<Buffer> {
  const { secret, ciphertext } = await encapsulate(type.scheme, Buffer.from(version.public, 'base64'))
  return Buffer.concat([ciphertext, sealWith(aes256Gcm, keyOf(type, secret), plaintext, associated)])
}

export async function openEncapsulated(type: KemType, version: VersionRecord, sealed: Buffer, associated: Uint8Array): Promise<Buffer> {
  if (sealed.length < type.ciphertextBytes + aes256Gcm.nonceBytes) throw badRequest('invalid ciphertext length')
  const secret = await decapsulate(type.scheme, Buffer.from(version.secret, 'base64'), sealed.subarray(0, type.ciphertextBytes))
  const plaintext = secret === null ? null : openWith(aes256Gcm, keyOf(type, secret), sealed.subarray(type.ciphertextBytes), associated)
  if (plaintext === null) throw badRequest('cipher: message authentication failed')
  return plaintext
}
