/**
 * What we use of the `lmdb` package (3.5.6), with types: some of it is exported but missing from its declarations. Keys are our
 * own encoding, so that any storage key is exact, in the order of its bytes, and apart from the driver's own records.
 */
import * as lmdb from 'lmdb'
import { badRequest } from '../kit/errors.ts'

/** A storage key, or the number of a record of the driver itself (which sort after all storage keys). */
export type LmdbKey = string | number

/** A read transaction of our own. Reset, it pins no page; the next read with it renews it at the newest commit. */
export interface Snapshot {
  readonly address: number
  done(): void
}

export interface RangeOptions {
  readonly start: LmdbKey
  readonly end: LmdbKey
  readonly reverse?: boolean
  readonly exclusiveStart?: boolean
  readonly inclusiveEnd?: boolean
  readonly limit?: number
  readonly transaction?: Snapshot
}

export interface Environment {
  /** The bytes live in a buffer that the next read overwrites; its `length` is right, that of its ArrayBuffer is not. */
  getBinaryFast(key: LmdbKey, options?: { readonly transaction: Snapshot }): Buffer | undefined
  /** Within `transaction` only. */
  put(key: LmdbKey, value: Uint8Array): unknown
  /** Within `transaction` only. */
  remove(key: LmdbKey): unknown
  /** Within `transactionSync` only: removes everything. */
  clearSync(): void
  getKeys(options: RangeOptions): Iterable<LmdbKey>
  getRange(options: RangeOptions): Iterable<{ readonly key: LmdbKey; readonly value: Buffer }>
  /** Runs `work` with the write lock of all processes held, and resolves when the commit is on disk. An exception does not roll back. */
  transaction<T>(work: () => T): Promise<T>
  /** The same, but blocks this thread until the lock is there and the commit on disk. An exception rolls back. */
  transactionSync<T>(work: () => T): T
  useReadTransaction(): Snapshot
  resetReadTxn(): void
  backup(folder: string, compact: boolean): Promise<void>
  readerCheck(): number
  readerList(): string
  getStats(): Readonly<Record<string, unknown>>
  close(): Promise<void>
}

export interface EnvironmentOptions {
  readonly folder: string
  readonly mapSizeBytes: number
}

export function openEnvironment({ folder, mapSizeBytes }: EnvironmentOptions): Environment {
  const options = {
    path: folder,
    // Without this a dot in the folder's name would make it the name of a file.
    noSubdir: false,
    // Readers must never see what a power cut could take back.
    overlappingSync: false,
    safeRestore: true,
    // Pages are zeroed first: no stray memory of the process reaches the file.
    noMemInit: false,
    // We gather commits ourselves. With it on, a failed commit rejects a promise that nobody can get hold of, and that ends the process.
    eventTurnBatching: false,
    encoding: 'binary',
    compression: false,
    cache: false,
    maxReaders: 512,
    pageSize: 4096,
    mapSize: mapSizeBytes,
    remapChunks: false,
    permissionsMode: 0o600,
    keyEncoder: { writeKey, readKey },
  }
  return lmdb.open(options as unknown as lmdb.RootDatabaseOptionsWithPath) as unknown as Environment
}

/** Ends a snapshot without giving up its place in the reader table. */
export const resetSnapshot = (lmdb as unknown as { nativeAddon: { resetTxn(address: number): void } }).nativeAddon.resetTxn

/** The processes in the reader table: the first column of what LMDB prints. Some may be dead until the next `readerCheck`. */
export function readerIds(environment: Environment): number[] {
  const ids = Array.from(environment.readerList().matchAll(/^\s*(\d+)\s/gm), ([, id]) => Number(id))
  return [...new Set(ids)]
}

const entryMark = 1
const recordMark = 2
const loneSurrogate = /\p{Surrogate}/u

function writeKey(key: LmdbKey, target: Buffer, start: number): number {
  if (typeof key === 'number') return writeRecordKey(key, target, start)
  target[start] = entryMark
  const from = start + 1
  const { length } = key
  for (let index = 0; index < length; index += 1) {
    const unit = key.charCodeAt(index)
    if (unit > 0x7f) return writeWideKey(key, target, from)
    target[from + index] = unit
  }
  return from + length
}

function writeRecordKey(key: number, target: Buffer, start: number): number {
  target[start] = recordMark
  return writeNumber(target, key, start + 1)
}

function writeWideKey(key: string, target: Buffer, from: number): number {
  // Encoded, a lone surrogate would become U+FFFD and thereby another key.
  if (loneSurrogate.test(key)) throw badRequest('a storage key must be well-formed Unicode')
  return from + target.write(key, from, 'utf8')
}

function readKey(source: Buffer, start: number, end: number): LmdbKey {
  return source[start] === entryMark ? source.toString('utf8', start + 1, end) : readNumber(source, start + 1)
}

/** Reads a whole number of 8 bytes, big-endian; exact up to 2^53. */
export const readNumber = (source: Buffer, offset: number): number =>
  source.readUInt32BE(offset) * 2 ** 32 + source.readUInt32BE(offset + 4)

/** Writes a whole number as 8 bytes, big-endian; answers the offset behind it. */
export function writeNumber(target: Buffer, value: number, offset: number): number {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), offset)
  return target.writeUInt32BE(value >>> 0, offset + 4)
}
