/** Keys from outside: wrapped with the wrapping key of the mount, or public halves alone. */
import { parseBase64 } from '../../crypto/base64.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, integer, optional, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { emptyKey, versionOf, type Halves } from './generate.ts'
import { checkRotatePeriod } from './key-rules.ts'
import { findNamedType, isAsymmetric, isPostQuantum, type KeyType } from './key-types.ts'
import { keySettings } from './keys.ts'
import { parsePrivateHalves, parsePublicHalves } from './parse-key.ts'
import { checkNotSoftDeleted, keys, oldestUsable, readVersion, resolveKey, resolveVersion, typeOf, writeKey, writeVersion, type KeyRecord, type VersionRecord } from './records.ts'
import { contextField, keyName } from './sealing.ts'
import { parseHashFunction, unwrapForMount } from './transport.ts'

const sourceFields = {
  ciphertext: optional(secret(text('Base64 of the key, wrapped: an AES key under the wrapping key (OAEP), then the key under that AES key (RFC 5649).'))),
  public_key: optional(text('PEM of the public half, where only that is known.')),
  hash_function: defaulted(text('Hash of OAEP: SHA1, SHA224, SHA256, SHA384 or SHA512.'), 'SHA256'),
}

interface SourceInput {
  readonly ciphertext?: string
  readonly public_key?: string
  readonly hash_function: string
}

/** What is given of the key. The ciphertext counts where both are. */
async function importedHalves(store: Transaction, type: KeyType, input: SourceInput): Promise<Halves> {
  if (input.ciphertext === undefined) {
    if (!isAsymmetric(type)) throw badRequest('provided type does not support public_key import')
    return parsePublicHalves(type, input.public_key ?? '')
  }
  const hash = parseHashFunction(input.hash_function)
  const target = await unwrapForMount(store, parseBase64(input.ciphertext, 'ciphertext'), hash)
  try {
    return parsePrivateHalves(type, target)
  } finally {
    target.fill(0)
  }
}

export const importKey = path('keys/{name}/import', keyName).write({
  summary: 'Take over a key from outside.',
  input: {
    ...sourceFields,
    ...keySettings,
    allow_rotation: defaulted(flag('Whether the key may be rotated here.'), false),
    convergent_encryption: optional(flag('Refused: imported keys cannot be convergent.')),
    context: contextField,
  },
  async handle({ params, input, store, now, random }) {
    if (input.convergent_encryption !== undefined) throw badRequest('import cannot be used on keys with convergent encryption enabled')
    if (input.auto_rotate_period > 0 && !input.allow_rotation) throw badRequest('allow_rotation must be set to true if auto-rotation is enabled')
    checkRotatePeriod(input.auto_rotate_period)
    const type = findNamedType(input.type.toLowerCase())
    if (type === null || isPostQuantum(type)) throw badRequest(`unknown key type: ${input.type.slice(0, 40)}`)
    if ((await keys.read(store, params.name)) !== null) {
      throw badRequest('the import path cannot be used with an existing key; use import-version to rotate an existing imported key')
    }
    const halves = await importedHalves(store, type, input)
    const settings = {
      derived: input.derived, exportable: input.exportable, plaintextBackup: input.allow_plaintext_backup, autoRotateSeconds: input.auto_rotate_period,
      keySize: type.family === 'hmac' ? Buffer.from(halves.secret, 'base64').length : 0, imported: true, importedRotation: input.allow_rotation,
    }
    const key = emptyKey(params.name, type, settings, random)
    checkDerivable(key, halves)
    addVersion(store, key, null, versionOf(type, halves, false, now, random))
    return null
  },
})

/** Of a derived Ed25519 key the pair is no pair but what keys are derived from. */
function checkDerivable(key: KeyRecord, { secret: half }: Halves): void {
  if (key.derived && half === '') throw badRequest('unable to import only public key for derived Ed25519 key')
}

function addVersion(store: Transaction, key: KeyRecord, before: KeyRecord | null, version: VersionRecord): void {
  const size = key.keySize === 0 ? 0 : Buffer.from(version.secret, 'base64').length
  const after = { ...key, keySize: size, latest: key.latest + 1, rotatedAt: version.createdAt }
  writeKey(store, after, before)
  writeVersion(store, after, after.latest, version)
}

export const importVersion = path('keys/{name}/import_version', keyName).write({
  summary: 'Add a version from outside to a key from outside, or the private half to a version that has none.',
  input: { ...sourceFields, version: optional(integer('The version that gets its private half. If absent, the latest where that fits, and else a new one.')) },
  async handle({ params, input, store, now, random }) {
    const key = await resolveKey(store, params.name, `no key found with name ${params.name}; to import a new key, use the import/ endpoint`)
    if (!key.imported) throw badRequest('the import_version endpoint can only be used with an imported key')
    if (key.convergent) throw badRequest('import_version cannot be used on keys with convergent encryption enabled')
    checkNotSoftDeleted(key)
    const type = typeOf(key)
    const halves = await importedHalves(store, type, input)
    checkDerivable(key, halves)
    if (input.version !== undefined) return await completeVersion(store, key, input.version, halves)
    if (await completesLatest(store, key, halves)) return await completeVersion(store, key, key.latest, halves)
    addVersion(store, key, key, versionOf(type, halves, false, now, random))
    return null
  },
})

async function completesLatest(store: Transaction, key: KeyRecord, halves: Halves): Promise<boolean> {
  if (halves.secret === '' || key.latest < oldestUsable(key)) return false
  const { secret: half, public: known } = await readVersion(store, key, key.latest)
  return half === '' && known === halves.public
}

async function completeVersion(store: Transaction, key: KeyRecord, number: number, halves: Halves): Promise<null> {
  const version = await resolveVersion(store, key, number)
  if (!isAsymmetric(typeOf(key))) throw badRequest('provided type does not support importing key versions')
  if (version.secret !== '') throw badRequest('private key imported, key version cannot be updated')
  if (halves.secret === '') throw badRequest('cannot add a public key to a key version that already has a public key set')
  if (version.public !== halves.public) throw badRequest('cannot import key, key pair does not match')
  writeVersion(store, key, number, { ...version, secret: halves.secret })
  return null
}
