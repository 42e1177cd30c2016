/** Records: how an engine keeps objects in a store. JSON inside, decoded once per stored version, frozen. */
import { encodeJson, freezeDeep, parseJson, type Json } from './json.ts'
import { memo } from './memo.ts'
import type { Entry, Transaction } from './store.ts'

const decoded = memo<Uint8Array, unknown>('decoded')
const decoder = new TextDecoder('utf-8', { fatal: true })
const encoder = new TextEncoder()

/**
 * Decodes an entry through `parse`, once for as long as the store hands out the same array. The result is shared between requests
 * and must be frozen.
 */
export function decodeOnce<T>(entry: Entry, parse: (text: string) => T): T {
  const known = decoded.get(entry.value)
  if (known !== undefined) return known as T
  const made = parse(decoder.decode(entry.value))
  decoded.set(entry.value, made)
  return made
}

/** How records of a shape are written where their plain JSON would be too long. `decode` answers what is frozen, and takes whatever an older version wrote. */
export interface RecordForm<T> {
  readonly encode: (value: T) => string
  readonly decode: (text: string) => T
}

/** Their JSON, field by field. */
export const plainForm: RecordForm<unknown> = Object.freeze({
  encode: (value: unknown) => encodeJson(value as Json),
  decode: (text: string): unknown => freezeDeep(parseJson(text, { depth: Infinity, strings: Infinity })),
})

/** A family of records of one shape under keys made by `key`. */
export interface RecordFamily<T, K extends readonly string[]> {
  readonly key: (...parts: K) => string
  readonly read: (store: Pick<Transaction, 'get'>, ...parts: K) => Promise<T | null>
  readonly write: (store: Transaction, value: T, ...parts: K) => void
  readonly remove: (store: Transaction, ...parts: K) => void
  readonly encode: (value: T) => Uint8Array
  readonly decode: (entry: Entry) => T
}

/** Declares where records of type `T` live. The shape is trusted: only this program writes them, and the barrier proves it. */
export function records<T extends object, K extends readonly string[]>(key: (...parts: K) => string, form: RecordForm<T> = plainForm as RecordForm<T>): RecordFamily<T, K> {
  const encode = (value: T): Uint8Array => encoder.encode(form.encode(value))
  const decode = (entry: Entry): T => decodeOnce(entry, form.decode)
  return {
    key,
    encode,
    decode,
    async read(store, ...parts) {
      const entry = await store.get(key(...parts))
      return entry === null ? null : decode(entry)
    },
    write: (store, value, ...parts) => store.put(key(...parts), encode(value)),
    remove: (store, ...parts) => store.delete(key(...parts)),
  }
}
