/**
 * A unit of work: what was read, remembered with its version, and what is to be written, gathered until one commit. It spans as
 * many stores as it is asked for, as long as they are layers over one base.
 */
import { randomInt } from 'node:crypto'
import { ApiError, Conflict, internal } from '../kit/errors.ts'
import type { Entry, Expectation, ListOptions, Merge, Store, Transaction, Write } from '../kit/store.ts'
import { commitTogether, type Part } from './layered.ts'
import { isScoped } from './scoped.ts'
import { listWithWrites } from './transaction-list.ts'

/** What a commit is to hold besides what the unit gathered, in the keys of the store that the unit began on. */
export interface Extra {
  readonly expectations?: readonly Expectation[]
  readonly writes?: readonly Write[]
}

export interface UnitTransaction extends Transaction {
  /** Something is to be written, through this view or another of the same unit. */
  readonly isDirty: boolean
  /**
   * The same unit of work seen through another store: a layer over the base of this one, or a scope. All views of one store,
   * and of scopes of it, see what the others write; views of different layers do not until the commit.
   */
  on(store: Store): Transaction
  /**
   * Commits what all views gathered, and `extra`, at once, provided that nothing that was read has changed. Resolves with the
   * number of the commit; with 0, without asking the store, when there is nothing to write or to expect. Throws what
   * `Store.commit` throws. Afterwards the unit is over, whatever came of it.
   */
  commitWith(extra?: Extra): Promise<number>
}

/**
 * Begins a unit of work on a store. Entries that are yet to be committed have version 0. An entry read twice may be a
 * newer one the second time; the commit then fails with a `Conflict`, as it does when anything read has changed.
 */
export const beginTransaction = (store: Store): UnitTransaction => new View(store, null)

/** The part of a transaction whose keys begin with `prefix`, which ends in '/'. */
export function scopedTransaction(transaction: Transaction, prefix: string): Transaction {
  if (!prefix.endsWith('/')) throw internal(`the scope "${prefix}" does not end in "/"`)
  return new ScopedTransaction(transaction, prefix)
}

const nothingCommitted = Promise.resolve(0)
const absent = Promise.resolve(null)

class View implements UnitTransaction {
  readonly #store: Store
  /** The view that the unit began with. */
  readonly #first: View
  /** Of the first view: the others. */
  #others: View[] | null = null
  #isOver = false
  // Reads are kept as the promises that the callers got: nothing is awaited or allocated for a unit that writes nothing.
  #readKeys: string[] | null = null
  #readEntries: Promise<Entry | null>[] | null = null
  #writes: Map<string, Write> | null = null

  constructor(store: Store, first: View | null) {
    this.#store = store
    this.#first = first ?? this
  }

  get isDirty(): boolean {
    const first = this.#first
    return first.#writes !== null || (first.#others !== null && first.#others.some((view) => view.#writes !== null))
  }

  get(key: string): Promise<Entry | null> {
    const write = this.#writes?.get(key)
    if (write === undefined) return this.#read(key)
    if ('put' in write) return Promise.resolve({ value: write.value, version: 0 })
    return 'del' in write ? absent : this.#readMerged(write.merge, write.by)
  }

  async peek(key: string): Promise<Entry | null> {
    const write = this.#writes?.get(key)
    if (write === undefined) return await this.#store.get(key)
    if (!('merge' in write)) return await this.get(key)
    const value = write.by((await this.#store.get(key))?.value ?? null)
    return value === null ? null : { value, version: 0 }
  }

  list(prefix: string, options?: ListOptions): Promise<string[]> {
    return this.#writes === null ? this.#store.list(prefix, options) : listWithWrites(this.#store, this, this.#writes, prefix, options)
  }

  put(key: string, value: Uint8Array): void {
    this.#gather({ put: key, value }, key)
  }

  delete(key: string): void {
    this.#gather({ del: key }, key)
  }

  merge(key: string, by: Merge): void {
    const write = this.#writes?.get(key)
    if (write === undefined) this.#gather({ merge: key, by }, key)
    else if ('merge' in write) this.#gather({ merge: key, by: (current) => by(write.by(current)) }, key)
    else this.#gather(resultWrite(key, by('put' in write ? write.value : null)), key)
  }

  on(store: Store): Transaction {
    if (isScoped(store)) return scopedTransaction(this.on(store.base), store.prefix)
    const first = this.#first
    if (store === first.#store) return first
    first.#others ??= []
    const present = first.#others.find((view) => view.#store === store)
    if (present !== undefined) return present
    const view = new View(store, first)
    first.#others.push(view)
    return view
  }

  commitWith(extra?: Extra): Promise<number> {
    const first = this.#first
    const hasExtra = extra !== undefined && ((extra.writes?.length ?? 0) > 0 || (extra.expectations?.length ?? 0) > 0)
    if (!hasExtra && !this.isDirty) {
      first.#isOver = true
      return nothingCommitted
    }
    return first.#commit(extra ?? {})
  }

  async #commit({ expectations = [], writes = [] }: Extra): Promise<number> {
    for (const write of writes) {
      if ('put' in write) this.put(write.put, write.value)
      else if ('del' in write) this.delete(write.del)
      else this.merge(write.merge, write.by)
    }
    this.#checkOpen()
    this.#isOver = true
    const parts: Part[] = [await this.#part(expectations)]
    for (const view of this.#others ?? []) parts.push(await view.#part([]))
    const filled = parts.filter((part) => part.expectations.length > 0 || part.writes.length > 0)
    return await commitTogether(filled)
  }

  async #part(extra: readonly Expectation[]): Promise<Part> {
    const versions = new Map<string, number>()
    for (const { key, version } of extra) expect(versions, key, version)
    for (const [index, key] of (this.#readKeys ?? []).entries()) {
      expect(versions, key, (await this.#readEntries?.[index])?.version ?? 0)
    }
    const expectations = Array.from(versions, ([key, version]) => ({ key, version }))
    return { store: this.#store, expectations, writes: [...(this.#writes?.values() ?? [])] }
  }

  #read(key: string): Promise<Entry | null> {
    const entry = this.#store.get(key)
    if (this.#readKeys === null || this.#readEntries === null) {
      this.#readKeys = [key]
      this.#readEntries = [entry]
    } else {
      this.#readKeys.push(key)
      this.#readEntries.push(entry)
    }
    return entry
  }

  async #readMerged(key: string, by: Merge): Promise<Entry | null> {
    const value = by((await this.#read(key))?.value ?? null)
    return value === null ? null : { value, version: 0 }
  }

  #gather(write: Write, key: string): void {
    this.#checkOpen()
    this.#writes ??= new Map()
    this.#writes.set(key, write)
  }

  #checkOpen(): void {
    if (this.#first.#isOver) throw internal('the transaction is over')
  }
}

function expect(versions: Map<string, number>, key: string, version: number): void {
  // Read at two versions: no state of the store fulfils both.
  if ((versions.get(key) ?? version) !== version) throw new Conflict(key)
  versions.set(key, version)
}

const resultWrite = (key: string, value: Uint8Array | null): Write => (value === null ? { del: key } : { put: key, value })

class ScopedTransaction implements Transaction {
  readonly #transaction: Transaction
  readonly #prefix: string

  constructor(transaction: Transaction, prefix: string) {
    const isNested = transaction instanceof ScopedTransaction
    this.#transaction = isNested ? transaction.#transaction : transaction
    this.#prefix = isNested ? transaction.#prefix + prefix : prefix
  }

  get(key: string): Promise<Entry | null> {
    return this.#transaction.get(this.#prefix + key)
  }

  peek(key: string): Promise<Entry | null> {
    return this.#transaction.peek(this.#prefix + key)
  }

  list(prefix: string, options?: ListOptions): Promise<string[]> {
    return this.#transaction.list(this.#prefix + prefix, options)
  }

  put(key: string, value: Uint8Array): void {
    this.#transaction.put(this.#prefix + key, value)
  }

  delete(key: string): void {
    this.#transaction.delete(this.#prefix + key)
  }

  merge(key: string, by: Merge): void {
    this.#transaction.merge(this.#prefix + key, by)
  }
}

export interface RetryOptions {
  /** How often the work is run at most. Default 12. */
  readonly attempts?: number
  /** A random whole number from 0 to below its argument. */
  readonly jitter?: (below: number) => number
  readonly sleep?: (milliseconds: number) => Promise<void>
}

/**
 * Runs the work in a transaction of its own and commits it; when something it read has changed meanwhile, runs it again from the start, so
 * it must have no effect but through the transaction. Throws what the work throws, and `ApiError` 'overloaded' when the last
 * attempt met a conflict too.
 */
export function runTransaction<T>(store: Store, work: (transaction: UnitTransaction) => Promise<T>, options?: RetryOptions): Promise<T> {
  return retryOnConflict(async () => {
    const transaction = beginTransaction(store)
    const result = await work(transaction)
    await transaction.commitWith()
    return result
  }, options)
}

/** Runs `attempt` until it ends otherwise than with a `Conflict`, waiting a little longer each time. */
export async function retryOnConflict<T>(attempt: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { attempts = 12, jitter = randomInt, sleep = sleepWithTimer } = options
  for (let count = 1; ; count += 1) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      if (count >= attempts) throw new ApiError('overloaded', 'too many requests change the same data at once; try again', { cause: error })
    }
    const wait = jitter(2 ** Math.min(count, 6))
    if (wait > 0) await sleep(wait)
  }
}

const sleepWithTimer = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))
