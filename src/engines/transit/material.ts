/** The keys inside versions, decoded once for each version for as long as the store hands out the same record. */
import { createPrivateKey, createPublicKey, createSecretKey, webcrypto } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { hkdfExtract } from '../../crypto/hkdf.ts'
import type { VersionRecord } from './records.ts'

function once<T>(make: (version: VersionRecord) => T): (version: VersionRecord) => T {
  const known = new WeakMap<VersionRecord, T>()
  return (version) => {
    const found = known.get(version)
    if (found !== undefined) return found
    const made = make(version)
    known.set(version, made)
    return made
  }
}

/** Uses the bytes of a base64 text and wipes them. */
function withBytes<T>(text: string, use: (bytes: Buffer) => T): T {
  const bytes = Buffer.from(text, 'base64')
  try {
    return use(bytes)
  } finally {
    bytes.fill(0)
  }
}

/** Of symmetric keys. */
export const secretKeyOf = once(({ secret }) => withBytes(secret, createSecretKey))
export const hmacKeyOf = once(({ hmac }) => withBytes(hmac, createSecretKey))
/** What keys are derived from by HKDF. */
export const derivationKeyOf = once(({ secret }) => withBytes(secret, (bytes) => hkdfExtract(bytes)))

export const publicKeyOf = once((version) => createPublicKey({ key: Buffer.from(version.public, 'base64'), format: 'der', type: 'spki' }))

const pkcs8Key = once(({ secret }) => withBytes(secret, (der) => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })))
const ed25519Key = once(({ secret }) => withBytes(secret, (bytes) => ed25519PrivateKey(bytes.subarray(0, 32))))

/** The private key of asymmetric keys; the version must have one. */
export const privateKeyOf = (version: VersionRecord, isEd25519: boolean): KeyObject => (isEd25519 ? ed25519Key : pkcs8Key)(version)

/** The private key of RSA as WebCrypto wants it: only there does decryption leave the event loop free. */
export const oaepKeyOf = once(({ secret }) =>
  webcrypto.subtle.importKey('pkcs8', Buffer.from(secret, 'base64'), { name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['decrypt']))

// PKCS #8 (RFC 8410, section 7): SEQUENCE { version 0, algorithm 1.3.101.112, OCTET STRING { OCTET STRING seed } } up to the seed.
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** The private key of a seed of 32 bytes. */
export function ed25519PrivateKey(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([ed25519Prefix, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

/** The 32 bytes of a public key. */
export const ed25519PublicBytes = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(-32)
