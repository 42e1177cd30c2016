/** The keys of CAs: list, show, name, make, delete. */
import { generateKey, keyIdOf } from '../../crypto/x509/keys.ts'
import { serialText } from '../../crypto/x509/certificate.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { listed, reply } from '../../kit/result.ts'
import { keyText } from './answer.ts'
import { readKey, resolveKeyEntry } from './authority.ts'
import { managedKey } from './new-key.ts'
import { paged } from './pages.ts'
import { readIndex, writeIndex } from './records.ts'
import { addKey, checkKeyName, removeKey } from './registry.ts'
import { newKeyFields, pageFields } from './request-fields.ts'
import { checkKeyChoice } from './role-rules.ts'

export const listKeys = path('keys').list({
  summary: 'List the keys.',
  input: pageFields,
  async handle({ input, store }) {
    const index = await readIndex(store)
    const entries = new Map(index.keys.map((key) => [key.id, { key_name: key.name, is_default: key.id === index.defaultKey }]))
    const ids = paged([...entries.keys()], input)
    return listed(ids, Object.fromEntries(ids.map((id) => [id, entries.get(id)])))
  },
})

const key = path('key/{key_ref}', { key_ref: text('Name or id of the key, or default.') })
const shown = ({ id, name, type }: { readonly id: string; readonly name: string; readonly type: string }) => ({ key_id: id, key_name: name, key_type: type })

const readKeyOp = key.read({
  summary: 'Show a key, without its private half.',
  async handle({ params, store }) {
    const entry = resolveKeyEntry(await readIndex(store), params.key_ref)
    const { spki, managed } = await readKey(store, entry.id)
    return { ...shown(entry), ...(managed && { managed_key_id: managed.id, managed_key_name: managed.name }), subject_key_id: serialText(keyIdOf(Buffer.from(spki, 'base64'))) }
  },
})

const writeKeyOp = key.write({
  summary: 'Name a key.',
  input: { key_name: defaulted(text('The new name; empty for none.'), '') },
  async handle({ params, input, store }) {
    const index = await readIndex(store)
    const entry = resolveKeyEntry(index, params.key_ref)
    checkKeyName(index, input.key_name, entry.id)
    const renamed = { ...entry, name: input.key_name }
    writeIndex(store, { ...index, keys: index.keys.map((one) => (one.id === entry.id ? renamed : one)) })
    return shown(renamed)
  },
})

const deleteKeyOp = key.delete({
  summary: 'Delete a key that no issuer has.',
  async handle({ params, store }) {
    const index = await readIndex(store)
    const entry = index.keys.find(({ id, name }) => id === params.key_ref || name === params.key_ref || (params.key_ref === 'default' && id === index.defaultKey))
    if (entry === undefined) return null
    const user = index.issuers.find(({ keyId }) => keyId === entry.id)
    if (user !== undefined) throw badRequest(`Failed to Delete Key.  Key in Use by Issuer: ${user.id}`)
    await removeKey(store, entry.id)
    if (entry.id !== index.defaultKey) return null
    return reply({ status: 200, warnings: [`Deleted key ${entry.id} (via key_ref ${params.key_ref}); this was configured as the default key. Operations without an explicit key will not work until a new default is configured.`] })
  },
})

async function generated(call: Pick<Call<unknown, unknown>, 'store' | 'random'>, input: { readonly key_type: string; readonly key_bits: number; readonly key_name: string }, isExported: boolean) {
  const { store, random } = call
  checkKeyName(await readIndex(store), input.key_name)
  const choice = choiceOf(input.key_type, input.key_bits)
  const made = await generateKey(choice.type, choice.bits)
  const { entry } = await addKey(store, random, made, choice.bits, input.key_name)
  return { ...shown(entry), ...(isExported ? { private_key: keyText({ type: choice.type, der: made.privateDer }, 'pem', '') } : {}) }
}

function choiceOf(type: string, bits: number) {
  try {
    const choice = checkKeyChoice(type, bits, 0)
    if (choice.type === 'any') throw badRequest('unknown key type any')
    return { type: choice.type, bits: choice.bits }
  } catch (cause) {
    throw badRequest(`Validation for key_type, key_bits failed: ${cause instanceof Error ? cause.message : ''}`, { cause })
  }
}

const generateInput = { key_type: newKeyFields.key_type, key_bits: newKeyFields.key_bits, key_name: newKeyFields.key_name }

const generateAt = (template: 'keys/generate/internal' | 'keys/generate/exported', isExported: boolean) =>
  path(template).write({
    summary: isExported ? 'Make a key, and show it once.' : 'Make a key.',
    input: generateInput,
    handle: (call) => generated(call, call.input, isExported),
  })

const generateKms = path('keys/generate/kms').write({
  summary: 'Take a managed key, which signs where it is.',
  input: { key_name: newKeyFields.key_name, managed_key_name: newKeyFields.managed_key_name, managed_key_id: newKeyFields.managed_key_id },
  async handle(call) {
    checkKeyName(await readIndex(call.store), call.input.key_name)
    return shown((await managedKey(call, call.input)).entry)
  },
})

export const keyOperations = [listKeys, readKeyOp, writeKeyOp, deleteKeyOp, generateAt('keys/generate/internal', false), generateAt('keys/generate/exported', true), generateKms]
