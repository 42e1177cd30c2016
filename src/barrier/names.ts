/**
 * The layer that hides names: a tree of records over sealed values, whose paths nobody can read in the store. Records stand under keyed
 * hashes of their paths (`tree-keys.ts`), folders under pages of their own (`pages.ts`). What the store does tell: how many trees, records
 * and folders there are, how large they are and when they change.
 */
import { Conflict } from '../kit/errors.ts'
import type { KeyObject } from 'node:crypto'
import type { Change, Entry, Expectation, ListOptions, Store, Write } from '../kit/store.ts'
import { checkCommit, checkList } from '../storage/key.ts'
import type { Batch, LayeredStore } from '../storage/layered.ts'
import { listFolder } from './folder-list.ts'
import { planFolders, StalePlan } from './folders.ts'
import { decodeObituary, decodeRecord, openRecord } from './record.ts'
import { type RecordContext, RecordPlan } from './records.ts'
import { SerialQueue } from './serial-queue.ts'
import { KeyCache, obituaryOf, prefixOfTree, treeKeys } from './tree-keys.ts'
import type { SealedValues } from './values.ts'

export interface NamesOptions {
  /** Where physical keys are kept, so that several trees share one bound. Default: a cache of its own of 1 MiB. */
  readonly cache?: KeyCache
  /** Which paths no list shows and no folder knows. Default: those that begin with a dot. */
  readonly isHidden?: (path: string) => boolean
  /** Names on one page of a folder. Default 256; tests want small pages. */
  readonly pageNames?: number
  /** For how many commits at least a watch can tell the path of a deleted record. Default 65,536. */
  readonly obituaryCommits?: number
}

/**
 * The records of `tree` ([a-z0-9-], 1 to 64 characters) over sealed values. `nameKey` is asked for at each use. Two layers over one tree,
 * also in different processes, may be used at once.
 *
 * A path that begins with a dot (see `isHidden`) can be read, written and watched, but is in no list, and its writes touch nothing else.
 * Commits never conflict over folders; a commit made through `lower` may meet a `Conflict` in the rare case that a page was just
 * split or emptied, and is to be lowered again.
 */
export function sealedNames(values: SealedValues, tree: string, nameKey: () => KeyObject, options: NamesOptions = {}): LayeredStore {
  const { cache = new KeyCache(2 ** 20), isHidden = isDotted, pageNames = 256, obituaryCommits = 65_536 } = options
  const keys = treeKeys(tree, nameKey, cache)
  const context: RecordContext = { values, keys, pageNames, tidying: new Map(), isHidden, obituaryCommits }
  const retries = new SerialQueue()

  async function commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    const first = await tryCommit(context, expectations, writes)
    if (first !== null) return first
    // Those who met a changed page go one after the other: so each can only be disturbed by other processes.
    return await retries.run(async () => {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const number = await tryCommit(context, expectations, writes)
        if (number !== null) return number
      }
      throw new Conflict(keys.prefix)
    })
  }

  const getNow = (path: string): Entry | null | undefined => {
    const key = keys.record(path)
    const entry = values.getNow?.(key)
    return entry === null || entry === undefined ? entry : openRecord(path, key, entry)
  }
  const getLater = async (path: string): Promise<Entry | null> => {
    const key = keys.record(path)
    const entry = await values.get(key)
    return entry === null ? null : openRecord(path, key, entry)
  }

  return Object.freeze({
    base: values as Store,
    get(path: string) {
      try {
        const now = getNow(path)
        return now === undefined ? getLater(path) : Promise.resolve(now)
      } catch (error) {
        return Promise.reject(error)
      }
    },
    getNow,
    async list(prefix: string, listOptions: ListOptions = {}) {
      checkList(prefix, listOptions)
      return await listFolder(context, prefix, listOptions)
    },
    commit,
    async lower(expectations: readonly Expectation[], writes: readonly Write[]) {
      return await lowerRecords(context, expectations, writes)
    },
    watch: (prefix: string, from: number, signal: AbortSignal) => watchRecords(context, prefix, from, signal),
    lastCommit: () => values.lastCommit(),
  })
}

const isDotted = (path: string): boolean => path.startsWith('.')

const attemptsMax = 100

async function lowerRecords(context: RecordContext, expectations: readonly Expectation[], writes: readonly Write[]): Promise<Batch> {
  checkCommit(expectations, writes)
  const plan = new RecordPlan(context, expectations)
  for (const write of writes) await plan.add(write)
  await plan.finish()
  const pages = await planFolders(context, plan.changes)
  return { expectations: plan.expectations, writes: [...plan.writes, ...pages] }
}

/** The number of the commit, or null when a page or a record was not as the plan assumed, though the caller expected nothing of it. */
async function tryCommit(
  context: RecordContext, expectations: readonly Expectation[], writes: readonly Write[],
): Promise<number | null> {
  try {
    const batch = await lowerRecords(context, expectations, writes)
    return await context.values.commit(batch.expectations, batch.writes)
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    if (error instanceof StalePlan) return null
    const expected = expectations.find(({ key }) => context.keys.record(key) === error.key)
    if (expected !== undefined) throw new Conflict(expected.key)
    if (error.key.startsWith(context.keys.prefix)) return null
    throw error
  }
}

/**
 * The changes of records by path. The key of a deleted record says nothing any more: its obituary does. Deletions of what no list shows are
 * not told. (Obituaries outlive what any
 * store remembers of its changes, see `NamesOptions.obituaryCommits`.)
 */
async function* watchRecords({ values, keys }: RecordContext, prefix: string, from: number, signal: AbortSignal): AsyncGenerator<Change> {
  for await (const { commit, key } of values.watch(`${keys.prefix}r/`, from, signal)) {
    const record = await values.get(key)
    const obituary = record === null ? await values.get(obituaryOf(key)) : null
    const path = record === null ? obituary && decodeObituary(obituary.value).path : decodeRecord(record.value).path
    if (path?.startsWith(prefix) && !signal.aborted) yield { commit, key: path }
  }
}

export interface DropOptions {
  /** Keys deleted by one commit. Default 1,000. */
  readonly batch?: number
  /** Asked before each commit; false ends it. Default: to the end. */
  readonly goesOn?: () => boolean
}

/**
 * Deletes everything of `tree` from the store that holds its physical keys (sealed values, or the store below: no key is needed), in
 * bounded commits; after a crash, doing it again goes on where it stopped. Resolves with the number of keys deleted. Nobody may write
 * to the tree any more.
 */
export async function dropTree(store: Store, tree: string, { batch = 1_000, goesOn = () => true }: DropOptions = {}): Promise<number> {
  const prefix = prefixOfTree(tree)
  let deleted = 0
  for (const folder of await store.list(prefix)) {
    for (;;) {
      const names = await store.list(prefix + folder, { limit: batch })
      if (names.length === 0) break
      if (!goesOn()) return deleted
      await store.commit([], names.map((name) => ({ del: prefix + folder + name })))
      deleted += names.length
    }
  }
  return deleted
}
