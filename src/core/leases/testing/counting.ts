/** A store that counts what is read of it, for tests that nothing is looked through that has not been asked for. */
import type { Store } from '../../../kit/store.ts'

/** `reads`: entries, and names of listings. */
export function counting(store: Store): { readonly store: Store; readonly reads: () => number } {
  let reads = 0
  return {
    reads: () => reads,
    store: {
      ...store,
      get: async (key) => ((reads += 1), await store.get(key)),
      async list(...args) {
        const names = await store.list(...args)
        reads += 1 + names.length
        return names
      },
    },
  }
}
