/** Removing what a token kept, once the token is gone. */
import type { Store, Write } from '../../kit/store.ts'
import { walk } from '../walk.ts'
import { holeFolder, wrappedKey } from './records.ts'

const deletionsAtATime = 200

/**
 * Removes everything that belongs to the cubbyhole `id`, in commits of bounded size; none when there is nothing. May be run again after
 * a crash. The token must be refused already: what it still wrote meanwhile would stay.
 */
export async function clearCubbyhole(store: Store, id: string): Promise<void> {
  let deletions: Write[] = (await store.get(wrappedKey(id))) === null ? [] : [{ del: wrappedKey(id) }]
  const folder = holeFolder(id)
  for await (const path of walk(store, folder)) {
    deletions.push({ del: folder + path })
    if (deletions.length < deletionsAtATime) continue
    await store.commit([], deletions)
    deletions = []
  }
  if (deletions.length > 0) await store.commit([], deletions)
}
