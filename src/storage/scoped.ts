/** A store whose keys lie under a prefix of another one: what a mount sees of storage. It cannot name anything outside. */
import { internal } from '../kit/errors.ts'
import type { Change, Expectation, ListOptions, Store, Write } from '../kit/store.ts'
import { type Batch, keyOf, type LayeredStore, writeAt } from './layered.ts'

export interface ScopedStore extends LayeredStore {
  readonly prefix: string
}

export const isScoped = (store: Store): store is ScopedStore => 'prefix' in store && 'lower' in store

/** `prefix` ends in '/'. A key may be as long as the base allows, less the prefix. A `Conflict` names the key of the base. */
export function scopedStore(base: Store, prefix: string): ScopedStore {
  if (!prefix.endsWith('/')) throw internal(`the scope "${prefix}" does not end in "/"`)
  const lower = (expectations: readonly Expectation[], writes: readonly Write[]): Batch => ({
    expectations: expectations.map(({ key, version }) => ({ key: prefix + key, version })),
    writes: writes.map((write) => writeAt(prefix + keyOf(write), write)),
  })
  // The base checks what is passed on: a prefix before it makes no bad key good.
  return Object.freeze({
    base,
    prefix,
    get: (key: string) => base.get(prefix + key),
    list: (below: string, options?: ListOptions) => base.list(prefix + below, options),
    commit: (expectations: readonly Expectation[], writes: readonly Write[]) => {
      const batch = lower(expectations, writes)
      return base.commit(batch.expectations, batch.writes)
    },
    lower: async (expectations: readonly Expectation[], writes: readonly Write[]) => lower(expectations, writes),
    watch: (below: string, from: number, signal: AbortSignal) => watchScope(base, prefix, prefix + below, from, signal),
    lastCommit: () => base.lastCommit(),
  })
}

async function* watchScope(base: Store, prefix: string, below: string, from: number, signal: AbortSignal): AsyncGenerator<Change> {
  for await (const { commit, key } of base.watch(below, from, signal)) yield { commit, key: key.slice(prefix.length) }
}
