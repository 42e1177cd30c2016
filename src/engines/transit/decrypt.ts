/** Decryption, and encryption anew under a later version. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { eachItem, parseItems, requireText, type Item } from './batch.ts'
import { open, seal, type Sealed } from './cipher.ts'
import { resolveKey, type KeyRecord } from './records.ts'
import { associatedField, batchField, batchReply, bindingOf, checkContexts, contextField, itemResult, keyName, partialField, versionField } from './sealing.ts'

type CiphertextItem = Item<'ciphertext' | 'context' | 'associated_data'>

const ciphertextField = defaulted(text('The ciphertext, as encryption gave it.'), '')

export const decrypt = path('decrypt/{name}', keyName).write({
  summary: 'Decrypt.',
  input: { ciphertext: ciphertextField, context: contextField, associated_data: associatedField, batch_input: batchField, partial_failure_response_code: partialField },
  async handle({ params, input, store, warn }) {
    const batch = parseItems(input.batch_input, ['ciphertext', 'context', 'associated_data'])
    if (batch === null) {
      if (input.ciphertext === '') throw badRequest(missing)
      const key = await resolveKey(store, params.name)
      return { plaintext: await decryptItem(store, key, { ...input, keyVersion: 0, reference: '' }, 0) }
    }
    requireText(batch, 'ciphertext', missing)
    checkContexts(batch)
    const key = await resolveKey(store, params.name)
    const outcomes = await eachItem(batch, (item, index) => decryptItem(store, key, item, index))
    const results = outcomes.map((outcome, i) => itemResult(outcome, (plaintext) => ({ plaintext }), { plaintext: '' }, batch[i]?.reference ?? ''))
    return batchReply(outcomes, results, input.partial_failure_response_code, warn)
  },
})

const missing = 'missing ciphertext to decrypt'

async function decryptItem(store: Transaction, key: KeyRecord, item: CiphertextItem, index: number): Promise<string> {
  return (await opened(store, key, item, index)).toString('base64')
}

async function opened(store: Transaction, key: KeyRecord, item: CiphertextItem, index: number): Promise<Buffer> {
  const { ciphertext = '', context = '', associated_data: associated = '' } = item
  if (ciphertext === '') throw badRequest(missing)
  return await open(store, key, ciphertext, bindingOf(key, context, associated, index))
}

export const rewrap = path('rewrap/{name}', keyName).write({
  summary: 'Encrypt anew what is encrypted, without showing it.',
  input: { ciphertext: ciphertextField, context: contextField, key_version: versionField, batch_input: batchField },
  async handle({ params, input, store }) {
    const batch = parseItems(input.batch_input, ['ciphertext', 'context'])
    if (batch === null) {
      if (input.ciphertext === '') throw badRequest(missing)
      const key = await resolveKey(store, params.name)
      return shown(await rewrapItem(store, key, { ciphertext: input.ciphertext, context: input.context, keyVersion: input.key_version, reference: '' }, 0))
    }
    checkContexts(batch)
    const key = await resolveKey(store, params.name)
    const outcomes = await eachItem(batch, (item, index) => rewrapItem(store, key, item, index))
    return { batch_results: outcomes.map((outcome, i) => itemResult(outcome, shown, {}, batch[i]?.reference ?? '')) }
  },
})

const shown = ({ ciphertext, version }: Sealed) => ({ ciphertext, key_version: version })

async function rewrapItem(store: Transaction, key: KeyRecord, item: Item<'ciphertext' | 'context'>, index: number): Promise<Sealed> {
  const plaintext = await opened(store, key, { ...item, associated_data: '' }, index)
  try {
    return await seal(store, key, item.keyVersion, plaintext, bindingOf(key, item.context ?? '', '', index))
  } finally {
    plaintext.fill(0)
  }
}
