/**
 * A message for one recipient, as every OpenPGP program reads it: the session key encrypted to the recipient (RFC 9580 §5.1), and the text under it with
 * AES-256 and a modification detection code (§5.13.1).
 */
import { constants, createCipheriv, createHash, diffieHellman, generateKeyPairSync, publicEncrypt, randomBytes, type KeyObject } from 'node:crypto'
import { mpi, packet, uint16, uint32 } from './packets.ts'
import { algorithms, type EcdhParameters, type PublicKey } from './public-key.ts'
import type { Recipient } from './recipient.ts'

const aes256 = 9
const tags = { sessionKey: 1, literal: 11, sealed: 18, modificationCode: 19 } as const

/** The message, binary. `bytes` are of any kind. */
export function encryptTo({ key }: Recipient, bytes: Uint8Array): Buffer {
  const sessionKey = randomBytes(32)
  try {
    return Buffer.concat([packet(tags.sessionKey, sessionKeyFor(key, sessionKey)), packet(tags.sealed, sealed(sessionKey, bytes))])
  } finally {
    sessionKey.fill(0)
  }
}

function sessionKeyFor({ key, keyId, algorithm, ecdh, fingerprint }: PublicKey, sessionKey: Buffer): Buffer {
  if (key === null) throw new TypeError('a recipient has a key')
  const sum = sessionKey.reduce((all, byte) => all + byte, 0) & 0xffff
  const secret = Buffer.concat([Buffer.from([aes256]), sessionKey, uint16(sum)])
  const encrypted = ecdh === null
    ? mpi(publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, secret))
    : viaEcdh(key, ecdh, fingerprint, secret)
  secret.fill(0)
  return Buffer.concat([Buffer.from([3]), keyId, Buffer.from([ecdh === null ? algorithm : algorithms.ecdh]), encrypted])
}

/** RFC 9580 §11.4 and §11.5: a key of one use, and what both can compute wraps the secret (RFC 3394). */
function viaEcdh(recipient: KeyObject, { curve, hash, wrapBytes, derivation }: EcdhParameters, fingerprint: Buffer, secret: Buffer): Buffer {
  const once = curve.name === 'X25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ec', { namedCurve: curve.nodeName })
  const shared = diffieHellman({ privateKey: once.privateKey, publicKey: recipient })
  const context = Buffer.concat([derivation, Buffer.from('Anonymous Sender    '), fingerprint])
  const wrappingKey = createHash(hash).update(uint32(1)).update(shared).update(context).digest().subarray(0, wrapBytes)
  const padding = 8 - (secret.length % 8)
  const cipher = createCipheriv(`id-aes${wrapBytes * 8}-wrap`, wrappingKey, Buffer.alloc(8, 0xa6))
  const wrapped = Buffer.concat([cipher.update(Buffer.concat([secret, Buffer.alloc(padding, padding)])), cipher.final()])
  for (const part of [shared, wrappingKey]) part.fill(0)
  return Buffer.concat([mpi(pointOf(once.publicKey)), Buffer.from([wrapped.length]), wrapped])
}

function pointOf(key: KeyObject): Buffer {
  const { x = '', y } = key.export({ format: 'jwk' })
  return y === undefined ? Buffer.concat([Buffer.from([0x40]), Buffer.from(x, 'base64url')]) : Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

/** Sixteen random bytes, of which two are repeated, come first; a hash over all, encrypted as well, comes last. */
function sealed(sessionKey: Buffer, bytes: Uint8Array): Buffer {
  const random = randomBytes(16)
  const plain = Buffer.concat([random, random.subarray(14), packet(tags.literal, literal(bytes)), Buffer.from([0xc0 | tags.modificationCode, 20])])
  const code = createHash('sha1').update(plain).digest()
  const cipher = createCipheriv('aes-256-cfb', sessionKey, Buffer.alloc(16))
  const encrypted = Buffer.concat([Buffer.from([1]), cipher.update(plain), cipher.update(code), cipher.final()])
  plain.fill(0)
  return encrypted
}

/** Binary, without a name and a date. */
const literal = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([0x62, 0]), uint32(0), bytes])
