/** What is kept: one record for each key, and one for each version of it, which holds the secrets. */
import { badRequest, internal } from '../../kit/errors.ts'
import { nameText } from '../../kit/fields.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { findKeyType, type KeyType } from './key-types.ts'

/** When something was done, in milliseconds, and the latest version then. */
export interface Mark {
  readonly at: number
  readonly version: number
}

export interface KeyRecord {
  /** Names the folder of the versions: a key that is deleted and made again never meets the old ones. */
  readonly id: string
  readonly name: string
  readonly type: string
  /** Bytes of keys of type hmac; 0 otherwise. */
  readonly keySize: number
  readonly derived: boolean
  /** How keys are derived by a context. Vault's first way is only met in restored keys. */
  readonly kdf: 'hkdf' | 'counter'
  readonly convergent: boolean
  /** The scheme of versions that do not say; -1 means that all do. */
  readonly convergentVersion: number
  readonly exportable: boolean
  readonly plaintextBackup: boolean
  readonly deletionAllowed: boolean
  readonly softDeleted: boolean
  readonly imported: boolean
  readonly importedRotation: boolean
  readonly latest: number
  /** The oldest version that may open or verify; 1 at least. */
  readonly minDecryption: number
  /** The oldest version that may seal or sign; 0: only the latest, unless another is asked for. */
  readonly minEncryption: number
  /** The oldest version that there is; 0: nothing was trimmed. */
  readonly minAvailable: number
  readonly autoRotateSeconds: number
  /** When the latest version was made, in milliseconds. */
  readonly rotatedAt: number
  readonly backup: Mark | null
  readonly restore: Mark | null
}

export interface VersionRecord {
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** Base64; '' where only the public half is known. Raw bytes of symmetric keys, Ed25519 as seed and public key, PKCS #8 of RSA and ECDSA, the bytes of post-quantum keys. */
  readonly secret: string
  /** Base64 of the SubjectPublicKeyInfo, of post-quantum keys of the bytes; '' for symmetric keys. */
  readonly public: string
  /** Base64 of the key for HMACs, which is `secret` for keys of type hmac. */
  readonly hmac: string
  /** The scheme of convergent encryption; 0: the key says. */
  readonly convergent: number
  /** Certificates of the public key, base64 of the DER, the leaf first. */
  readonly chain: readonly string[]
}

export const keysFolder = 'key/'
export const keys = records<KeyRecord, [name: string]>((name) => `${keysFolder}${name}`)
export const versions = records<VersionRecord, [id: string, version: string]>((id, version) => `version/${id}/${version}`)

/** The names of the keys that are rotated by time, so that the chore reads no others. */
export const rotatingFolder = 'rotating/'
export const rotating = records<Record<never, never>, [name: string]>((name) => `${rotatingFolder}${name}`)

const names = nameText('').pattern
const nameMax = 256

/** Whether a key can have this name, where it does not come out of a path. */
export const isKeyName = (name: string): boolean => name.length <= nameMax && names?.test(name) === true

export const newKeyId = (random: (bytes: number) => Uint8Array): string => uuidOf(random(16))

export function typeOf(key: KeyRecord): KeyType {
  const type = findKeyType(key.type)
  if (type === null) throw internal(`a key has the unknown type ${key.type}`)
  return type
}

/** The key; throws `missing` as a bad request when it is not there. */
export async function resolveKey(store: Pick<Transaction, 'get'>, name: string, missing = 'encryption key not found'): Promise<KeyRecord> {
  const key = await keys.read(store, name)
  if (key === null) throw badRequest(missing)
  return key
}

/** Writes the key, and whether it is rotated by time. `before` is what the store holds now. */
export function writeKey(store: Transaction, key: KeyRecord, before: KeyRecord | null): void {
  keys.write(store, key, key.name)
  const isRotating = key.autoRotateSeconds > 0
  if (isRotating === (before !== null && before.autoRotateSeconds > 0)) return
  if (isRotating) rotating.write(store, {}, key.name)
  else rotating.remove(store, key.name)
}

export const writeVersion = (store: Transaction, key: KeyRecord, number: number, version: VersionRecord): void =>
  versions.write(store, version, key.id, String(number))

/** The oldest version that may be used for anything. */
export const oldestUsable = (key: KeyRecord): number => Math.max(1, key.minDecryption, key.minAvailable)

/** One version of those that may be used; throws a bad request for others. */
export async function resolveVersion(store: Pick<Transaction, 'get'>, key: KeyRecord, number: number): Promise<VersionRecord> {
  if (!Number.isSafeInteger(number) || number < oldestUsable(key) || number > key.latest) throw badRequest('no such key version')
  return await readVersion(store, key, number)
}

/** A version that is known to be there. */
export async function readVersion(store: Pick<Transaction, 'get'>, key: KeyRecord, number: number): Promise<VersionRecord> {
  const version = await versions.read(store, key.id, String(number))
  if (version === null) throw internal(`version ${number} of a key is not in the store`)
  return version
}

/** The versions that may be used, oldest first. */
export async function usableVersions(store: Pick<Transaction, 'get'>, key: KeyRecord): Promise<(readonly [number, VersionRecord])[]> {
  const found: (readonly [number, VersionRecord])[] = []
  for (let number = oldestUsable(key); number <= key.latest; number++) found.push([number, await readVersion(store, key, number)])
  return found
}

/** Removes versions, from `first` on and before `end`. */
export function removeVersions(store: Transaction, key: KeyRecord, first: number, end: number): void {
  for (let number = Math.max(1, first); number < end; number++) versions.remove(store, key.id, String(number))
}

export function checkNotSoftDeleted(key: KeyRecord): void {
  if (key.softDeleted) throw badRequest('refusing to use soft-deleted key')
}
