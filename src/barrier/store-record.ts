/**
 * The record that says of which form everything in the store is. It is written with the first commit and never again, so its version changes only when
 * the whole store is replaced, by a snapshot: every commit of sealed values depends on it, and none that was sealed for what was there before gets in.
 */
import { badRequest } from '../kit/errors.ts'
import { parseJson } from '../kit/json.ts'
import type { Entry } from '../kit/store.ts'

export const storeKey = 'barrier/store'
/** The form of all records under the barrier. A change that an older program could misread makes it larger, with a step in `core/migrations.ts`. */
export const dataFormat = 1

export const encodeStoreRecord = (format: number): Buffer => Buffer.from(JSON.stringify({ format }))

/** The form of a store; null: it is empty. Stores of before the record had form 1. Throws 'bad_request' for one that this program does not know. */
export function formatOf(record: Pick<Entry, 'value'> | null): number {
  if (record === null) return 1
  const format = readFormat(record.value)
  if (format === null) throw badRequest('the record of the form of the store cannot be read: it was changed')
  if (format > dataFormat) throw badRequest(`the data are of form ${format}, but this program knows only ${dataFormat}: they were written by a later version of Coffer`)
  return format
}

function readFormat(bytes: Uint8Array): number | null {
  try {
    const { format } = parseJson(Buffer.from(bytes).toString()) as { readonly format?: unknown }
    return typeof format === 'number' && Number.isInteger(format) && format >= 1 ? format : null
  } catch {
    return null
  }
}
