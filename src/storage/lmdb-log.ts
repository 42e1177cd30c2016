/**
 * The driver's own records in the environment: one that counts commits, and a log of what they changed, from which `watch` is
 * served, also to other processes. Record 0 is the counter; the others are named by the last commit they tell of.
 */
import type { Change } from '../kit/store.ts'
import { type Environment, readNumber, type Snapshot, writeNumber } from './lmdb-binding.ts'

/** The form of everything below; a later form gets a higher number, and this program refuses it. */
export const formatVersion = 1

export interface Counter {
  readonly format: number
  /** The last commit. */
  readonly last: number
  /** The log tells of all commits later than this. */
  readonly floor: number
}

/** The key of the counter, and the end of all storage keys. */
export const counterKey = 0
/** So many of the oldest records are deleted by one commit at most, so that none is slow. */
const forgetMax = 64
/** `readAfter` stops when it has gathered so many changes. */
const partSize = 4_096

const counterBytes = Buffer.alloc(24)

export function readCounter(environment: Environment, options?: { readonly transaction: Snapshot }): Counter {
  const found = environment.getBinaryFast(counterKey, options)
  if (found === undefined) return { format: formatVersion, last: 0, floor: 0 }
  return { format: readNumber(found, 0), last: readNumber(found, 8), floor: readNumber(found, 16) }
}

export function writeCounter(environment: Environment, { format, last, floor }: Counter): void {
  writeNumber(counterBytes, format, 0)
  writeNumber(counterBytes, last, 8)
  writeNumber(counterBytes, floor, 16)
  environment.put(counterKey, counterBytes)
}

/** Writes what the commits of one batch changed: [commit 8][count 4] then per key [length 2][bytes]. */
export function writeLog(environment: Environment, batch: readonly { readonly commit: number; readonly keys: readonly string[] }[]): void {
  const last = batch.at(-1)
  if (last === undefined) return
  environment.put(last.commit, encodeLog(batch))
}

function encodeLog(batch: readonly { readonly commit: number; readonly keys: readonly string[] }[]): Buffer {
  let size = 0
  for (const { keys } of batch) for (const key of keys) size += 2 + Buffer.byteLength(key)
  const record = Buffer.alloc(size + batch.length * 12)
  let at = 0
  for (const { commit, keys } of batch) {
    at = record.writeUInt32BE(keys.length, writeNumber(record, commit, at))
    for (const key of keys) {
      const length = record.write(key, at + 2)
      at = record.writeUInt16BE(length, at) + length
    }
  }
  return record
}

function* decodeLog(record: Buffer): Generator<Change> {
  for (let at = 0; at < record.length; ) {
    const commit = readNumber(record, at)
    let left = record.readUInt32BE(at + 8)
    at += 12
    for (; left > 0; left -= 1) {
      const end = at + 2 + record.readUInt16BE(at)
      yield { commit, key: record.toString('utf8', at + 2, end) }
      at = end
    }
  }
}

/** Some of the changes later than `from`, whole commits, in order; all of them when there are few. */
export function readLog(environment: Environment, from: number): Change[] {
  const changes: Change[] = []
  for (const { value } of environment.getRange({ start: from + 1, end: Number.MAX_SAFE_INTEGER })) {
    for (const change of decodeLog(value)) if (change.commit > from) changes.push(change)
    if (changes.length >= partSize) break
  }
  return changes
}

/** Records of the log that are looked at by `changedBetween`, and keys that it gathers, at most: what takes longer is not worth it. */
const recordsMax = 16
const changesMax = 1_000

/**
 * The keys that the commits later than `from` up to `last`, the newest, have changed; null when the log does not tell it in a few records. They are found
 * without a range: a record stands under the last commit that it tells of, and begins with the first.
 */
export function changedBetween(environment: Environment, options: { readonly transaction: Snapshot }, from: number, last: number): string[] | null {
  if (last < from) return null
  const keys: string[] = []
  let at = last
  for (let records = 0; at > from; records += 1) {
    const record = records < recordsMax && keys.length < changesMax ? environment.getBinaryFast(at, options) : undefined
    if (record === undefined) return null
    at = readNumber(record, 0) - 1
    for (const { key } of decodeLog(record)) keys.push(key)
  }
  return keys
}

/** Deletes records that tell only of commits up to `until`; answers the new floor. */
export function forgetLog(environment: Environment, { floor }: Counter, until: number): number {
  const records: number[] = []
  for (const key of environment.getKeys({ start: counterKey + 1, end: until + 1, limit: forgetMax })) records.push(key as number)
  for (const record of records) environment.remove(record)
  return records.at(-1) ?? floor
}
