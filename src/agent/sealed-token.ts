/**
 * The envelope of encrypted sinks, as Vault's clients read it: X25519 (RFC 7748) between the key in `dh_path` and one of the agent's own, the
 * shared secret as it is or through HKDF-SHA256 (RFC 5869), and AES-256-GCM.
 */
import { createCipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto'
import { isExactObject, parseExact } from '../../client/src/exact-json.ts'

export interface SealingKey {
  /** Of whoever reads: 32 bytes. */
  readonly theirPublic: Uint8Array
  readonly additionalData: string
  readonly derives: boolean
}

const publicBytes = 32
/** SubjectPublicKeyInfo of X25519 (RFC 8410), up to the key. */
const header = Buffer.from('302a300506032b656e032100', 'hex')

/** The key of a file `{"curve25519_public_key": BASE64}`. Throws an `Error` for anything else. */
export function parsePublicKey(text: string): Uint8Array {
  const written = fieldOf(text)
  const key = Buffer.from(written, 'base64')
  if (key.length !== publicBytes || key.toString('base64') !== written) throw new Error('dh_path: expected {"curve25519_public_key": 32 bytes in base64}')
  return key
}

function fieldOf(text: string): string {
  try {
    const parsed = parseExact(text)
    const value = isExactObject(parsed) ? parsed['curve25519_public_key'] : undefined
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}

/** A JSON text. The own key is new each time. Throws for a public key that gives no secret. */
export function sealToken(token: string, { theirPublic, additionalData, derives }: SealingKey): string {
  const { publicKey, privateKey } = generateKeyPairSync('x25519')
  const ourPublic = publicKey.export({ format: 'der', type: 'spki' }).subarray(header.length)
  const theirs = createPublicKey({ key: Buffer.concat([header, theirPublic]), format: 'der', type: 'spki' })
  const secret = diffieHellman({ privateKey, publicKey: theirs })
  const key = derives ? deriveKey(secret, ourPublic, theirPublic) : secret
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(additionalData))
  const sealed = Buffer.concat([cipher.update(token), cipher.final(), cipher.getAuthTag()])
  return JSON.stringify({ curve25519_public_key: ourPublic.toString('base64'), nonce: nonce.toString('base64'), encrypted_payload: sealed.toString('base64') })
}

/** Both keys take part in their numerical order, so that either side comes to the same. */
export function deriveKey(secret: Uint8Array, one: Uint8Array, other: Uint8Array): Buffer {
  const [salt, info] = Buffer.compare(one, other) < 0 ? [one, other] : [other, one]
  return Buffer.from(hkdfSync('sha256', secret, salt, info, 32))
}
