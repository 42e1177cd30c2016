/**
 * The record that says of which form everything in the store is. It is written with the first commit and by migrations, so its version changes only with
 * those, and when the whole store is replaced, by a snapshot: every commit of sealed values depends on it, and none that was sealed for what was there before gets in.
 */
import { badRequest } from '../kit/errors.ts'
import { parseJson } from '../kit/json.ts'
import type { Entry } from '../kit/store.ts'

export const storeKey = 'barrier/store'
export const encodeStoreRecord = (format: number): Buffer => Buffer.from(JSON.stringify({ format }))

/** The form of all records under the barrier. Null: the store is empty, or older than this record, and then of form 1. Throws 'bad_request' for a form above `known`. */
export function formatOf(record: Pick<Entry, 'value'> | null, known: number): number {
  if (record === null) return 1
  const format = readFormat(record.value)
  if (format === null) throw badRequest('the record of the form of the store cannot be read: it was changed')
  if (format > known) throw badRequest(`the data are of form ${format}, but this program knows only ${known}: they were written by a later version of Coffer`)
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
