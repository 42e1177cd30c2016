/**
 * The form of a snapshot: a gzipped tar archive, as Vault's clients expect one, whose parts are, in this order: `manifest.json`; `data/1`, `data/2` …, each with
 * records [length of the key 2][length of the value 4][key][value] in the order of the keys; `summary.json`; `SHA256SUMS`, a line for each part so far; and
 * `SHA256SUMS.sealed`, an HMAC of that by a key of the barrier. Values lie in it as they lie in the store: sealed.
 */
import { badRequest } from '../../kit/errors.ts'
import type { KeyValue } from '../../kit/store.ts'
import { checkKey, checkValue, compareKeys, keyBytesMax, valueBytesMax } from '../key.ts'

/** A later form gets a higher number, and this program refuses it. */
export const snapshotFormat = 1

export interface SnapshotManifest {
  readonly program: string
  readonly format: number
  /** Of the program that made it. */
  readonly version: string
  /** RFC 3339. */
  readonly created: string
  readonly cluster_id: string
  /** Stands for the keys of the barrier: the same for the life of a store, and in no other. */
  readonly key_fingerprint: string
  /** Number of the commit that it holds the state after. */
  readonly commit: number
}

export interface SnapshotSummary {
  readonly parts: number
  readonly entries: number
  /** Of keys and values. */
  readonly bytes: number
}

/** What a part has before the next one begins; one value more may be in it. */
export const partBytes = 1024 * 1024
export const partBytesMax = partBytes + keyBytesMax + valueBytesMax + 6

export const damaged = (why: string): Error => badRequest(`this is no whole snapshot: ${why}`)

export function encodeRecord({ key, value }: KeyValue): readonly Uint8Array[] {
  const name = Buffer.from(key)
  const head = Buffer.alloc(6)
  head.writeUInt16BE(name.length)
  head.writeUInt32BE(value.length, 2)
  return [head, name, value]
}

/** Throws 'bad_request' for bytes that are no records, or whose keys are not in their order; `after` is the last key before them. */
export function* decodePart(part: Uint8Array, after: string): Generator<KeyValue> {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.length)
  let last = after
  for (let at = 0; at < bytes.length; ) {
    if (at + 6 > bytes.length) throw damaged('a record ends too early')
    const keyEnd = at + 6 + bytes.readUInt16BE(at)
    const end = keyEnd + bytes.readUInt32BE(at + 2)
    if (end > bytes.length) throw damaged('a record ends too early')
    const key = bytes.toString('utf8', at + 6, keyEnd)
    const value = bytes.subarray(keyEnd, end)
    checkKey(key)
    checkValue(value)
    if (last !== '' && compareKeys(last, key) >= 0) throw damaged('its keys are not in order')
    yield { key, value }
    last = key
    at = end
  }
}
