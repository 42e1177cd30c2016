/**
 * ECDSA (FIPS 186-5, section 6.4) over a hash that the caller has made already, on the NIST curves. Node signs only what it hashes itself, so
 * this is done by @noble/curves, loaded when it is first needed. Signatures are r and s side by side (IEEE P1363).
 */
import type { KeyObject } from 'node:crypto'

export type NistCurve = 'P-256' | 'P-384' | 'P-521'

async function loadCurve(name: NistCurve) {
  const { p256, p384, p521 } = await import('@noble/curves/nist.js')
  return { 'P-256': p256, 'P-384': p384, 'P-521': p521 }[name]
}

const bytesOf = (text: string | undefined): Buffer => Buffer.from(text ?? '', 'base64url')
// The nonce is RFC 6979's with fresh randomness in it: neither a fault in the one nor in the other gives the key away.
const options = { prehash: false, lowS: false, format: 'compact' } as const

/** Signs the leftmost bits of `hash`, which may have any length from one byte on. */
export async function signEcdsaHash(name: NistCurve, key: KeyObject, hash: Uint8Array): Promise<Buffer> {
  const curve = await loadCurve(name)
  const secret = bytesOf(key.export({ format: 'jwk' }).d)
  const signature = curve.sign(hash, secret, { ...options, extraEntropy: true })
  secret.fill(0)
  return Buffer.from(signature)
}

export async function verifyEcdsaHash(name: NistCurve, key: KeyObject, hash: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const curve = await loadCurve(name)
  const { x, y } = key.export({ format: 'jwk' })
  const point = Buffer.concat([Buffer.from([4]), bytesOf(x), bytesOf(y)])
  try {
    return curve.verify(signature, hash, point, options)
  } catch {
    // A number that is no member of the group.
    return false
  }
}
