/**
 * The one contract of storage. A driver (memory, LMDB, later PostgreSQL) and every layer above it (values sealed by the
 * barrier, names sealed by the barrier, the scope of a mount, the fault injector) has this type: a layer is a function
 * from `Store` to `Store`, and one contract suite (`src/storage/contract.ts`) runs against all of them.
 */

/** One stored value. `version` is the number of the commit that wrote it: it only grows, also over a deletion. */
export interface Entry {
  /** Never mutated by anybody. The same version read twice may be the same array: decoders memoise on its identity. */
  readonly value: Uint8Array
  readonly version: number
}

/** What a commit demands of a key: to be still at `version`, or, with `version: 0`, to be absent. */
export interface Expectation {
  readonly key: string
  readonly version: number
}

/**
 * `merge` computes the new value from the one that is current at the instant of the commit (`null`: absent, or delete it).
 * It never conflicts, so counters and shared index pages need no retry. `by` must be pure and synchronous, and may run
 * several times; when it throws (a `Conflict`, or an `ApiError` such as "no use left"), the whole commit fails with that error
 * and writes nothing.
 */
export type Write =
  | { readonly put: string; readonly value: Uint8Array }
  | { readonly del: string }
  | { readonly merge: string; readonly by: Merge; readonly draft?: DraftMerge }

export type Merge = (current: Uint8Array | null) => Uint8Array | null

/** What merges have made of a value so far. It is not changed any more. */
export interface Draft {
  /** The value in its final form. Throws nothing that depends on the value: whoever made the draft has checked it. */
  bytes(): Uint8Array
}

/**
 * Does what `by` does and leaves the final form for later: where one transaction takes several commits, the draft of one is what the next one begins with, and
 * the bytes are asked for once. A store may always use `by`. A draft of unknown origin counts for its bytes.
 */
export type DraftMerge = (current: Uint8Array | Draft | null) => Draft | null

export interface ListOptions {
  /** Only names that sort after this one (which need not exist). */
  readonly after?: string
  /** At most so many names. Default: all. */
  readonly limit?: number
  /** Descending order; `after` then means "sorts before". */
  readonly reverse?: boolean
}

/** A key was written or deleted by commit number `commit`. */
export interface Change {
  readonly commit: number
  readonly key: string
}

export interface Store {
  get(key: string): Promise<Entry | null>
  /** What `get` would answer, where that needs no waiting; undefined: `get` is to be asked. Absent where it always is. */
  getNow?(key: string): Entry | null | undefined
  /**
   * The immediate children of `prefix` ('' or ending in '/'), in ascending order of their UTF-8 bytes. A child that has
   * children of its own ends in '/'; a name that is both a key and a folder appears as both (`a`, `a/`).
   */
  list(prefix: string, options?: ListOptions): Promise<string[]>
  /**
   * Applies all writes or none, and resolves with the number of the commit once it is durable. Throws `Conflict` when an
   * expectation does not hold. A key may appear at most once among the writes. An empty list of writes only checks.
   */
  commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number>
  /**
   * Every change under `prefix` made by commits later than number `from`, in order, then those to come, until `signal` aborts.
   * Throws `ApiError` 'precondition_failed' when `from` is older than what the store remembers.
   */
  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<Change>
  /** The number of the last commit that this reader can see. */
  lastCommit(): Promise<number>
}

/** A key with its value, apart from any commit. */
export interface KeyValue {
  readonly key: string
  readonly value: Uint8Array
}

/** What a store at the bottom does besides: it gives, and takes, all that it holds. For snapshots. */
export interface WholeStore extends Store {
  /**
   * All values at one commit, in the order of their keys, in pieces. What is committed while they are read is not among them. The reading ends
   * with its iterator, and as long as it lasts the store may keep what is deleted meanwhile.
   */
  readWhole(): WholeReading
  /**
   * Replaces everything by `values`, in one commit, whose number every value gets as its version: whatever depends on an older one fails from
   * then on, in every process. Resolves with that number once it is durable. When `values` throws, nothing has changed. Watches from before are
   * refused as forgotten. May block the process while it writes.
   */
  replaceWhole(values: Iterable<KeyValue>): Promise<number>
}

export interface WholeReading {
  readonly commit: number
  readonly pieces: AsyncIterable<readonly KeyValue[]>
}

export const isWhole = (store: Store): store is WholeStore => 'readWhole' in store && 'replaceWhole' in store

/**
 * What a request sees of a store: reads are remembered with their versions, writes are gathered and visible to later reads of the
 * same request, and everything is committed once, after the operation has finished, together with the leases and tokens
 * that it leads to. When something that was read has changed meanwhile, the operation runs again from the start; so an
 * operation has no effect but through its transaction.
 */
export interface Transaction {
  get(key: string): Promise<Entry | null>
  /** As `get`, but the commit does not depend on it: for what a `merge` of the same key checks again, so that requests do not conflict over it. */
  peek(key: string): Promise<Entry | null>
  list(prefix: string, options?: ListOptions): Promise<string[]>
  put(key: string, value: Uint8Array): void
  delete(key: string): void
  merge(key: string, by: (current: Uint8Array | null) => Uint8Array | null): void
}
