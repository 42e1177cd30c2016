/**
 * Removing secret ids: those of a deleted role, and those that have expired. In bounded commits, so that a hundred thousand of them neither
 * hold up a request nor the commits of others; what a crash interrupts, the next tidying goes on with.
 */
import type { Store, Transaction, Write } from '../../kit/store.ts'
import { accessors, accessorsFolder, isExpired, roles, secretIds } from './records.ts'

/** Accessors per commit. */
const pieceMax = 256

/** Adds the removal of up to `max` secret ids of the role with this uid to a request. Resolves with whether that is all of them. */
export async function dropAccessors(store: Transaction, uid: string, max: number): Promise<boolean> {
  const names = await store.list(`${accessorsFolder}${uid}/`, { limit: max + 1 })
  for (const name of names.slice(0, max)) {
    // Nothing is lost when it goes otherwise meanwhile.
    const entry = await accessors.read({ get: (key) => store.peek(key) }, uid, name)
    accessors.remove(store, uid, name)
    if (entry !== null) secretIds.remove(store, uid, entry.hash)
  }
  return names.length <= max
}

/** Removes what is left of a deleted role, without waiting for it. A failure is no loss: tidying finds the rest. */
export function dropInBackground(store: Store, uid: string): void {
  dropRole(store, uid).catch(() => undefined)
}

async function dropRole(store: Store, uid: string): Promise<void> {
  await eachPage(store, uid, async (names) => await removalsOf(store, uid, names, () => true))
}

/** Removes the secret ids that have expired, and all of those whose role is gone. May be run again at any point. */
export async function tidySecretIds(store: Store, now: number): Promise<void> {
  let after = ''
  for (;;) {
    const folders = await store.list(accessorsFolder, { after, limit: pieceMax })
    for (const folder of folders) await tidyRole(store, folder.slice(0, -1), now)
    if (folders.length < pieceMax) return
    after = folders.at(-1) as string
  }
}

async function tidyRole(store: Store, uid: string, now: number): Promise<void> {
  const [first] = await store.list(`${accessorsFolder}${uid}/`, { limit: 1 })
  const entry = first === undefined ? null : await accessors.read(store, uid, first)
  if (entry === null) return
  const isGone = (await roles.read(store, entry.role))?.uid !== uid
  if (isGone) return await dropRole(store, uid)
  await eachPage(store, uid, async (names) => await removalsOf(store, uid, names, async (hash) => {
    const secretId = await secretIds.read(store, uid, hash)
    return secretId === null || isExpired(secretId, now)
  }))
}

/** Goes through the accessors of a role and commits, page by page, the writes that `plan` answers. */
async function eachPage(store: Store, uid: string, plan: (names: readonly string[]) => Promise<readonly Write[]>): Promise<void> {
  let after = ''
  for (;;) {
    const names = await store.list(`${accessorsFolder}${uid}/`, { after, limit: pieceMax })
    const writes = await plan(names)
    if (writes.length > 0) await store.commit([], writes)
    if (names.length < pieceMax) return
    after = names.at(-1) as string
  }
}

async function removalsOf(store: Store, uid: string, names: readonly string[], isToGo: (hash: string) => boolean | Promise<boolean>): Promise<Write[]> {
  const writes: Write[] = []
  for (const name of names) {
    const entry = await accessors.read(store, uid, name)
    if (entry === null || !(await isToGo(entry.hash))) continue
    writes.push({ del: accessors.key(uid, name) }, { del: secretIds.key(uid, entry.hash) })
  }
  return writes
}
