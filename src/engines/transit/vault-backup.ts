/** Keys in the form in which Vault and OpenBao back them up, so that they can go from one server to another. */
import type { KeyObject } from 'node:crypto'
import { decodeBase64 } from '../../crypto/base64.ts'
import { pemEncode } from '../../crypto/pem.ts'
import { badRequest, type ApiError } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { encodeJson, parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { formatTime } from '../../kit/time.ts'
import { ed25519Halves, ed25519Spki, emptyKey, pairHalves, publicHalf, type Halves } from './generate.ts'
import { findKeyTypeByCode, type KeyType } from './key-types.ts'
import { ed25519PrivateKey, ed25519PublicBytes, privateKeyOf, publicKeyOf } from './material.ts'
import { checkFits, checkPair, checkSize } from './parse-key.ts'
import { isKeyName, oldestUsable, typeOf, type KeyRecord, type Mark, type VersionRecord } from './records.ts'
import { parseEc, parseRsa, writeEc, writeRsa } from './vault-numbers.ts'

type Random = (bytes: number) => Uint8Array
type Numbered = ReadonlyMap<number, VersionRecord>

export interface Backup {
  readonly key: KeyRecord
  /** All that are not trimmed. */
  readonly versions: Numbered
}

// Writing

const nanoseconds = 1_000_000_000
const kdfNumber = { counter: 0, hkdf: 1 }
const emptyEntry = {
  key: null, hmac_key: null, time: '0001-01-01T00:00:00Z', ec_x: null, ec_y: null, ec_d: null, rsa_key: null, rsa_public_key: null, public_key: '',
  convergent_version: 0, creation_time: 0, certificate_chain: null,
}

/** The JSON of a backup. */
export function writeBackup({ key, versions }: Backup): string {
  const type = typeOf(key)
  const entry = (number: number) => {
    const version = versions.get(number)
    return version === undefined ? emptyEntry : writeEntry(type, version)
  }
  const numbers = (first: number) => Array.from({ length: key.latest - first + 1 }, (_, i) => first + i)
  const policy = { ...writePolicy(key, type), keys: Object.fromEntries(numbers(oldestUsable(key)).map((number) => [number, entry(number)])) }
  return encodeJson({ policy, archived_keys: { keys: numbers(key.minAvailable).map(entry) } })
}

const writePolicy = (key: KeyRecord, type: KeyType): Record<string, unknown> => ({
  name: key.name,
  ...(key.keySize > 0 && { key_size: key.keySize }),
  derived: key.derived,
  kdf: key.derived ? kdfNumber[key.kdf] : 0,
  convergent_encryption: key.convergent,
  exportable: key.exportable,
  min_decryption_version: key.minDecryption,
  min_encryption_version: key.minEncryption,
  latest_version: key.latest,
  archive_version: key.latest,
  archive_min_version: key.minAvailable,
  min_available_version: key.minAvailable,
  deletion_allowed: key.deletionAllowed,
  convergent_version: key.convergentVersion,
  type: type.code,
  backup_info: writeMark(key.backup),
  restore_info: writeMark(key.restore),
  allow_plaintext_backup: key.plaintextBackup,
  version_template: '',
  storage_prefix: '',
  auto_rotate_period: key.autoRotateSeconds * nanoseconds,
  Imported: key.imported,
  AllowImportedKeyRotation: key.importedRotation,
  soft_deleted: key.softDeleted,
})

const writeMark = (mark: Mark | null) => (mark === null ? null : { time: formatTime(mark.at), version: mark.version })

const writeEntry = (type: KeyType, version: VersionRecord): Record<string, unknown> => ({
  ...emptyEntry,
  ...writeMaterial(type, version),
  hmac_key: version.hmac === '' ? null : version.hmac,
  time: formatTime(version.createdAt),
  convergent_version: version.convergent,
  creation_time: Math.floor(version.createdAt / 1000),
  certificate_chain: version.chain.length === 0 ? null : version.chain,
})

function writeMaterial(type: KeyType, version: VersionRecord): Record<string, unknown> {
  const hasPrivate = version.secret !== ''
  const known = (): KeyObject => (hasPrivate ? privateKeyOf(version, false) : publicKeyOf(version))
  switch (type.family) {
    case 'rsa': return { [hasPrivate ? 'rsa_key' : 'rsa_public_key']: writeRsa(known()) }
    case 'ec': return { ...writeEc(known()), public_key: `${pemEncode('PUBLIC KEY', Buffer.from(version.public, 'base64'))}\n` }
    case 'ed25519': return { key: hasPrivate ? version.secret : null, public_key: ed25519PublicBytes(publicKeyOf(version)).toString('base64') }
    case 'post-quantum':
    case 'kem': return { key: version.secret, public_key: version.public }
    default: return { key: version.secret }
  }
}

// Reading

const malformed = (what: string): ApiError => badRequest(`backup: ${what}`)
const versionsMax = 1_000_000

/** Reads a backup. `name` '' keeps the name in it. Nothing in it is trusted: throws a bad request for whatever does not fit together. */
export function parseBackup(text: string, name: string, now: number, random: Random): Backup {
  const whole = parseJson(text, { values: 5_000_000, strings: 5_000_000 })
  const policy = isJsonObject(whole) ? whole['policy'] : undefined
  if (!isJsonObject(policy)) throw malformed('it has no policy')
  const key = parsePolicy(policy, name, now, random)
  const archive = isJsonObject(whole) ? whole['archived_keys'] : undefined
  const versions = parseVersions(key, policy, isJsonObject(archive) ? archive : {}, random)
  return { key: { ...key, rotatedAt: versions.get(key.latest)?.createdAt ?? now }, versions }
}

function parsePolicy(policy: JsonObject, rename: string, now: number, random: Random): KeyRecord {
  const type = findKeyTypeByCode(integer(policy, 'type'))
  if (type === null) throw malformed('the type of the key is not known here')
  const name = rename === '' ? text(policy, 'name') : rename
  if (!isKeyName(name)) throw badRequest('key names cannot be paths')
  if (!['', 'vault:v{{version}}:'].includes(text(policy, 'version_template'))) throw malformed('its ciphertexts have a form of their own')
  const settings = {
    derived: flag(policy, 'derived'), convergent: flag(policy, 'convergent_encryption'), exportable: flag(policy, 'exportable'),
    plaintextBackup: flag(policy, 'allow_plaintext_backup'), autoRotateSeconds: Math.floor(integer(policy, 'auto_rotate_period') / nanoseconds),
    keySize: integer(policy, 'key_size'), imported: flag(policy, 'Imported'), importedRotation: flag(policy, 'AllowImportedKeyRotation'),
  }
  const latest = integer(policy, 'latest_version') || (isJsonObject(policy['keys']) ? Object.keys(policy['keys']).length : 0)
  return checkNumbers({
    ...emptyKey(name, type, settings, random),
    kdf: settings.derived && integer(policy, 'kdf') === 0 ? 'counter' : 'hkdf',
    convergentVersion: integer(policy, 'convergent_version'),
    deletionAllowed: flag(policy, 'deletion_allowed'),
    softDeleted: flag(policy, 'soft_deleted'),
    latest,
    minDecryption: integer(policy, 'min_decryption_version') || 1,
    minEncryption: integer(policy, 'min_encryption_version'),
    minAvailable: integer(policy, 'min_available_version'),
    backup: mark(policy['backup_info']),
    restore: { at: now, version: latest },
  })
}

function checkNumbers(key: KeyRecord): KeyRecord {
  const { latest, minDecryption, minEncryption, minAvailable, autoRotateSeconds, convergentVersion } = key
  const fits = latest >= 1 && latest <= versionsMax && minDecryption >= 1 && minDecryption <= latest && minEncryption >= 0 && minEncryption <= latest
    && minAvailable >= 0 && minAvailable <= minDecryption && autoRotateSeconds >= 0 && Math.abs(convergentVersion) <= 3
  if (!fits || (minEncryption > 0 && minEncryption < minDecryption)) throw malformed('the versions do not fit together')
  return key
}

function parseVersions(key: KeyRecord, policy: JsonObject, archive: JsonObject, random: Random): Numbered {
  const type = typeOf(key)
  const current = isJsonObject(policy['keys']) ? policy['keys'] : {}
  const archived = Array.isArray(archive['keys']) ? (archive['keys'] as readonly Json[]) : []
  const versions = new Map<number, VersionRecord>()
  for (let number = Math.max(1, key.minAvailable); number <= key.latest; number++) {
    const entry = Object.hasOwn(current, number) ? current[number] : archived[number - key.minAvailable]
    if (!isJsonObject(entry)) throw malformed(`version ${number} is missing`)
    versions.set(number, parseEntry(type, key, entry, random))
  }
  return versions
}

function parseEntry(type: KeyType, key: KeyRecord, entry: JsonObject, random: Random): VersionRecord {
  const halves = parseMaterial(type, entry)
  if (key.derived && halves.secret === '') throw malformed('a derived key has no secret')
  const hmac = text(entry, 'hmac_key')
  const chain = Array.isArray(entry['certificate_chain']) ? (entry['certificate_chain'] as readonly Json[]) : []
  const at = Date.parse(text(entry, 'time'))
  return {
    ...halves,
    createdAt: at > 0 ? at : Math.max(0, integer(entry, 'creation_time')) * 1000,
    // Very old keys have none; Vault then makes one, too.
    hmac: type.family === 'hmac' ? halves.secret : hmac === '' ? Buffer.from(random(32)).toString('base64') : bytes(hmac, 1, 512).toString('base64'),
    convergent: integer(entry, 'convergent_version'),
    chain: chain.map((der) => bytes(typeof der === 'string' ? der : '', 1, 65_536).toString('base64')),
  }
}

function parseMaterial(type: KeyType, entry: JsonObject): Halves {
  switch (type.family) {
    case 'rsa': return checkedHalves(type, parseRsa(entry['rsa_key'] ?? entry['rsa_public_key']))
    case 'ec': return checkedHalves(type, parseEc(type.curve, entry['ec_x'], entry['ec_y'], entry['ec_d']))
    case 'ed25519': return parseEd25519(entry)
    case 'post-quantum':
    case 'kem': return { secret: bytes(text(entry, 'key'), 32, 8192).toString('base64'), public: bytes(text(entry, 'public_key'), 32, 8192).toString('base64') }
    default: return { secret: checkSize(type, bytes(text(entry, 'key'), 1, 512)).toString('base64'), public: '' }
  }
}

function parseEd25519(entry: JsonObject): Halves {
  const secret = text(entry, 'key')
  if (secret === '') return { secret: '', public: ed25519Spki(bytes(text(entry, 'public_key'), 32, 32)).toString('base64') }
  const halves = ed25519Halves(ed25519PrivateKey(bytes(secret, 64, 64).subarray(0, 32)))
  if (halves.secret !== secret) throw malformed('the parts of a key do not belong together')
  return halves
}

function checkedHalves(type: KeyType, key: KeyObject): Halves {
  checkFits(type, key)
  if (key.type === 'public') return { secret: '', public: publicHalf(key) }
  checkPair(type, key)
  return pairHalves(key)
}

function mark(value: Json | undefined): Mark | null {
  if (!isJsonObject(value)) return null
  const at = Date.parse(text(value, 'time'))
  return { at: at > 0 ? at : 0, version: integer(value, 'version') }
}

function bytes(base64: string, min: number, max: number): Buffer {
  const decoded = decodeBase64(base64)
  if (decoded === null || decoded.length < min || decoded.length > max) throw malformed('the bytes of a key are malformed')
  return decoded
}

const fieldOf = (object: JsonObject, name: string): Json => (Object.hasOwn(object, name) ? (object[name] ?? null) : null)

function integer(object: JsonObject, name: string): number {
  const value = fieldOf(object, name) ?? 0
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed(`${name} is no whole number`)
  return value
}

function flag(object: JsonObject, name: string): boolean {
  const value = fieldOf(object, name) ?? false
  if (typeof value !== 'boolean') throw malformed(`${name} is neither true nor false`)
  return value
}

function text(object: JsonObject, name: string): string {
  const value = fieldOf(object, name) ?? ''
  if (typeof value !== 'string') throw malformed(`${name} is no text`)
  return value
}
