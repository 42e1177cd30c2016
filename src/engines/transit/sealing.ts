/** What encrypt, decrypt and rewrap have in common: contexts, associated data, and answers for batches. */
import { parseBase64 } from '../../crypto/base64.ts'
import { badRequest } from '../../kit/errors.ts'
import { anything, defaulted, integer, nameText, optional, text } from '../../kit/fields.ts'
import { reply, type Data, type Reply } from '../../kit/result.ts'
import { isFailed, type Outcome } from './batch.ts'
import type { Binding } from './cipher.ts'
import { typeOf, type KeyRecord } from './records.ts'

export const keyName = { name: nameText('Name of the key.') }
export const contextField = defaulted(text('Base64 of what a derived key is derived by.'), '')
export const associatedField = defaulted(text('Base64 of data that is authenticated with the plaintext and not kept.'), '')
export const batchField = optional(anything('Many inputs instead of one: a list of objects with the fields of this one.'))
export const versionField = defaulted(integer('Version of the key; 0 for the latest.'), 0)
export const partialField = optional(integer('Status of the answer when some inputs of a batch failed and others did not; 400 if absent.'))

const nothing = new Uint8Array(0)

export function bindingOf(key: KeyRecord, contextText: string, associatedText: string, index: number): Binding {
  const context = contextText === '' ? nothing : parseBase64(contextText)
  if (associatedText === '') return { context, associated: nothing }
  if (typeOf(key).family === 'rsa') throw badRequest(`'[${index}].associated_data' provided for non-AEAD cipher suite ${key.type}`)
  return { context, associated: parseBase64(associatedText, 'unable to get associated_data') }
}

/** A batch is for derived keys or for others. */
export function checkContexts(items: readonly { readonly context: string | undefined }[]): void {
  const given = items.filter(({ context = '' }) => context !== '').length
  if (given > 0 && given < items.length) throw badRequest('context should be set either in all the request blocks or in none')
}

/** The results of a batch with the status that belongs to them: 400 as soon as one failed, if nothing else was asked for. */
export function batchReply<R>(outcomes: readonly Outcome<R>[], results: readonly Data[], partialStatus: number | undefined, warn: (text: string) => void): Reply | Data {
  const data = { batch_results: results }
  const failed = outcomes.filter(isFailed).length
  if (failed === 0) return data
  if (partialStatus === undefined || failed === outcomes.length) return reply({ status: 400, data })
  if (canCarryBody(partialStatus)) return reply({ status: partialStatus, data })
  warn('invalid HTTP response code override from partial_failure_response_code, reverting to 400')
  return reply({ status: 400, data })
}

const withoutBody = new Set([204, 205, 304])
const canCarryBody = (status: number): boolean => status >= 200 && status <= 599 && !withoutBody.has(status)

/** What stands in the result of an item, in this order. */
export const itemResult = <R>(outcome: Outcome<R>, show: (result: R) => Data, failed: Data, reference: string): Data =>
  isFailed(outcome) ? { ...failed, error: outcome.error, reference } : { ...show(outcome.result), reference }
