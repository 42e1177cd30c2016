/** A key as it is shown: settings, and what is public of its versions. */
import { pemEncode } from '../../crypto/pem.ts'
import { formatTime } from '../../kit/time.ts'
import type { Transaction } from '../../kit/store.ts'
import { derivedSigningPair } from './derive.ts'
import { isAsymmetric, isPostQuantum } from './key-types.ts'
import { ed25519PublicBytes, publicKeyOf } from './material.ts'
import { typeOf, usableVersions, type KeyRecord, type Mark, type VersionRecord } from './records.ts'

export async function showKey(store: Pick<Transaction, 'get'>, key: KeyRecord, context: Uint8Array = new Uint8Array(0)): Promise<Record<string, unknown>> {
  const type = typeOf(key)
  return {
    name: key.name,
    type: type.apiType,
    derived: key.derived,
    deletion_allowed: key.deletionAllowed,
    min_available_version: key.minAvailable,
    min_decryption_version: key.minDecryption,
    min_encryption_version: key.minEncryption,
    latest_version: key.latest,
    exportable: key.exportable,
    allow_plaintext_backup: key.plaintextBackup,
    supports_encryption: type.encrypts,
    supports_decryption: type.encrypts,
    supports_signing: type.signs,
    supports_derivation: type.derives,
    auto_rotate_period: key.autoRotateSeconds,
    imported_key: key.imported,
    soft_deleted: key.softDeleted,
    ...sometimes(key),
    ...(type.family === 'hmac' ? {} : { keys: await showVersions(store, key, context) }),
  }
}

/** What only some keys have. */
function sometimes(key: KeyRecord): Record<string, unknown> {
  return {
    ...(typeOf(key).parameterSet !== '' && { parameter_set: typeOf(key).parameterSet }),
    ...(key.keySize > 0 && { key_size: key.keySize }),
    ...(key.imported && { imported_key_allow_rotation: key.importedRotation }),
    ...(key.backup !== null && { backup_info: showMark(key.backup) }),
    ...(key.restore !== null && { restore_info: showMark(key.restore) }),
    ...(key.derived && { kdf: key.kdf === 'hkdf' ? 'hkdf_sha256' : 'hmac-sha256-counter', convergent_encryption: key.convergent }),
    ...(key.derived && key.kdf === 'counter' && { kdf_mode: 'hmac-sha256-counter' }),
    ...(key.convergent && { convergent_encryption_version: key.convergentVersion }),
  }
}

const showMark = ({ at, version }: Mark): Record<string, unknown> => ({ time: formatTime(at), version })

async function showVersions(store: Pick<Transaction, 'get'>, key: KeyRecord, context: Uint8Array): Promise<Record<string, unknown>> {
  const shown: Record<string, unknown> = {}
  for (const [number, version] of await usableVersions(store, key)) {
    shown[number] = isAsymmetric(typeOf(key)) ? showPair(key, version, context) : Math.floor(version.createdAt / 1000)
  }
  return shown
}

const showPair = (key: KeyRecord, version: VersionRecord, context: Uint8Array): Record<string, unknown> => ({
  name: typeOf(key).shownName,
  public_key: shownPublicKey(key, version, context),
  certificate_chain: chainPem(version),
  creation_time: formatTime(version.createdAt),
})

/** PEM with a line end; for Ed25519 and post-quantum keys bare base64, and of derived keys only that of a context. */
function shownPublicKey(key: KeyRecord, version: VersionRecord, context: Uint8Array): string {
  if (isPostQuantum(typeOf(key))) return version.public
  if (typeOf(key).family !== 'ed25519') return `${publicPem(version)}\n`
  if (!key.derived) return ed25519PublicBytes(publicKeyOf(version)).toString('base64')
  return context.length === 0 ? '' : ed25519PublicBytes(derivedSigningPair(key, version, context).public).toString('base64')
}

export const publicPem = (version: VersionRecord): string => pemEncode('PUBLIC KEY', Buffer.from(version.public, 'base64'))
export const chainPem = ({ chain }: VersionRecord): string => chain.map((der) => pemEncode('CERTIFICATE', Buffer.from(der, 'base64'))).join('\n')
