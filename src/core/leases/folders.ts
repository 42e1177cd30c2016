/** The folders that lease ids lie in: made with the first lease, listed page by page, forgotten by tidying when empty. */
import type { ListOptions, Transaction } from '../../kit/store.ts'
import { opaqueStore, type Base } from '../base.ts'
import { folderOf, folderRecords, hashFolder, leaseRecords, placeOf, type LeaseRecord } from './record.ts'

/** Writes the lease, and whichever of its folders are new. */
export async function writeLease(base: Base, opaque: Transaction, lease: LeaseRecord): Promise<void> {
  const place = placeOf(base, lease.id)
  leaseRecords.write(opaque, lease, place.folder, place.suffix)
  let folder = lease.id.slice(0, lease.id.length - place.suffix.length)
  while (folder !== '') {
    const parent = folderOf(folder)
    const [parentHash, hash] = [hashFolder(base, parent), hashFolder(base, folder)]
    // A folder that is there has all its parents: they were written by the same commit.
    if ((await opaque.get(folderRecords.key(parentHash, hash))) !== null) return
    folderRecords.write(opaque, { name: folder.slice(parent.length) }, parentHash, hash)
    folder = parent
  }
}

/** Names in a folder: folders that hold something (ending in '/') first, then leases. */
export async function listFolder(base: Base, folder: string, options: ListOptions = {}): Promise<string[]> {
  const store = opaqueStore(base)
  const subfolders = (await subfoldersOf(base, folder)).sort()
  const filled: string[] = []
  for (const name of subfolders) if (await holdsAny(base, folder + name)) filled.push(name)
  const after = options.after ?? ''
  const names = filled.filter((name) => name > after)
  const leases = await store.list(`lease/${hashFolder(base, folder)}/`, options)
  return [...names, ...leases].slice(0, options.limit ?? Infinity)
}

async function subfoldersOf(base: Base, folder: string): Promise<string[]> {
  const store = opaqueStore(base)
  const hash = hashFolder(base, folder)
  const names: string[] = []
  for (const child of await store.list(`folder/${hash}/`)) {
    const record = await folderRecords.read(store, hash, child)
    if (record !== null) names.push(record.name)
  }
  return names
}

async function holdsAny(base: Base, folder: string): Promise<boolean> {
  const store = opaqueStore(base)
  if ((await store.list(`lease/${hashFolder(base, folder)}/`, { limit: 1 })).length > 0) return true
  for (const name of await subfoldersOf(base, folder)) if (await holdsAny(base, folder + name)) return true
  return false
}

/** Every lease in a folder and below, in pieces, so that a million of them are never in memory at once. */
export async function* leasesUnder(base: Base, folder: string, pieceMax = 256): AsyncIterable<LeaseRecord> {
  const store = opaqueStore(base)
  const hash = hashFolder(base, folder)
  let after = ''
  for (;;) {
    const names = await store.list(`lease/${hash}/`, { after, limit: pieceMax })
    for (const suffix of names) {
      const lease = await leaseRecords.read(store, hash, suffix)
      if (lease !== null) yield lease
    }
    if (names.length < pieceMax) break
    after = names.at(-1) as string
  }
  for (const name of await subfoldersOf(base, folder)) yield* leasesUnder(base, folder + name, pieceMax)
}

/** Forgets the folders below `folder` that hold nothing; returns how many. A lease written meanwhile makes the commit conflict. */
export async function tidyFolders(base: Base, folder = ''): Promise<number> {
  const store = opaqueStore(base)
  const parentHash = hashFolder(base, folder)
  let count = 0
  for (const name of await subfoldersOf(base, folder)) {
    count += await tidyFolders(base, folder + name)
    const hash = hashFolder(base, folder + name)
    const entry = await store.get(folderRecords.key(parentHash, hash))
    if (entry === null || (await holdsAny(base, folder + name))) continue
    const key = folderRecords.key(parentHash, hash)
    await store.commit([{ key, version: entry.version }], [{ del: key }]).then(
      () => count++,
      () => undefined, // Somebody wrote into it: it is not empty any more, which is why it stays.
    )
  }
  return count
}
