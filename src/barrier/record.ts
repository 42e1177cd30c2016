/**
 * What is sealed at the key of a record: [length of the path 2][path][value]. A record says itself which path it belongs to, so that
 * reading can check it, and a checker or a repair can do without the folders.
 */
import { type ApiError, internal } from '../kit/errors.ts'
import { memo } from '../kit/memo.ts'
import type { Entry } from '../kit/store.ts'

export interface NamedRecord {
  readonly path: string
  readonly value: Uint8Array
}

export function encodeRecord(path: string, value: Uint8Array): Buffer {
  const length = Buffer.byteLength(path)
  const bytes = Buffer.allocUnsafe(2 + length + value.length)
  bytes.writeUInt16BE(length)
  bytes.write(path, 2)
  bytes.set(value, 2 + length)
  return bytes
}

/** Throws 'internal' for bytes that no record has. */
export function decodeRecord(bytes: Uint8Array): NamedRecord {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (buffer.length < 2) throw internal('a record is too short')
  const valueAt = 2 + buffer.readUInt16BE()
  if (buffer.length < valueAt) throw internal('a record is too short')
  return { path: buffer.toString('utf8', 2, valueAt), value: bytes.subarray(valueAt) }
}

// The same entry of the layer below becomes the same entry here, so that whoever decodes values can memoise on their identity.
const opened = memo<Entry, { readonly path: string; readonly entry: Entry }>('opened')

/** The entry of the record at `path`. Throws 'internal', naming the physical key, when the record belongs to another path. */
export function openRecord(path: string, key: string, sealed: Entry): Entry {
  let known = opened.get(sealed)
  if (known === undefined) {
    const record = decodeRecord(sealed.value)
    known = { path: record.path, entry: { value: record.value, version: sealed.version } }
    opened.set(sealed, known)
  }
  if (known.path !== path) throw misplaced(key)
  return known.entry
}

/** The value of the record at `path`, with the same check. */
export function valueAt(path: string, key: string, bytes: Uint8Array): Uint8Array {
  const record = decodeRecord(bytes)
  if (record.path !== path) throw misplaced(key)
  return record.value
}

const misplaced = (key: string): ApiError => internal(`the record at the physical key "${key}" belongs to another path`)

// The path of a deleted record, with the number of the last commit before its deletion: [number 8][path].

export function encodeObituary(path: string, commit: number): Buffer {
  const bytes = Buffer.allocUnsafe(8 + Buffer.byteLength(path))
  bytes.writeDoubleBE(commit)
  bytes.write(path, 8)
  return bytes
}

export function decodeObituary(bytes: Uint8Array): { readonly path: string; readonly commit: number } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return { path: buffer.toString('utf8', 8), commit: buffer.readDoubleBE() }
}
