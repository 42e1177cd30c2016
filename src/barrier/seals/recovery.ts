/**
 * The root key for the holders of the recovery key: when the seal that unseals by itself is lost, its key deleted or its cloud gone, their shares open
 * the store. The root key is sealed to a public key that is derived from the recovery key (X25519, HKDF-SHA256, AES-256-GCM), so that every new root key can be sealed to
 * them while the recovery key itself is kept nowhere.
 */
import { createPrivateKey, createPublicKey, createSecretKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { importAeadKey, openAead, sealAead } from '../../crypto/aead.ts'
import { deriveKey } from '../../crypto/keys.ts'

const publicKeyLength = 32
const context = Buffer.from('coffer root key recovery 1')
// RFC 8410: everything that stands before the 32 bytes of a private and of a public X25519 key in DER.
const privatePrefix = Buffer.from('302e020100300506032b656e04220420', 'hex')
const publicPrefix = Buffer.from('302a300506032b656e032100', 'hex')

const importPublic = (bytes: Uint8Array): KeyObject => createPublicKey({ key: Buffer.concat([publicPrefix, bytes]), format: 'der', type: 'spki' })
const exportPublic = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'spki' }).subarray(publicPrefix.length)

function privateKeyOf(recoveryKey: Uint8Array): KeyObject {
  const seed = deriveKey(createSecretKey(recoveryKey), 'recovery x25519').export()
  const der = Buffer.concat([privatePrefix, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  seed.fill(0)
  der.fill(0)
  return key
}

/** What a root key is sealed to. The recovery key (the caller wipes it) is 32 bytes. */
export const recoveryPublicKey = (recoveryKey: Uint8Array): Buffer => exportPublic(createPublicKey(privateKeyOf(recoveryKey)))

/** Both public keys go into the key, so that nothing can be put in place of either. */
function sharedKey(own: KeyObject, other: KeyObject, ...publicKeys: readonly Uint8Array[]): KeyObject {
  const shared = diffieHellman({ privateKey: own, publicKey: other })
  const material = Buffer.concat([shared, ...publicKeys])
  const bytes = deriveKey(createSecretKey(material), 'recovery root key').export()
  const key = importAeadKey(bytes)
  for (const buffer of [shared, material]) buffer.fill(0)
  return key
}

export function sealToRecovery(publicKey: Uint8Array, rootKey: Uint8Array): Buffer {
  const once = generateKeyPairSync('x25519')
  const ours = exportPublic(once.publicKey)
  return Buffer.concat([ours, sealAead(sharedKey(once.privateKey, importPublic(publicKey), ours, publicKey), rootKey, context)])
}

/** The root key, to be wiped by the caller; null when it was sealed to another recovery key. */
export function openByRecovery(recoveryKey: Uint8Array, sealed: Uint8Array): Buffer | null {
  if (recoveryKey.length !== 32 || sealed.length <= publicKeyLength) return null
  const own = privateKeyOf(recoveryKey)
  const theirs = sealed.subarray(0, publicKeyLength)
  try {
    return openAead(sharedKey(own, importPublic(theirs), theirs, exportPublic(createPublicKey(own))), sealed.subarray(publicKeyLength), context)
  } catch {
    return null // a point that makes no secret
  }
}
