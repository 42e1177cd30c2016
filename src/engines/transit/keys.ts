/** The life of keys: made, shown, listed, configured, rotated, trimmed, put aside, deleted. */
import { parseBase64 } from '../../crypto/base64.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, integer, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { listPage, pageFields } from '../walk.ts'
import { checkRotatePeriod, configured, trimmed } from './key-rules.ts'
import { createKey } from './create.ts'
import { rotated } from './generate.ts'
import { findNamedType, hmacBytesMax, hmacBytesMin, parameterSetsOf, type KeyType } from './key-types.ts'
import { checkNotSoftDeleted, keys, keysFolder, removeVersions, resolveKey, rotating, writeKey, writeVersion } from './records.ts'
import { contextField, keyName } from './sealing.ts'
import { showKey } from './show.ts'

const keyPath = path('keys/{name}', keyName)

export const keySettings = {
  type: defaulted(text('Type of the key.'), 'aes256-gcm96'),
  derived: defaulted(flag('Whether each use names a context, by which a key is derived.'), false),
  exportable: defaulted(flag('Whether the key may leave. Cannot be taken back.'), false),
  allow_plaintext_backup: defaulted(flag('Whether the key may be backed up in the clear. Cannot be taken back.'), false),
  auto_rotate_period: defaulted(duration('Time after which the key is rotated; 0 for never, an hour at least.'), 0),
}

export const writeKeyOperation = keyPath.write({
  summary: 'Make a key. One that is there stays as it is.',
  input: {
    ...keySettings,
    convergent_encryption: defaulted(flag('Whether equal texts in one context are encrypted equally; for derived keys.'), false),
    key_size: defaulted(integer(`Bytes of a key of type hmac, from ${hmacBytesMin} to ${hmacBytesMax}.`), 0),
    parameter_set: defaulted(text('Of ml-dsa (44, 65 or 87) and slh-dsa (slh-dsa-sha2-128s and the like): which of them.'), ''),
    context: contextField,
  },
  async handle({ params, input, store, now, random }) {
    checkRotatePeriod(input.auto_rotate_period)
    if (input.convergent_encryption && !input.derived) throw badRequest('convergent encryption requires derivation to be enabled')
    const type = newKeyType(input.type, input.parameter_set, input.key_size)
    const settings = {
      derived: input.derived, convergent: input.convergent_encryption, exportable: input.exportable, plaintextBackup: input.allow_plaintext_backup,
      autoRotateSeconds: input.auto_rotate_period, keySize: input.key_size,
    }
    return await showKey(store, (await keys.read(store, params.name)) ?? (await createKey(store, params.name, type, settings, now, random)))
  },
})

function newKeyType(name: string, parameterSet: string, size: number): KeyType {
  const sets = parameterSetsOf(name)
  const type = findNamedType(name, parameterSet)
  if (type === null && sets.length > 0) throw badRequest(`parameter_set of a key of type ${name} must be one of ${sets.join(', ')}`)
  if (type === null) throw badRequest(parameterSet === '' ? `unknown key type ${name}` : `parameter_set is not valid for algorithm ${name}`)
  if (size === 0) return type
  if (type.family !== 'hmac') throw badRequest(`key_size is not valid for algorithm ${name}`)
  if (size < hmacBytesMin || size > hmacBytesMax) throw badRequest(`invalid key_size ${size}`)
  return type
}

export const readKeyOperation = keyPath.read({
  summary: 'Show a key: its settings, and what is public of its versions.',
  input: { context: contextField },
  async handle({ params, input, store }) {
    const key = await keys.read(store, params.name)
    if (key === null) return null
    return await showKey(store, key, input.context === '' ? undefined : parseBase64(input.context, 'failed to base64-decode context'))
  },
})

export const listKeys = path('keys').list({
  summary: 'List the keys.',
  input: pageFields,
  handle: async ({ input, store }) => listed(await listPage(store, keysFolder, input)),
})

export const deleteKey = keyPath.delete({
  summary: 'Delete a key with all its versions, for good. It must allow that.',
  async handle({ params, store }) {
    const key = await resolveKey(store, params.name, `error deleting policy ${params.name}: could not delete key; not found`)
    if (!key.deletionAllowed) throw badRequest(`error deleting policy ${params.name}: deletion is not allowed for this key`)
    removeVersions(store, key, key.minAvailable, key.latest + 1)
    rotating.remove(store, key.name)
    keys.remove(store, key.name)
    return null
  },
})

export const softDeleteKey = path('keys/{name}/soft-delete', keyName).delete({
  summary: 'Put a key aside: it is shown and listed, and refuses to be used until it is restored.',
  async handle({ params, store, warn }) {
    const key = await keys.read(store, params.name)
    if (key === null) return null
    if (key.softDeleted) warn('key was already marked as soft deleted')
    writeKey(store, { ...key, softDeleted: true }, key)
    return await showKey(store, { ...key, softDeleted: true })
  },
})

export const restoreSoftDeleted = path('keys/{name}/soft-delete-restore', keyName).write({
  summary: 'Take a key back into use that was put aside.',
  async handle({ params, store, warn }) {
    const key = await keys.read(store, params.name)
    if (key === null) return null
    if (!key.softDeleted) warn('key was already restored')
    writeKey(store, { ...key, softDeleted: false }, key)
    return await showKey(store, { ...key, softDeleted: false })
  },
})

export const configureKey = path('keys/{name}/config', keyName).write({
  summary: 'Change settings of a key; those that are not named stay as they are.',
  input: {
    min_decryption_version: optional(integer('The oldest version that decrypts and verifies.')),
    min_encryption_version: optional(integer('The oldest version that encrypts and signs; 0 for the latest, unless another is asked for.')),
    deletion_allowed: optional(flag('Whether the key may be deleted.')),
    exportable: optional(keySettings.exportable),
    allow_plaintext_backup: optional(keySettings.allow_plaintext_backup),
    auto_rotate_period: optional(keySettings.auto_rotate_period),
  },
  async handle({ params, input, store, warn }) {
    const key = await resolveKey(store, params.name, `no existing key named ${params.name} could be found`)
    const after = configured(key, input)
    if (input.min_decryption_version === 0) warn('since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1')
    writeKey(store, after, key)
    return await showKey(store, after)
  },
})

export const rotateKey = path('keys/{name}/rotate', keyName).write({
  summary: 'Add a version to a key, which is used from now on.',
  async handle({ params, store, now, random }) {
    const before = await resolveKey(store, params.name, 'key not found')
    checkNotSoftDeleted(before)
    if (before.imported && !before.importedRotation) throw badRequest(`imported key ${params.name} does not allow rotation within Vault`)
    const { key, version } = await rotated(before, now, random)
    writeKey(store, key, before)
    writeVersion(store, key, key.latest, version)
    return await showKey(store, key)
  },
})

export const trimKey = path('keys/{name}/trim', keyName).write({
  summary: 'Remove the versions of a key before one, for good.',
  input: { min_available_version: optional(integer('The oldest version that is left.')) },
  async handle({ params, input, store }) {
    const key = await resolveKey(store, params.name, 'invalid key name')
    if (input.min_available_version === undefined) throw badRequest('missing min_available_version')
    const after = trimmed(key, input.min_available_version)
    removeVersions(store, key, key.minAvailable, after.minAvailable)
    writeKey(store, after, key)
    return await showKey(store, after)
  },
})
