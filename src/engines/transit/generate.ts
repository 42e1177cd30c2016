/** New keys and new versions. What takes long is computed beside the event loop. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { generateRsaKey } from '../../crypto/key-pairs.ts'
import { generatePair, type PostQuantumPair } from '../../crypto/post-quantum.ts'
import { badRequest } from '../../kit/errors.ts'
import { hmacBytesMax, hmacBytesMin, type KeyType } from './key-types.ts'
import { ed25519PrivateKey } from './material.ts'
import { newKeyId, typeOf, type KeyRecord, type VersionRecord } from './records.ts'

type Random = (bytes: number) => Uint8Array

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
const currentConvergent = 3

/** The secret and public half of a version, in the form of the record. */
export type Halves = Pick<VersionRecord, 'secret' | 'public'>

async function newHalves(type: KeyType, keySize: number, random: Random): Promise<Halves> {
  switch (type.family) {
    case 'aead': return { secret: base64(random(type.suite.keyBytes)), public: '' }
    case 'hmac': return { secret: base64(random(keySize)), public: '' }
    case 'rsa': return pairHalves(await generateRsaKey(type.bits))
    case 'ec': return pairHalves(generateKeyPairSync('ec', { namedCurve: type.curve }).privateKey)
    case 'ed25519': return ed25519Halves(ed25519PrivateKey(random(32)))
    default: return rawHalves(await generatePair(type.scheme))
  }
}

const rawHalves = ({ secretKey, publicKey }: PostQuantumPair): Halves => ({ secret: base64(secretKey), public: base64(publicKey) })

/** Of RSA and ECDSA keys. */
export const pairHalves = (privateKey: KeyObject): Halves =>
  ({ secret: base64(privateKey.export({ format: 'der', type: 'pkcs8' })), public: publicHalf(createPublicKey(privateKey)) })

export const publicHalf = (publicKey: KeyObject): string => base64(publicKey.export({ format: 'der', type: 'spki' }))

/** Ed25519 keys are kept as Go has them, seed and public key: keys are derived from all 64 bytes. */
export function ed25519Halves(privateKey: KeyObject): Halves {
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' })
  const seed = Buffer.from(d, 'base64url')
  const point = Buffer.from(x, 'base64url')
  return { secret: base64(Buffer.concat([seed, point])), public: base64(Buffer.concat([spkiPrefix, point])) }
}

// SubjectPublicKeyInfo (RFC 8410, section 4) up to the point.
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/** The SubjectPublicKeyInfo of a point of 32 bytes. */
export const ed25519Spki = (point: Uint8Array): Buffer => Buffer.concat([spkiPrefix, point])

/** A version around its two halves. */
export function versionOf(type: KeyType, halves: Halves, convergent: boolean, now: number, random: Random): VersionRecord {
  const hmac = type.family === 'hmac' ? halves.secret : base64(random(32))
  return { createdAt: now, ...halves, hmac, convergent: convergent ? currentConvergent : 0, chain: [] }
}

export interface Settings {
  readonly derived?: boolean
  readonly convergent?: boolean
  readonly exportable?: boolean
  readonly plaintextBackup?: boolean
  readonly autoRotateSeconds?: number
  readonly keySize?: number
  readonly imported?: boolean
  readonly importedRotation?: boolean
}

/** A key without a version. Throws for settings that its type does not have. */
export function emptyKey(name: string, type: KeyType, settings: Settings, random: Random): KeyRecord {
  checkSettings(type, settings)
  const { derived = false, convergent = false, exportable = false, plaintextBackup = false, keySize = 0, imported = false, importedRotation = false } = settings
  return {
    id: newKeyId(random), name, type: type.name, keySize, derived, kdf: 'hkdf', convergent, convergentVersion: convergent ? -1 : 0, exportable, plaintextBackup,
    deletionAllowed: false, softDeleted: false, imported, importedRotation, latest: 0, minDecryption: 1, minEncryption: 0, minAvailable: 0,
    autoRotateSeconds: settings.autoRotateSeconds ?? 0, rotatedAt: 0, backup: null, restore: null,
  }
}

function checkSettings(type: KeyType, { derived = false, convergent = false, keySize = 0 }: Settings): void {
  if (convergent && !derived) throw badRequest('convergent encryption requires derivation to be enabled')
  if (derived && !type.derives) throw badRequest(`key derivation and convergent encryption not supported for keys of type ${type.name}`)
  if (convergent && !type.encrypts) throw badRequest(`convergent encryption not supported for keys of type ${type.name}`)
  if (type.family === 'hmac' && (keySize < hmacBytesMin || keySize > hmacBytesMax)) {
    throw badRequest(`invalid key size for HMAC key, must be between ${hmacBytesMin} and ${hmacBytesMax} bytes`)
  }
}

export interface Rotation {
  readonly key: KeyRecord
  readonly version: VersionRecord
}

/** The key with one version more, made here. */
export async function rotated(key: KeyRecord, now: number, random: Random): Promise<Rotation> {
  const type = typeOf(key)
  const version = versionOf(type, await newHalves(type, key.keySize, random), key.convergent, now, random)
  return { key: { ...key, latest: key.latest + 1, rotatedAt: now, imported: false }, version }
}
