/** Keys made out of other keys: derivation by label (HKDF, RFC 5869), signing keys from a seed, comparison in constant time. */
import { createPrivateKey, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** 32 bytes that only this `label` yields, as a secret key. Knowing one derived key says nothing about another or about `secret`. */
export function deriveKey(secret: KeyObject, label: string): KeyObject {
  const bytes = deriveBytes(secret, label)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** The Ed25519 private key (RFC 8032) whose seed is the key that `label` derives. */
export function deriveSigningKey(secret: KeyObject, label: string): KeyObject {
  const seed = deriveBytes(secret, label)
  const der = Buffer.concat([ed25519Prefix, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  seed.fill(0)
  der.fill(0)
  return key
}

/** Whether two byte strings are equal, in a time that depends on their lengths only. */
export function isEqualSecret(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

// PKCS #8 (RFC 8410, section 7): SEQUENCE { version 0, algorithm 1.3.101.112, OCTET STRING { OCTET STRING seed } } up to the seed.
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

function deriveBytes(secret: KeyObject, label: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `coffer ${label}`, 32))
}
