/** Removes a whole tree in bounded commits: after a crash, doing it again goes on where it stopped. */
import type { Store } from '../kit/store.ts'
import { prefixOfTree } from './tree-keys.ts'

export interface DropOptions {
  /** Keys removed by one commit. Default 1,000. */
  readonly batch?: number
}

/**
 * Deletes everything of `tree` from the store that holds its physical keys (sealed values, or the store below: no key is needed).
 * Resolves with the number of keys deleted. Nobody may write to the tree any more.
 */
export async function dropTree(store: Store, tree: string, { batch = 1_000 }: DropOptions = {}): Promise<number> {
  const prefix = prefixOfTree(tree)
  let deleted = 0
  for (const folder of await store.list(prefix)) {
    for (let page = await store.list(prefix + folder, { limit: batch }); page.length > 0; page = await store.list(prefix + folder, { limit: batch })) {
      await store.commit([], page.map((name) => ({ del: prefix + folder + name })))
      deleted += page.length
    }
  }
  return deleted
}
