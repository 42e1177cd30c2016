/**
 * A store whose every commit demands that one record is still as it was when the right to write was won. Whoever lost that right meanwhile, and
 * does not know it yet, writes nothing: however long it was paused, and whatever it had read before.
 */
import { Conflict, internal } from '../kit/errors.ts'
import type { Expectation, Store } from '../kit/store.ts'

const fenceLost = () => internal('this process may not write here any more: another one has its place')

/** `fence` is asked at each commit; null: nothing may be written. */
export function fencedStore(inner: Store, fence: () => Expectation | null): Store {
  return {
    get: (key) => inner.get(key),
    list: (prefix, options) => inner.list(prefix, options),
    watch: (prefix, from, signal) => inner.watch(prefix, from, signal),
    lastCommit: () => inner.lastCommit(),
    async commit(expectations, writes) {
      const demanded = fence()
      if (demanded === null) throw fenceLost()
      try {
        return await inner.commit([...expectations, demanded], writes)
      } catch (error) {
        // Not a conflict: trying again is of no use.
        throw error instanceof Conflict && error.key === demanded.key ? fenceLost() : error
      }
    },
  }
}
