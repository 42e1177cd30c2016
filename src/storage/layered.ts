/**
 * Layers of storage, and one commit for writes that were made through several of them. A layer turns a logical commit into
 * writes on its base (`lower`); what reaches a common base through different layers is committed there at once.
 */
import { Conflict, internal } from '../kit/errors.ts'
import type { Expectation, Store, Write } from '../kit/store.ts'

/** What one commit demands and does, in the keys of one store. */
export interface Batch {
  readonly expectations: readonly Expectation[]
  readonly writes: readonly Write[]
}

/**
 * A store made out of another one. Its `commit(expectations, writes)` must do the same as
 * `base.commit(...lower(expectations, writes))`, so that a caller may lower the parts of a commit itself.
 */
export interface LayeredStore extends Store {
  readonly base: Store
  /**
   * The same commit in terms of `base`. It may read from the base, changes nothing, and refuses with an `ApiError` whatever
   * `commit` would refuse (keys, a key twice among the writes). What it read and relies on stands among the expectations it
   * returns, or is computed inside a `merge`. Keys that several logical keys share (index pages, counters) are written by
   * `merge` only: two merges of one base key are joined, any other meeting is refused.
   */
  lower(expectations: readonly Expectation[], writes: readonly Write[]): Promise<Batch>
}

/** A batch and the store in whose keys it speaks. */
export interface Part extends Batch {
  readonly store: Store
}

const isLayered = (store: Store): store is LayeredStore => 'lower' in store && 'base' in store

/** The key that a write changes. */
export function keyOf(write: Write): string {
  if ('put' in write) return write.put
  return 'del' in write ? write.del : write.merge
}

/** The same write at another key: for layers that only rename keys. */
export function writeAt(key: string, write: Write): Write {
  if ('put' in write) return { put: key, value: write.value }
  return 'del' in write ? { del: key } : { ...write, merge: key }
}

/**
 * Commits parts that were made through different layers over one base as one commit, and resolves with its number. The
 * parts are lowered, the deepest layer first and each layer at most once, until all are in the keys of one store; that
 * store commits. Throws what `Store.commit` throws (a `Conflict` names a key of that store; trying again is up to the caller),
 * and `ApiError` 'internal' when the parts have no store in common or two of them put or delete the same key.
 */
export async function commitTogether(parts: readonly Part[]): Promise<number> {
  const gathered = new Map<Store, Part>()
  for (const part of parts) gather(gathered, part)
  while (gathered.size > 1) {
    const top = deepest(gathered)
    if (!isLayered(top.store)) throw internal('the parts of one commit lie on stores without a common base')
    const batch = await top.store.lower(top.expectations, top.writes)
    gathered.delete(top.store)
    gather(gathered, { store: top.store.base, expectations: batch.expectations, writes: batch.writes })
  }
  for (const { store, expectations, writes } of gathered.values()) return await store.commit(expectations, writes)
  throw internal('a commit without parts')
}

function gather(gathered: Map<Store, Part>, part: Part): void {
  const present = gathered.get(part.store)
  gathered.set(part.store, present === undefined ? part : joinParts(present, part))
}

function deepest(gathered: ReadonlyMap<Store, Part>): Part {
  const parts = [...gathered.values()]
  return parts.reduce((best, part) => (depthOf(part.store) > depthOf(best.store) ? part : best))
}

function depthOf(store: Store): number {
  let depth = 0
  for (let at = store; isLayered(at); at = at.base) depth += 1
  return depth
}

function joinParts(first: Part, second: Part): Part {
  return {
    store: first.store,
    expectations: joinExpectations(first.expectations, second.expectations),
    writes: joinWrites(first.writes, second.writes),
  }
}

function joinExpectations(first: readonly Expectation[], second: readonly Expectation[]): Expectation[] {
  const versions = new Map<string, number>()
  for (const { key, version } of [...first, ...second]) {
    // No state of the store can fulfil both, so this is the conflict that the commit would end in.
    if ((versions.get(key) ?? version) !== version) throw new Conflict(key)
    versions.set(key, version)
  }
  return Array.from(versions, ([key, version]) => ({ key, version }))
}

function joinWrites(first: readonly Write[], second: readonly Write[]): Write[] {
  const joined = new Map<string, Write>()
  for (const write of [...first, ...second]) {
    const key = keyOf(write)
    const present = joined.get(key)
    joined.set(key, present === undefined ? write : joinMerges(present, write))
  }
  return [...joined.values()]
}

function joinMerges(first: Write, second: Write): Write {
  if (!('merge' in first && 'merge' in second)) throw internal(`two parts of one commit write the key "${keyOf(second)}"`)
  const joined = { merge: first.merge, by: (current: Uint8Array | null) => second.by(first.by(current)) }
  const [one, other] = [first.draft, second.draft]
  return one === undefined || other === undefined ? joined : { ...joined, draft: (current) => other(one(current)) }
}
