/** Certificate authorities: one is the default; several can be there while hosts change over from one to the next. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, integer, nameText, optional, secret, text } from '../../kit/fields.ts'
import { path, type Call, type Operation } from '../../kit/operation.ts'
import { listed, reply, type Reply, type Result } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { pageFields } from '../walk.ts'
import { defaultRef, findEntry, refOf, resolveEntry, resolveIssuer, warningsOfUse } from './find-issuer.ts'
import { obtainKeyPair, type KeyPair, type KeyPairRequest } from './issuer-rules.ts'
import { issuers, readIndex, writeIndex, type IssuerEntry } from './records.ts'

const issuersMax = 1_000

const keyFields = {
  public_key: defaulted(text('The public half of a key that is there already.'), ''),
  private_key: defaulted(secret(text('Its private half: an OpenSSH key without a passphrase, or PEM.')), ''),
  generate_signing_key: optional(flag('Whether a key is made here; so it is when none is given.')),
  key_type: defaulted(text('Of a key that is made here: `ssh-rsa`, `ec`, `ed25519`, or a name of OpenSSH.'), 'ssh-rsa'),
  key_bits: defaulted(integer('Of a key that is made here: 0 for the usual number.'), 0),
}
const shownFields = { issuer_id: text('Id of the authority.'), issuer_name: text('Its name, if it has one.'), public_key: text('Its public key.') }

const configCa = path('config/ca')
const issuer = path('issuer/{issuer_ref}', { issuer_ref: nameText('Name or id, or `default`.') })

const shown = (entry: IssuerEntry, publicKey: string): Record<string, string> => ({ issuer_id: entry.id, issuer_name: entry.name, public_key: publicKey })

async function showIssuer(store: Transaction, ref: string): Promise<Result> {
  const entry = resolveEntry(await readIndex(store), refOf(ref))
  return shown(entry, (await resolveIssuer(store, entry.id)).publicKey)
}

const plainKey = async (store: Transaction, ref: string): Promise<Reply> =>
  reply({ raw: { contentType: 'text/plain', body: (await resolveIssuer(store, ref)).publicKey } })

/** Throws `bad_request`. */
async function checkName(store: Transaction, name: string): Promise<void> {
  if (name === '') throw badRequest('expected non-empty issuer name')
  if (name.toLowerCase() === defaultRef) throw badRequest("reserved keyword 'default' can not be used as issuer name")
  if (!/^\w(?:[\w.-]*\w)?$/.test(name)) throw badRequest('issuer name contained invalid characters')
  if (findEntry(await readIndex(store), name) !== null) throw badRequest('issuer name already in use')
}

type Importing = Pick<Call<unknown, KeyPairRequest>, 'store' | 'input' | 'random'>

async function addIssuer({ store, input, random }: Importing, name: string, asDefault: boolean): Promise<Result> {
  const pair = await obtainKeyPair(input)
  const index = await readIndex(store)
  const same = index.issuers.find(({ fingerprint }) => fingerprint === pair.fingerprint)
  if (same !== undefined) {
    const { publicKey } = await resolveIssuer(store, same.id)
    return reply({ data: shown(same, publicKey), warnings: ['An issuer with the provided public key already exists, returning the existing issuer'] })
  }
  if (index.issuers.length >= issuersMax) throw badRequest(`a mount has at most ${issuersMax} issuers`)
  const entry: IssuerEntry = { id: uuidOf(random(16)), name, fingerprint: pair.fingerprint }
  const defaultId = asDefault || index.issuers.length === 0 ? entry.id : index.defaultId
  writeIndex(store, { defaultId, issuers: [...index.issuers, entry] })
  return keep(store, entry, pair)
}

function keep(store: Transaction, entry: IssuerEntry, { publicKey, privateKey }: KeyPair): Result {
  issuers.write(store, { id: entry.id, publicKey, privateKey }, entry.id)
  return shown(entry, publicKey)
}

const readCa = configCa.read({ summary: 'Read the default authority.', output: shownFields, handle: ({ store }) => showIssuer(store, defaultRef) })

const writeCa = configCa.write({
  summary: 'Make or import an authority, and make it the default.',
  input: keyFields,
  output: shownFields,
  handle: (call) => addIssuer(call, '', true),
})

const deleteCa = configCa.delete({
  summary: 'Delete all authorities.',
  async handle({ store }) {
    const index = await readIndex(store)
    if (index.issuers.length === 0) return null
    for (const { id } of index.issuers) issuers.remove(store, id)
    writeIndex(store, { defaultId: '', issuers: [] })
    return reply({ warnings: [`Deleted ${index.issuers.length} issuers, including default issuer if configured.`] })
  },
})

const readPublicKey = path('public_key').read({
  summary: 'The public key of the default authority, as plain text for `TrustedUserCAKeys` and `known_hosts`.',
  access: 'public',
  handle: ({ store }) => plainKey(store, defaultRef),
})

const readIssuerPublicKey = path('issuer/{issuer_ref}/public_key', { issuer_ref: nameText('Name or id, or `default`.') }).read({
  summary: 'The public key of an authority, as plain text.',
  access: 'public',
  handle: ({ params, store }) => plainKey(store, params.issuer_ref),
})

const importFields = {
  ...keyFields,
  issuer_name: defaulted(text('A name for it, by which roles can say who signs.'), ''),
  set_default: defaulted(flag('Whether it becomes the default; the first one always does.'), false),
}

const importIssuer = path('issuers/import').write({
  summary: 'Make or import an authority.',
  input: importFields,
  output: shownFields,
  async handle(call) {
    if (call.input.issuer_name !== '') await checkName(call.store, call.input.issuer_name.trim())
    return await addIssuer(call, call.input.issuer_name.trim(), call.input.set_default)
  },
})

const { issuer_name: _name, ...unnamedFields } = importFields
const importNamedIssuer = path('issuers/import/{issuer_name}', { issuer_name: nameText('A name for it.') }).write({
  summary: 'Make or import an authority under a name.',
  input: unnamedFields,
  output: shownFields,
  async handle(call) {
    await checkName(call.store, call.params.issuer_name)
    return await addIssuer(call, call.params.issuer_name, call.input.set_default)
  },
})

const listIssuers = path('issuers').list({
  summary: 'List the ids of the authorities.',
  input: pageFields,
  async handle({ input, store }) {
    const { defaultId, issuers: known } = await readIndex(store)
    const all = known.filter(({ id }) => id > input.after).sort((a, b) => (a.id < b.id ? -1 : 1))
    const page = input.limit > 0 ? all.slice(0, input.limit) : all
    const info = await Promise.all(page.map(async ({ id, name }) => {
      const { publicKey } = await resolveIssuer(store, id)
      return [id, { is_default: id === defaultId, issuer_name: name, public_key: publicKey }] as const
    }))
    return listed(page.map(({ id }) => id), Object.fromEntries(info))
  },
})

const readIssuer = issuer.read({ summary: 'Read an authority.', output: shownFields, handle: ({ params, store }) => showIssuer(store, params.issuer_ref) })

const renameIssuer = issuer.write({
  summary: 'Give an authority another name.',
  input: { issuer_name: defaulted(text('The new name.'), '') },
  output: shownFields,
  async handle({ params, input, store, warn }) {
    const index = await readIndex(store)
    const entry = resolveEntry(index, refOf(params.issuer_ref))
    const name = input.issuer_name.trim()
    const { publicKey } = await resolveIssuer(store, entry.id)
    if (name === entry.name && name !== '') return shown(entry, publicKey)
    await checkName(store, name)
    const renamed = { ...entry, name }
    writeIndex(store, { ...index, issuers: index.issuers.map((known) => (known.id === entry.id ? renamed : known)) })
    if (entry.name !== '') for (const warning of await warningsOfUse(store, entry.name)) warn(warning)
    return shown(renamed, publicKey)
  },
})

const deleteIssuer = issuer.delete({
  summary: 'Delete an authority. What it signed stays valid for as long as hosts trust its key.',
  async handle({ params, store }) {
    const index = await readIndex(store)
    const ref = refOf(params.issuer_ref)
    const entry = findEntry(index, ref)
    if (entry === null) return null
    const wasDefault = entry.id === index.defaultId
    issuers.remove(store, entry.id)
    writeIndex(store, { defaultId: wasDefault ? '' : index.defaultId, issuers: index.issuers.filter(({ id }) => id !== entry.id) })
    const warnings = [...(entry.name === '' ? [] : await warningsOfUse(store, entry.name)), ...(await warningsOfUse(store, entry.id))]
    if (wasDefault) {
      warnings.push(
        `Deleted issuer ${entry.id} (via issuer_ref ${ref}); this was configured as the default issuer. Operations without an explicit issuer will not work until a new default is configured.`,
        ...(await warningsOfUse(store, defaultRef)),
      )
    }
    return warnings.length === 0 ? null : reply({ warnings })
  },
})

const configIssuers = path('config/issuers')

const readDefault = configIssuers.read({
  summary: 'Read which authority is the default.',
  async handle({ store }) {
    const { defaultId } = await readIndex(store)
    if (defaultId === '') throw badRequest('no default issuer currently configured')
    return { default: defaultId }
  },
})

const writeDefault = configIssuers.write({
  summary: 'Choose the default authority.',
  input: { default: defaulted(text('Its name or id.'), '') },
  async handle({ input, store, warn }) {
    const ref = refOf(input.default)
    if (ref === '' || ref === defaultRef) throw badRequest("invalid issuer specification; must be non-empty and can't be 'default'.")
    const index = await readIndex(store)
    const { id } = resolveEntry(index, ref)
    if (id === index.defaultId) return reply({ warnings: ['The default issuer is already set to the specified issuer.'] })
    writeIndex(store, { ...index, defaultId: id })
    if (index.defaultId !== '') warn(`Previous default (${index.defaultId}) has been updated with the issuer '${ref}'${id === ref ? '' : ` (resolved to ${id})`}`)
    return { default: id }
  },
})

/** Vault once put keys onto hosts; there is nothing of that kind to remove here. */
const tidyDynamicKeys = path('tidy/dynamic-keys').delete({
  summary: 'Kept for old clients: removes nothing.',
  deprecated: 'Keys on hosts were a feature of old Vaults.',
  handle: () => ({ message: 'Removed 0 of 0 host keys.' }),
})

export const issuerOperations: readonly Operation[] = [
  readCa, writeCa, deleteCa, readPublicKey, readIssuerPublicKey, importIssuer, importNamedIssuer, listIssuers, readIssuer, renameIssuer, deleteIssuer, readDefault, writeDefault, tidyDynamicKeys,
]
