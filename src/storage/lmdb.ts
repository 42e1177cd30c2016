/**
 * The embedded, durable store: one LMDB environment in a folder, which several processes may share. Reads come straight from the
 * memory map and always see the newest commit of any process; writes are committed in groups (`lmdb-writer.ts`).
 */
import { statfsSync } from 'node:fs'
import { chmod, mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError, internal } from '../kit/errors.ts'
import type { Change, Entry, Expectation, KeyValue, ListOptions, WholeReading, WholeStore, Write } from '../kit/store.ts'
import { EntryCache } from './entry-cache.ts'
import { checkFiles, codeOf, prepareFolder, unusable } from './folder.ts'
import { checkKey, checkList, keyBytesMax } from './key.ts'
import { type KeyRange, listNames } from './listing.ts'
import { type Environment, openEnvironment, readerIds, readNumber, resetSnapshot, type Snapshot } from './lmdb-binding.ts'
import { changedBetween, counterKey, formatVersion, readCounter, readLog } from './lmdb-log.ts'
import { readWhole, replaceWhole } from './lmdb-whole.ts'
import { copyValue, LmdbWriter } from './lmdb-writer.ts'
import { Bell, forgotten, watchChanges } from './watching.ts'

export interface LmdbOptions {
  /** Made if missing, with mode 0700. */
  readonly folder: string
  /** Address space to reserve at first; it grows by itself. Default 16 GiB, which costs nothing until it is used. */
  readonly mapSizeBytes?: number
  /** How many commits `watch` can go back. Default 16,384. */
  readonly rememberedCommits?: number
  /** What may be kept of values read lately. Default 16 MiB: more makes reads at random slower, not faster. */
  readonly cacheBytes?: number
  /** Commits that may wait for the disk before more are refused as 'overloaded'. Default 10,000. */
  readonly queueCountMax?: number
  /** Free bytes of the disk below which only deletions are accepted. Default 16 MiB. */
  readonly diskReserveBytes?: number
  /** How long a commit may take before the store stops, because its outcome is unknown. Default 30,000. */
  readonly commitTimeoutMs?: number
  /** How often a waiting `watch` looks for commits of other processes. Default 25. */
  readonly pollMs?: number
  /** Uses the folder even on a network file system: the operator answers for it. */
  readonly acceptNetworkFileSystem?: boolean
  /** Called once when a commit failed and the store refuses all writes from then on: the time to end the process. */
  readonly onStop?: (reason: ApiError) => void
}

export interface LmdbStats {
  readonly lastCommit: number
  /** `watch` serves numbers from this one on. */
  readonly rememberedFrom: number
  /** The size of the file on disk; it never shrinks but by a backup that takes its place. */
  readonly fileBytes: number
  /** Values, and records of the driver itself. */
  readonly entryCount: number
  /** Processes that have read from the environment and are alive. */
  readonly processIds: readonly number[]
  /** Of this process, since it opened the store. */
  readonly transactions: number
  readonly commits: number
  readonly waiting: number
  /** Why writes are refused, or null. */
  readonly refusal: string | null
}

export interface LmdbStore extends WholeStore {
  /** Refuses new commits, waits for those under way, ends every `watch`, and closes. Nothing may be called afterwards. */
  close(): Promise<void>
  /** Writes a compact, consistent copy into a new or empty folder while the store is in use. */
  backup(folder: string): Promise<void>
  /** Tells waiting watches at once of commits by other processes, instead of at the next poll. */
  wakeWatches(): void
  /**
   * Resolves when this process is in no transaction; it begins none before `goOn`, and commits wait. Every process that has the folder open must be held
   * while another one opens it: opening sets the newest commit that all of them share (LMDB's `mti_txnid`) to what was read of the file a moment before.
   * A commit in between would be taken for not there, and be overwritten by the next.
   */
  hold(): Promise<void>
  goOn(): void
  /** Frees the places of processes that died while reading; call it when one did, or the file may grow. Answers how many. */
  freeDeadReaders(): number
  stats(): Promise<LmdbStats>
}

/**
 * Opens the store in a folder, or makes it. No other process may commit to it meanwhile (`LmdbStore.hold`). Who serves requests from it should hold
 * `lockFolder` first. Throws `ApiError` 'internal' with a
 * message for the operator when the folder cannot be used or holds what this program does not understand.
 */
export async function openLmdbStore(options: LmdbOptions): Promise<LmdbStore> {
  const { folder } = options
  await prepareFolder(folder, options)
  await checkFiles(folder)
  const environment = openFolder(options)
  try {
    // A commit to a file that the folder forgets in a power cut would be lost.
    await syncPath(folder)
    const { format } = readCounter(environment)
    if (format !== formatVersion) throw unusable(folder, `holds a store of format ${format}, but this program knows only ${formatVersion}`)
    return new LmdbDriver(environment, options)
  } catch (error) {
    await environment.close()
    throw error
  }
}

function openFolder({ folder, mapSizeBytes = 16 * 2 ** 30 }: LmdbOptions): Environment {
  try {
    return openEnvironment({ folder, mapSizeBytes })
  } catch (error) {
    throw unusable(folder, `cannot be opened: ${(error as Error).message}`, error)
  }
}

class LmdbDriver implements LmdbStore {
  readonly #environment: Environment
  readonly #folder: string
  readonly #writer: LmdbWriter
  readonly #cache: EntryCache
  readonly #snapshot: Snapshot
  /** Made once: an object per read would cost as much as a tenth of it. */
  readonly #reading: { readonly transaction: Snapshot }
  readonly #diskReserveBytes: number
  readonly #bell = new Bell()
  readonly #pollMs: number
  readonly #closing = new AbortController()
  #poll: NodeJS.Timeout | null = null
  /** The commit that the snapshot shows, or -1 while it shows none. */
  #lookedAt = -1
  /** What the cache saw at a commit from the first to the second is as it was then, but for what it doubts. */
  #followedFrom = 0
  #followedTo = 0
  #lastPolled = 0
  #isDiskFull = false
  #isClosed = false

  constructor(environment: Environment, options: LmdbOptions) {
    this.#environment = environment
    this.#folder = options.folder
    this.#snapshot = environment.useReadTransaction()
    this.#reading = { transaction: this.#snapshot }
    resetSnapshot(this.#snapshot.address)
    this.#cache = new EntryCache(options.cacheBytes ?? 16 * 2 ** 20)
    this.#diskReserveBytes = options.diskReserveBytes ?? 16 * 2 ** 20
    this.#pollMs = options.pollMs ?? 25
    this.#writer = new LmdbWriter(environment, {
      rememberedCommits: options.rememberedCommits ?? 16_384,
      queueCountMax: options.queueCountMax ?? 10_000,
      commitTimeoutMs: options.commitTimeoutMs ?? 30_000,
      isDiskFull: () => this.#measureDisk(),
      onCommit: () => {
        this.#lookAway()
        this.#bell.ring()
      },
      onStop: (reason) => options.onStop?.(reason),
    })
  }

  get(key: string): Promise<Entry | null> {
    try {
      return Promise.resolve(this.getNow(key))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  getNow(key: string): Entry | null {
    // The full check only where a glance finds cause: this is the hottest line of the server.
    if (key === '' || key.length * 3 > keyBytesMax || key.endsWith('/')) checkKey(key)
    const commit = this.#look()
    const kept = this.#cache.find(key)
    if (kept !== undefined && kept.seenAt >= this.#followedFrom) return kept.entry
    const found = this.#environment.getBinaryFast(key, this.#reading)
    if (found === undefined) return null
    const version = readNumber(found, 0)
    if (kept?.entry.version === version) {
      kept.seenAt = commit
      return kept.entry
    }
    const entry: Entry = { value: copyValue(found), version }
    this.#cache.keep(key, { entry, seenAt: commit })
    return entry
  }

  /**
   * Looks at the newest commit of every process, once for all reads until this thread asks the system for news again: what was acknowledged before
   * a request was heard of is seen by it. Answers the number of that commit: what was seen at it needs no second look.
   */
  #look(): number {
    this.#checkOpen()
    if (this.#lookedAt >= 0) return this.#lookedAt
    // The package takes the snapshot for its own reading now and then, where it is as new as can be (`renewReadTxn`), and leaves it open.
    resetSnapshot(this.#snapshot.address)
    const { last } = readCounter(this.#environment, this.#reading)
    // Next ticks come after all promises that can be settled by now, and before the next event.
    process.nextTick(this.#lookAway)
    this.#lookedAt = last
    if (last !== this.#followedTo) this.#follow(last)
    return last
  }

  /** Brings the cache up to `last`: what the commits since it was looked at changed is looked up anew, and so is everything where they are too many. */
  #follow(last: number): void {
    const changed = changedBetween(this.#environment, this.#reading, this.#followedTo, last)
    if (changed === null) this.#followedFrom = last
    else for (const key of changed) this.#cache.doubt(key)
    this.#followedTo = last
  }

  /** No page stays pinned, and the next read looks anew. */
  readonly #lookAway = (): void => {
    if (this.#lookedAt < 0 || this.#isClosed) return
    this.#lookedAt = -1
    resetSnapshot(this.#snapshot.address)
  }

  async list(prefix: string, options?: ListOptions): Promise<string[]> {
    checkList(prefix, options)
    return this.#scan((environment) => listNames((range) => readKeys(environment, range), prefix, options))
  }

  commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    return this.#writer.commit(expectations, writes)
  }

  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<Change> {
    const log = { readAfter: (at: number) => this.#readAfter(at), wait: (either: AbortSignal) => this.#wait(either) }
    return watchChanges(log, prefix, from, AbortSignal.any([signal, this.#closing.signal]))
  }

  async lastCommit(): Promise<number> {
    return this.#look()
  }

  wakeWatches(): void {
    this.#bell.ring()
  }

  hold(): Promise<void> {
    return this.#writer.hold()
  }

  goOn(): void {
    this.#writer.goOn()
  }

  freeDeadReaders(): number {
    this.#checkOpen()
    return this.#environment.readerCheck()
  }

  async stats(): Promise<LmdbStats> {
    const { last, floor } = this.#counter()
    const { entryCount } = this.#environment.getStats()
    const { size } = await stat(join(this.#folder, 'data.mdb'))
    return {
      lastCommit: last,
      rememberedFrom: floor,
      fileBytes: size,
      entryCount: Number(entryCount),
      processIds: readerIds(this.#environment),
      ...this.#writer.counts,
      refusal: this.#writer.refusal?.detail ?? this.#writer.refusal?.message ?? null,
    }
  }

  async backup(folder: string): Promise<void> {
    this.#checkOpen()
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await this.#environment.backup(folder, true)
      const file = join(folder, 'data.mdb')
      await chmod(file, 0o600)
      for (const path of [file, folder]) await syncPath(path)
    } catch (error) {
      throw new ApiError('internal', `the backup to "${folder}" failed: ${(error as Error).message}`, { cause: error })
    }
  }

  readWhole(): WholeReading {
    this.#checkOpen()
    return readWhole(this.#environment, this.#closing.signal)
  }

  async replaceWhole(values: Iterable<KeyValue>): Promise<number> {
    this.#checkOpen()
    const commit = await this.#writer.exclusively(() => replaceWhole(this.#environment, values))
    this.#lookAway()
    this.#bell.ring()
    return commit
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#closing.abort()
    await this.#writer.close()
    this.#lookAway()
    this.#isClosed = true
    if (this.#poll !== null) clearInterval(this.#poll)
    // The hanging transaction holds a lock that closing would wait for, for ever.
    if (this.#writer.isHanging) return
    this.#snapshot.done()
    await this.#environment.close()
  }

  /** Runs one reading of many keys at the newest commit, all of it at the same one. */
  #scan<T>(read: (environment: Environment) => T): T {
    this.#checkOpen()
    // What is read of the names that it finds is to be as new.
    this.#lookAway()
    this.#environment.resetReadTxn()
    try {
      return read(this.#environment)
    } finally {
      this.#environment.resetReadTxn()
      // It may have been read with: no page is to stay pinned.
      resetSnapshot(this.#snapshot.address)
    }
  }

  #counter(): ReturnType<typeof readCounter> {
    this.#look()
    return readCounter(this.#environment, this.#reading)
  }

  #readAfter(from: number): { changes: Change[]; upTo: number } {
    const changes = this.#look() > from ? this.#scan((environment) => readLog(environment, from)) : []
    // Read last: what another process forgets meanwhile shows at worst as a floor that is too high, never as a gap.
    const { floor } = this.#counter()
    if (from < floor) throw forgotten(from, floor)
    return { changes, upTo: changes.at(-1)?.commit ?? from }
  }

  #wait(signal: AbortSignal): Promise<void> {
    this.#poll ??= setInterval(() => this.#lookForCommits(), this.#pollMs)
    return this.#bell.wait(signal)
  }

  #lookForCommits(): void {
    if (this.#bell.waiting === 0 && this.#poll !== null) {
      clearInterval(this.#poll)
      this.#poll = null
      return
    }
    const last = this.#look()
    if (last === this.#lastPolled) return
    this.#lastPolled = last
    this.#bell.ring()
  }

  /** Looks at the disk before each transaction's first commit, and at each commit while it is full. */
  #measureDisk(): boolean {
    if (this.#isDiskFull || this.#writer.counts.waiting === 0) {
      const { bavail, bsize } = statfsSync(this.#folder)
      this.#isDiskFull = bavail * bsize < this.#diskReserveBytes
    }
    return this.#isDiskFull
  }

  #checkOpen(): void {
    if (this.#isClosed) throw internal('the storage is closed')
  }
}

function readKeys(environment: Environment, { start, end, reverse }: KeyRange): Iterable<string> {
  const last = end ?? counterKey
  const range = reverse ? { start: last, end: start, reverse, exclusiveStart: true, inclusiveEnd: true } : { start, end: last }
  return environment.getKeys(range) as Iterable<string>
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // Some file systems refuse to sync a folder; the file has been synced before.
    if (codeOf(error) !== 'EINVAL') throw error
  } finally {
    await handle.close()
  }
}
