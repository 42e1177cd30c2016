/** Encryption, and making the key when there is none. */
import { decodeBase64, parseBase64 } from '../../crypto/base64.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, optional, secret, text } from '../../kit/fields.ts'
import type { Json } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { eachItem, parseItems, requireText, type Item } from './batch.ts'
import { seal, type Sealed } from './cipher.ts'
import { readKeysConfig } from './config.ts'
import { createKey } from './create.ts'
import { findNamedType, type KeyType } from './key-types.ts'
import { keys, type KeyRecord } from './records.ts'
import { associatedField, batchField, batchReply, bindingOf, checkContexts, contextField, itemResult, keyName, partialField, versionField } from './sealing.ts'

type EncryptItem = Item<'plaintext' | 'context' | 'associated_data'>

const encryptInput = {
  plaintext: optional(secret(text('Base64 of what is to be encrypted.'))),
  context: contextField,
  associated_data: associatedField,
  key_version: versionField,
  batch_input: batchField,
  partial_failure_response_code: partialField,
  type: defaulted(text('Type of the key that is made when there is none.'), 'aes256-gcm96'),
  convergent_encryption: defaulted(flag('Whether the key that is made encrypts equal texts in one context equally.'), false),
}

export const encrypt = path('encrypt/{name}', keyName).write({
  summary: 'Encrypt, with a key that is made if it is not there.',
  input: encryptInput,
  exists: async ({ params, store }) => (await keys.read(store, params.name)) !== null,
  async handle(call) {
    const { params, input, store } = call
    const batch = parsePlaintexts(input.batch_input)
    const items = batch ?? [singleItem(input)]
    checkContexts(items)
    const key = (await keys.read(store, params.name)) ?? (items.some(isWellFormed) ? await upsert(call, items) : null)
    if (batch === null) return shown(await encryptItem(store, key, items[0] as EncryptItem, 0))
    const outcomes = await eachItem(items, (item, index) => encryptItem(store, key, item, index))
    const results = outcomes.map((outcome, i) => itemResult(outcome, shown, {}, items[i]?.reference ?? ''))
    return batchReply(outcomes, results, input.partial_failure_response_code, call.warn)
  },
})

const parsePlaintexts = (raw: Json | undefined): EncryptItem[] | null => {
  const items = parseItems(raw, ['plaintext', 'context', 'associated_data'])
  if (items !== null) requireText(items, 'plaintext', 'missing plaintext to encrypt')
  return items
}

const shown = ({ ciphertext, version }: Sealed) => ({ ciphertext, key_version: version })

interface SingleInput {
  readonly plaintext?: string
  readonly context: string
  readonly associated_data: string
  readonly key_version: number
}

const singleItem = (input: SingleInput): EncryptItem =>
  ({ plaintext: input.plaintext, context: input.context, associated_data: input.associated_data, keyVersion: input.key_version, reference: '' })

/** What would be refused whatever the key is makes no key. */
const isWellFormed = ({ plaintext, context = '' }: EncryptItem): boolean =>
  plaintext !== undefined && decodeBase64(plaintext) !== null && decodeBase64(context) !== null

/** `key` is null where nothing is well formed. */
async function encryptItem(store: Transaction, key: KeyRecord | null, item: EncryptItem, index: number): Promise<Sealed> {
  if (item.plaintext === undefined) throw badRequest('missing plaintext to encrypt')
  const plaintext = parseBase64(item.plaintext)
  const { context = '', associated_data: associated = '' } = item
  if (key !== null) return await seal(store, key, item.keyVersion, plaintext, bindingOf(key, context, associated, index))
  parseBase64(context)
  throw badRequest('encryption key not found')
}

interface Upserting {
  readonly params: { readonly name: string }
  readonly input: { readonly type: string; readonly convergent_encryption: boolean }
  readonly store: Transaction
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

/** The key that a first encryption makes: derived if there are contexts. */
async function upsert({ params, input, store, now, random }: Upserting, items: readonly EncryptItem[]): Promise<KeyRecord> {
  const derived = items.some(({ context = '' }) => context !== '')
  const convergent = input.convergent_encryption
  if (convergent && !derived) throw badRequest('convergent encryption requires derivation to be enabled, so context is required')
  const type = upsertType(input.type)
  if ((await readKeysConfig(store)).disableUpsert) throw badRequest('encryption key not found')
  return await createKey(store, params.name, type, { derived, convergent }, now, random)
}

function upsertType(name: string): KeyType {
  const type = findNamedType(name)
  if (type === null) throw badRequest(`unknown key type ${name}`)
  if (type.family !== 'aead') throw badRequest(`key type ${name} not supported for this operation`)
  return type
}
