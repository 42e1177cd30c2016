/** Keys that belong to a context: derived for each request, and kept nowhere. */
import { createHmac, createPublicKey, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { hkdfExpand } from '../../crypto/hkdf.ts'
import { badRequest } from '../../kit/errors.ts'
import { derivationKeyOf, ed25519PrivateKey, secretKeyOf } from './material.ts'
import type { KeyRecord, VersionRecord } from './records.ts'

const missingContext =
  "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key"

/** `length` bytes that only this version and this context yield. */
export function deriveBytes(key: KeyRecord, version: VersionRecord, context: Uint8Array, length: number): Buffer {
  if (context.length === 0) throw badRequest(missingContext)
  return key.kdf === 'hkdf' ? hkdfExpand(derivationKeyOf(version), context, length) : counterBytes(secretKeyOf(version), context)
}

/** Vault's first derivation (NIST SP 800-108 in counter mode, counted from 0): always 32 bytes. */
function counterBytes(secret: KeyObject, context: Uint8Array): Buffer {
  const bits = Buffer.alloc(4)
  bits.writeUInt32BE(256)
  return createHmac('sha256', secret).update(Buffer.alloc(4)).update(context).update(bits).digest()
}

/** The key for sealing, and for convergent encryption the one that nonces are made with. */
export interface SealingKeys {
  readonly seal: KeyObject
  readonly nonce: KeyObject | null
}

export function sealingKeys(key: KeyRecord, version: VersionRecord, context: Uint8Array, keyBytes: number, withNonce: boolean): SealingKeys {
  if (!key.derived) return { seal: secretKeyOf(version), nonce: null }
  const bytes = deriveBytes(key, version, context, keyBytes + (withNonce ? nonceKeyBytes : 0))
  if (bytes.length < keyBytes + (withNonce ? nonceKeyBytes : 0)) throw badRequest('the way in which this key derives is too old for convergent encryption')
  const seal = createSecretKey(bytes.subarray(0, keyBytes))
  const nonce = withNonce ? createSecretKey(bytes.subarray(keyBytes, keyBytes + nonceKeyBytes)) : null
  bytes.fill(0)
  return { seal, nonce }
}

const nonceKeyBytes = 32

/** The Ed25519 pair whose seed is derived. */
export function derivedSigningPair(key: KeyRecord, version: VersionRecord, context: Uint8Array): { readonly private: KeyObject; readonly public: KeyObject } {
  const seed = deriveBytes(key, version, context, 32)
  const pair = ed25519PrivateKey(seed)
  seed.fill(0)
  return { private: pair, public: createPublicKey(pair) }
}
