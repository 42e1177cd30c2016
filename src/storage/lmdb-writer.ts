/**
 * Group commit: while one LMDB transaction is on its way to the disk, commits gather; then one transaction takes them all. Each is
 * checked and applied in turn, as if it were alone, and told its outcome only after the transaction is durable.
 */
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Draft, Expectation, Write } from '../kit/store.ts'
import { checkCommit, checkValue } from './key.ts'
import { keyOf } from './layered.ts'
import { type Environment, readNumber, writeNumber } from './lmdb-binding.ts'
import { type Counter, forgetLog, readCounter, writeCounter, writeLog } from './lmdb-log.ts'

export interface WriterOptions {
  readonly rememberedCommits: number
  /** Commits that may wait; more are refused as 'overloaded'. */
  readonly queueCountMax: number
  /** How long a transaction may take, other processes' turns included, before its outcome counts as unknown. Milliseconds. */
  readonly commitTimeoutMs: number
  /** Whether the disk has too little room left for anything but deletions. */
  isDiskFull(): boolean
  /** Called once after each transaction that wrote something, before those who wait for it are told. */
  onCommit(last: number): void
  /** Called once, when the writer has stopped for good. */
  onStop(reason: ApiError): void
}

interface Pending {
  readonly expectations: readonly Expectation[]
  readonly writes: readonly Write[]
  readonly resolve: (commit: number) => void
  readonly reject: (reason: unknown) => void
  /** Its number, once it has been applied. */
  commit: number
  /** Why it alone fails. Set by the transaction, told after it. */
  failure: { readonly reason: unknown } | null
}

/** What is known of keys inside one transaction, beside what the environment says. */
interface Batch {
  /** What its commits have made of a key so far: it is written at the end, once. */
  readonly drafts: Map<string, Draft>
  /** The versions that were looked up or written: most commits of a batch rely on the same keys. */
  readonly versions: Map<string, number>
}

/** One transaction takes so many commits and bytes at most, so that none waits long and the list of changed pages stays small. */
const batchCountMax = 1_024
const batchBytesMax = 32 * 1024 * 1024
/** Values up to this size are put together in one buffer that is used again and again. */
const scratchBytes = 64 * 1024

/**
 * What LMDB says when it could not bring the list of free pages up to date. It does that before it writes the first page, and takes the transaction
 * back: the disk holds nothing of it, for certain, and the same may be done again. The version in use says so by mistake now and then, when it takes
 * the length of an entry that is not there for what happens to lie in memory (`mdb_freelist_save`); what it remembers of the list is fresh after that.
 */
const wroteNothing = /MDB_BAD_TXN: .*freelist/
const failuresMax = 5

export class LmdbWriter {
  readonly #environment: Environment
  readonly #options: WriterOptions
  readonly #scratch = Buffer.alloc(scratchBytes)
  #queue: Pending[] = []
  #running: Promise<void> | null = null
  #refusal: ApiError | null = null
  #isHanging = false
  /** The transaction that this process is in, or null. */
  #underWay: Promise<void> | null = null
  /** Not null: none may begin before it resolves. */
  #held: { readonly until: Promise<void>; readonly end: () => void } | null = null
  #transactions = 0
  #commits = 0
  /** Transactions in a row that have failed without having written anything. */
  #failures = 0

  constructor(environment: Environment, options: WriterOptions) {
    this.#environment = environment
    this.#options = options
  }

  /** Why every commit is refused, or null. */
  get refusal(): ApiError | null {
    return this.#refusal
  }

  /** A transaction neither came back nor can be taken back: the environment must not be closed under it. */
  get isHanging(): boolean {
    return this.#isHanging
  }

  get counts(): { readonly transactions: number; readonly commits: number; readonly waiting: number } {
    return { transactions: this.#transactions, commits: this.#commits, waiting: this.#queue.length }
  }

  commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    return new Promise((resolve, reject) => {
      checkCommit(expectations, writes)
      this.#checkAccepting(writes)
      this.#queue.push({ expectations, writes, resolve, reject, commit: 0, failure: null })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when no transaction of this process is under way; none begins before `goOn`. Commits gather meanwhile. */
  async hold(): Promise<void> {
    let end = (): void => undefined
    this.#held ??= { until: new Promise((resolve) => (end = resolve)), end: () => end() }
    await this.#underWay
  }

  goOn(): void {
    this.#held?.end()
    this.#held = null
  }

  /** Refuses what comes from now on and waits for what is under way. */
  async close(): Promise<void> {
    this.#refusal ??= new ApiError('internal', 'the storage is closed')
    await this.#running
  }

  #checkAccepting(writes: readonly Write[]): void {
    if (this.#refusal !== null) throw this.#refusal
    if (this.#queue.length >= this.#options.queueCountMax) throw new ApiError('overloaded', 'too many writes are waiting for the disk')
    if (this.#options.isDiskFull() && writes.some((write) => !('del' in write))) {
      throw new ApiError('overloaded', 'the disk that holds the storage is full')
    }
  }

  /** Runs `work`, which writes by itself, between two transactions: at once with nobody, in this process and in others. What it throws must have changed nothing. */
  async exclusively<T>(work: () => T): Promise<T> {
    while (this.#running !== null || this.#held !== null) await (this.#running ?? this.#held?.until)
    if (this.#refusal !== null) throw this.#refusal
    return work()
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      if (this.#held !== null) await this.#held.until
      else await (this.#underWay = this.#commitBatch())
      this.#underWay = null
    }
    this.#running = null
  }

  async #commitBatch(): Promise<void> {
    let batch: Pending[] = []
    let last = 0
    try {
      await this.#beforeDeadline(this.#environment.transaction(() => {
        // Taken as late as this, so that what came while the transaction was being opened is in it.
        batch = this.#takeBatch()
        last = this.#apply(batch)
      }))
    } catch (error) {
      const detail = await reasonOf(error)
      if (!wroteNothing.test(detail) || (this.#failures += 1) > failuresMax) return await this.#stop(batch, error, detail)
      for (const pending of batch) pending.failure = null
      this.#queue.unshift(...batch)
      return
    }
    this.#failures = 0
    this.#transactions += 1
    if (last > 0) this.#options.onCommit(last)
    for (const pending of batch) this.#settle(pending)
  }

  #settle(pending: Pending): void {
    if (pending.failure !== null) return pending.reject(pending.failure.reason)
    this.#commits += 1
    pending.resolve(pending.commit)
  }

  #takeBatch(): Pending[] {
    let bytes = 0
    let count = 0
    while (count < this.#queue.length && count < batchCountMax && bytes < batchBytesMax) {
      for (const write of (this.#queue[count] as Pending).writes) bytes += 'put' in write ? write.value.length : 0
      count += 1
    }
    return this.#queue.splice(0, count)
  }

  /** Runs inside the transaction. Answers the last commit number, or 0 when nothing was written. What it throws is a broken environment. */
  #apply(batch: readonly Pending[]): number {
    const counter = readCounter(this.#environment)
    const applied: { commit: number; keys: string[] }[] = []
    const known: Batch = { drafts: new Map(), versions: new Map() }
    let { last } = counter
    for (const pending of batch) {
      const values = this.#prepare(pending, known)
      pending.commit = last
      if (values === null || values.length === 0) continue
      last += 1
      pending.commit = last
      for (const [index, write] of pending.writes.entries()) this.#write(keyOf(write), values[index] ?? null, last, known)
      applied.push({ commit: last, keys: pending.writes.map(keyOf) })
    }
    if (applied.length === 0) return 0
    for (const [key, draft] of known.drafts) this.#put(key, draft.bytes(), this.#versionOf(key, known))
    this.#record(counter, last, applied)
    return last
  }

  /** Checks one commit and computes its values; null, with the failure noted, when it must not be applied. It writes nothing. */
  #prepare(pending: Pending, known: Batch): (Uint8Array | Draft | null)[] | null {
    for (const { key, version } of pending.expectations) {
      if (this.#versionOf(key, known) === version) continue
      pending.failure = { reason: new Conflict(key) }
      return null
    }
    const currents = pending.writes.map((write) => ('merge' in write ? (known.drafts.get(write.merge) ?? this.#current(write.merge)) : null))
    try {
      return pending.writes.map((write, index) => valueOf(write, currents[index] ?? null))
    } catch (reason) {
      pending.failure = { reason }
      return null
    }
  }

  #versionOf(key: string, { versions }: Batch): number {
    const known = versions.get(key)
    if (known !== undefined) return known
    const found = this.#environment.getBinaryFast(key)
    const version = found === undefined ? 0 : readNumber(found, 0)
    versions.set(key, version)
    return version
  }

  #current(key: string): Uint8Array | null {
    const found = this.#environment.getBinaryFast(key)
    return found === undefined ? null : copyValue(found)
  }

  #write(key: string, value: Uint8Array | Draft | null, version: number, { drafts, versions }: Batch): void {
    versions.set(key, value === null ? 0 : version)
    const isDraft = value !== null && !(value instanceof Uint8Array)
    if (isDraft) drafts.set(key, value)
    else drafts.delete(key)
    if (value === null) this.#environment.remove(key)
    else if (!isDraft) this.#put(key, value, version)
  }

  #put(key: string, value: Uint8Array, version: number): void {
    const size = value.length + 8
    const stored = size <= scratchBytes ? this.#scratch.subarray(0, size) : Buffer.allocUnsafeSlow(size)
    stored.set(value, writeNumber(stored, version, 0))
    this.#environment.put(key, stored)
  }

  #record(counter: Counter, last: number, applied: readonly { readonly commit: number; readonly keys: readonly string[] }[]): void {
    const { rememberedCommits } = this.#options
    writeLog(this.#environment, applied)
    const isTooLong = last - counter.floor > rememberedCommits * 1.25
    const floor = isTooLong ? forgetLog(this.#environment, counter, last - rememberedCommits) : counter.floor
    writeCounter(this.#environment, { ...counter, last, floor })
    // A failed write inside the transaction is not always reported at once, but no read succeeds after it.
    if (readCounter(this.#environment).last !== last) throw new Error('a write was lost inside its transaction')
  }

  #beforeDeadline(transaction: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#isHanging = true
        reject(new Error(`the transaction did not end within ${this.#options.commitTimeoutMs} ms`))
      }, this.#options.commitTimeoutMs)
      transaction.then(resolve, reject).finally(() => clearTimeout(timer))
    })
  }

  /**
   * After a failed transaction nobody knows what the disk holds of it, and a later fsync could succeed without it: so nothing is
   * written any more until the environment is opened anew, which starts from what is certain.
   */
  async #stop(batch: readonly Pending[], error: unknown, detail: string): Promise<void> {
    const message = `the storage refuses writes since a commit failed (${detail}); its outcome is unknown until the server is started again`
    const reason = new ApiError('internal', message, { cause: error, detail })
    this.#refusal = reason
    const refused = [...batch, ...this.#queue]
    this.#queue = []
    for (const { reject } of refused) reject(reason)
    this.#options.onStop(reason)
  }
}

function valueOf(write: Write, current: Uint8Array | Draft | null): Uint8Array | Draft | null {
  if ('put' in write) return write.value
  if ('del' in write) return null
  if (write.draft !== undefined) return write.draft(current)
  const value = write.by(current === null || current instanceof Uint8Array ? current : current.bytes())
  if (value !== null) checkValue(value)
  return value
}

/** The value of what `getBinaryFast` found, without its version, in bytes of its own. */
export function copyValue(found: Buffer): Uint8Array {
  const { length } = found
  const value = Buffer.allocUnsafe(length - 8)
  found.copy(value, 0, 8, length)
  return value
}

/** What the `lmdb` package says about a failed commit: it hangs a second promise on its error. */
async function reasonOf(error: unknown): Promise<string> {
  const cause = (error as { commitError?: Promise<unknown> }).commitError
  if (!(cause instanceof Promise)) return String(error)
  const timeout = new Promise<string>((resolve) => setTimeout(resolve, 1_000, String(error)).unref())
  return await Promise.race([cause.then(() => String(error), String), timeout])
}
