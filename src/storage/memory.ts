/** A store that lives in memory: for `-dev` servers and for tests. It keeps the contract but for durability. */
import { Conflict } from '../kit/errors.ts'
import type { Change, Entry, Expectation, KeyValue, ListOptions, WholeReading, WholeStore, Write } from '../kit/store.ts'
import { checkCommit, checkKey, checkList, checkValue } from './key.ts'
import { keyOf } from './layered.ts'
import { type KeyRange, listNames } from './listing.ts'
import { fromByteString, SortedKeys, toByteString } from './sorted-keys.ts'
import { Bell, forgotten, watchChanges } from './watching.ts'

export interface MemoryOptions {
  /** How many commits `watch` can go back. Default 16,384. */
  readonly rememberedCommits?: number
}

export function memoryStore({ rememberedCommits = 16_384 }: MemoryOptions = {}): WholeStore {
  const entries = new Map<string, Entry>()
  // Sorted as byte strings, so that the order is that of UTF-8.
  const keys = new SortedKeys()
  const log = memoryLog(rememberedCommits)

  function apply(key: string, value: Uint8Array | null, version: number): void {
    if (value !== null) {
      if (!entries.has(key)) keys.add(toByteString(key))
      entries.set(key, Object.freeze({ value, version }))
    } else if (entries.delete(key)) keys.remove(toByteString(key))
    log.append({ commit: version, key })
  }

  function commit(expectations: readonly Expectation[], writes: readonly Write[]): number {
    checkCommit(expectations, writes)
    for (const { key, version } of expectations) {
      if ((entries.get(key)?.version ?? 0) !== version) throw new Conflict(key)
    }
    if (writes.length === 0) return log.last
    // All values first: a merge that throws must leave nothing behind.
    const values = writes.map((write) => valueOf(write, entries))
    const version = log.last + 1
    for (const [index, write] of writes.entries()) apply(keyOf(write), values[index] ?? null, version)
    log.close(version)
    return version
  }

  function replaceWhole(values: Iterable<KeyValue>): number {
    const version = log.last + 1
    const replaced = new Map<string, Entry>()
    for (const { key, value } of values) replaced.set(key, Object.freeze({ value, version }))
    for (const key of entries.keys()) keys.remove(toByteString(key))
    entries.clear()
    for (const [key, entry] of replaced) {
      keys.add(toByteString(key))
      entries.set(key, entry)
    }
    log.forget(version)
    return version
  }

  const getNow = (key: string): Entry | null => {
    checkKey(key)
    return entries.get(key) ?? null
  }

  return Object.freeze({
    get: async (key: string) => getNow(key),
    getNow,
    async list(prefix: string, options?: ListOptions) {
      checkList(prefix, options)
      return listNames((range) => readKeys(keys, range), prefix, options)
    },
    commit: async (expectations: readonly Expectation[], writes: readonly Write[]) => commit(expectations, writes),
    watch: (prefix: string, from: number, signal: AbortSignal) => watchChanges(log, prefix, from, signal),
    lastCommit: async () => log.last,
    readWhole: () => readWhole(Array.from(keys.ascending(''), fromByteString).map((key) => ({ key, value: (entries.get(key) as Entry).value })), log.last),
    replaceWhole: async (values: Iterable<KeyValue>) => replaceWhole(values),
  })
}

/** Entries never change, so a list of them is a whole state. */
function readWhole(values: readonly KeyValue[], commit: number): WholeReading {
  async function* pieces(): AsyncGenerator<readonly KeyValue[]> {
    for (let at = 0; at < values.length; at += piecesOf) yield values.slice(at, at + piecesOf)
  }
  return { commit, pieces: pieces() }
}

const piecesOf = 1_000

function valueOf(write: Write, entries: ReadonlyMap<string, Entry>): Uint8Array | null {
  if ('put' in write) return write.value
  if ('del' in write) return null
  const value = write.by(entries.get(write.merge)?.value ?? null)
  if (value !== null) checkValue(value)
  return value
}

function* readKeys(keys: SortedKeys, { start, end, reverse }: KeyRange): Generator<string> {
  const first = toByteString(start)
  const last = end === null ? null : toByteString(end)
  if (reverse) {
    for (const key of keys.descending(last)) {
      if (key < first) return
      yield fromByteString(key)
    }
    return
  }
  for (const key of keys.ascending(first)) {
    if (last !== null && key >= last) return
    yield fromByteString(key)
  }
}

function memoryLog(rememberedCommits: number) {
  const bell = new Bell()
  let changes: Change[] = []
  let floor = 0
  let last = 0
  return {
    get last() {
      return last
    },
    append(change: Change): void {
      changes.push(change)
    },
    /** Ends a commit; forgets in large steps, so that forgetting costs little per commit. */
    close(commit: number): void {
      last = commit
      if (last - floor > rememberedCommits * 2) {
        floor = last - rememberedCommits
        changes = changes.slice(firstAfter(changes, floor))
      }
      bell.ring()
    },
    /** Everything up to and with this commit is forgotten. */
    forget(commit: number): void {
      last = commit
      floor = commit
      changes = []
      bell.ring()
    },
    readAfter(from: number) {
      if (from < floor) throw forgotten(from, floor)
      return { changes: changes.slice(firstAfter(changes, from)), upTo: last }
    },
    wait: (signal: AbortSignal) => bell.wait(signal),
  }
}

/** The index of the first change that is later than the commit. */
function firstAfter(changes: readonly Change[], commit: number): number {
  let low = 0
  let high = changes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((changes[middle] as Change).commit <= commit) low = middle + 1
    else high = middle
  }
  return low
}
