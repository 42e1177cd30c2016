/** `sys/managed-keys/`: keys in tokens of PKCS #11 that engines sign with. */
import { namedStore } from '../../core/base.ts'
import { trySigning } from '../../core/managed-keys/keys.ts'
import { managedKeyNames, managedKeyRecords, managedKeysFolder, type ManagedKeyRecord } from '../../core/managed-keys/record.ts'
import { parseKeyId, parseSlot } from '../../crypto/pkcs11/names.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, list, nameText, optional, secret, text, type ValuesOf } from '../../kit/fields.ts'
import { listed, type Result } from '../../kit/result.ts'
import { systemPath } from '../call.ts'

const named = { name: nameText('Name of the key.') }
const key = systemPath('managed-keys/pkcs11/{name}', named)
/** Each may mean a process that holds a session. */
const managedKeysMax = 100

const input = {
  library: optional(text('Name of a kms_library of the configuration of the server.')),
  key_label: optional(text('Label of the key pair in the token.')),
  key_id: optional(text('Its id, in hex.')),
  mechanism: optional(text('RSA_PKCS, RSA_PKCS_PSS, ECDSA or EDDSA, also with CKM_, or as a number such as 0x0001.')),
  pin: optional(secret(text('PIN of the user of the token.'))),
  slot: optional(text('Number of the slot, decimal or with 0x.')),
  token_label: optional(text('Label of the token; this or the slot is required.')),
  curve: optional(text('Of a key that is to be made: P256, P384 or P521.')),
  key_bits: optional(text('Of an RSA key that is to be made: 2048, 3072 or 4096.')),
  allow_generate_key: optional(flag('The key pair is made in the token when it is first needed, unless it is there.')),
  allow_replace_key: optional(flag('Accepted: no key is ever replaced.')),
  allow_store_key: optional(flag('Accepted: no key is ever put into the token from outside.')),
  any_mount: optional(flag('Every mount may use it, not only those that name it in allowed_managed_keys.')),
  usages: optional(list('What it may be used for: sign, verify, encrypt, decrypt, wrap, unwrap, generate_random. Default: all.')),
  force_rw_session: optional(text('Accepted: a session that can write is opened where keys may be made.')),
  max_parallel: optional(text('Accepted: calls are made one after the other.')),
}
type Input = ValuesOf<typeof input>

const mechanisms: Readonly<Record<string, ManagedKeyRecord['keyType']>> = { RSA_PKCS: 'rsa', RSA_PKCS_PSS: 'rsa', ECDSA: 'ec', EDDSA: 'ed25519' }
const byNumber: Readonly<Record<number, string>> = { 0x0001: 'RSA_PKCS', 0x000d: 'RSA_PKCS_PSS', 0x1041: 'ECDSA', 0x1057: 'EDDSA' }
const knownUsages: ReadonlySet<string> = new Set(['sign', 'verify', 'encrypt', 'decrypt', 'wrap', 'unwrap', 'generate_random'])

function mechanismOf(written: string): string {
  const name = /^(?:0x[0-9a-f]{1,4}|\d{1,5})$/i.test(written) ? byNumber[Number(written)] : written.toUpperCase().replace(/^CKM_/, '')
  if (name === undefined || !Object.hasOwn(mechanisms, name)) throw badRequest(`mechanism must be one of ${Object.keys(mechanisms).join(', ')}`)
  return name
}

function bitsOf(keyType: ManagedKeyRecord['keyType'], { curve, key_bits: written }: Pick<Input, 'curve' | 'key_bits'>): number {
  if (keyType === 'ed25519') return 0
  const given = keyType === 'ec' ? /^P-?(256|384|521)$/i.exec(curve ?? 'P256')?.[1] : /^(2048|3072|4096)$/.exec(written ?? '2048')?.[1]
  if (given === undefined) throw badRequest(keyType === 'ec' ? 'curve must be P256, P384 or P521' : 'key_bits must be 2048, 3072 or 4096')
  return Number(given)
}

function slotOf(written: string): string {
  const slot = parseSlot(written)
  if (slot === null) throw badRequest('slot must be a number')
  return slot
}

function keyIdOf(written: string): string {
  const id = parseKeyId(written)
  if (id === null) throw badRequest('key_id must be an even number of hex digits')
  return id
}

/** What a request says of a key. A field that is not there stays as it was. Throws 'bad_request'. */
function recordOf(before: ManagedKeyRecord | null, id: string, name: string, given: Input, libraries: readonly string[]): ManagedKeyRecord {
  const library = given.library ?? before?.library ?? ''
  if (!libraries.includes(library)) throw badRequest(library === '' ? 'library is missing: the name of a kms_library of the configuration' : `the configuration of the server has no kms_library ${JSON.stringify(library)}`)
  const mechanism = given.mechanism === undefined ? (before?.mechanism ?? '') : mechanismOf(given.mechanism)
  const keyType = mechanisms[mechanism]
  if (keyType === undefined) throw badRequest('mechanism is missing')
  const isOther = before?.keyType !== keyType || given.curve !== undefined || given.key_bits !== undefined
  const record: ManagedKeyRecord = {
    id, name, library, mechanism, keyType,
    slot: given.slot === undefined ? (before?.slot ?? null) : slotOf(given.slot),
    tokenLabel: given.token_label ?? before?.tokenLabel ?? null,
    pin: given.pin ?? before?.pin ?? '',
    keyLabel: given.key_label ?? before?.keyLabel ?? '',
    keyId: given.key_id === undefined ? (before?.keyId ?? '') : keyIdOf(given.key_id),
    keyBits: isOther ? bitsOf(keyType, given) : before.keyBits,
    mayBeMade: given.allow_generate_key ?? before?.mayBeMade ?? false,
    anyMount: given.any_mount ?? before?.anyMount ?? false,
    usages: given.usages ?? before?.usages ?? [],
  }
  checkComplete(record)
  return record
}

function checkComplete({ slot, tokenLabel, pin, keyLabel, keyId, usages }: ManagedKeyRecord): void {
  if (slot === null && (tokenLabel ?? '') === '') throw badRequest('slot is missing (or token_label)')
  if (pin === '') throw badRequest('pin is missing')
  if (keyLabel === '' && keyId === '') throw badRequest('key_label is missing (or key_id)')
  const unknown = usages.find((usage) => !knownUsages.has(usage))
  if (unknown !== undefined) throw badRequest(`usages: ${JSON.stringify(unknown)} is not one of ${[...knownUsages].join(', ')}`)
}

const writeKey = key.write({
  summary: 'Define a managed key, or change what is given of one.',
  input,
  exists: async ({ core, unit, params }) => (await managedKeyRecords.read(unit.on(namedStore(core)), params.name)) !== null,
  async handle({ core, unit, params: { name }, input: given }): Promise<Result> {
    const store = unit.on(namedStore(core))
    const before = await managedKeyRecords.read(store, name)
    if (before === null && (await store.list(managedKeysFolder)).length >= managedKeysMax) throw badRequest(`there are ${managedKeysMax} managed keys already`)
    const record = recordOf(before, before?.id ?? core.host.uuid(), name, given, core.tokens.libraries)
    managedKeyRecords.write(store, record, name)
    managedKeyNames.write(store, { name }, record.id)
    return null
  },
})

const readKey = key.read({
  summary: 'Show a managed key, without its PIN.',
  async handle({ core, unit, params }) {
    const found = await managedKeyRecords.read(unit.on(namedStore(core)), params.name)
    if (found === null) return null
    const { id, name, library, slot, tokenLabel, keyLabel, keyId, mechanism, keyType, keyBits, mayBeMade, anyMount, usages } = found
    return {
      UUID: id, name, type: 'pkcs11', library, slot: slot ?? '', token_label: tokenLabel ?? '', key_label: keyLabel, key_id: keyId, pin: 'redacted', mechanism,
      ...(keyType === 'ec' && { curve: `P${keyBits}` }), ...(keyType === 'rsa' && { key_bits: keyBits }), allow_generate_key: mayBeMade, allow_replace_key: false, allow_store_key: false,
      any_mount: anyMount, usages,
    }
  },
})

const deleteKey = key.delete({
  summary: 'Forget a managed key. What is in the token stays there.',
  async handle({ core, unit, params }) {
    const store = unit.on(namedStore(core))
    const found = await managedKeyRecords.read(store, params.name)
    if (found === null) return null
    managedKeyRecords.remove(store, params.name)
    managedKeyNames.remove(store, found.id)
    return null
  },
})

const listKeys = systemPath('managed-keys/pkcs11').list({
  summary: 'List the managed keys.',
  handle: async ({ core }) => listed((await namedStore(core).list(managedKeysFolder)).map(decodeURIComponent)),
})

const hashes: ReadonlyMap<string, 'sha256' | 'sha384' | 'sha512'> = new Map([['sha2-256', 'sha256'], ['sha2-384', 'sha384'], ['sha2-512', 'sha512']])

const testSign = systemPath('managed-keys/pkcs11/{name}/test/sign', named).write({
  summary: 'Sign something with a managed key, to see whether it works.',
  input: {
    hash_algorithm: defaulted(text('sha2-256, sha2-384 or sha2-512.'), 'sha2-256'),
    use_pss: defaulted(flag('RSA: sign with PSS.'), false),
  },
  async handle({ core, unit, params, input: { hash_algorithm: hashName, use_pss: isPss } }) {
    const hash = hashes.get(hashName)
    if (hash === undefined) throw badRequest(`hash_algorithm must be one of ${[...hashes.keys()].join(', ')}`)
    const found = await managedKeyRecords.read(unit.on(namedStore(core)), params.name)
    if (found === null) throw badRequest(`there is no managed key ${JSON.stringify(params.name)}`)
    await trySigning(core, found, hash, isPss)
    return null
  },
})

export const managedKeyOperations = [writeKey, readKey, deleteKey, listKeys, testSign]
