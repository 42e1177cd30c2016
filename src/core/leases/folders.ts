/** The folders that lease ids lie in: made with the first lease, listed page by page, forgotten by tidying when empty. */
import { Conflict } from '../../kit/errors.ts'
import type { ListOptions, Transaction } from '../../kit/store.ts'
import { compareKeys } from '../../storage/key.ts'
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
    const known = await folderRecords.read(opaque, parentHash, hash)
    // A folder that is there has all its parents; that it is there, and is not about to go, is what this commit depends on.
    if (known !== null && known.closing !== true) return
    folderRecords.write(opaque, { name: folder.slice(parent.length) }, parentHash, hash)
    folder = parent
  }
}

/** Names in a folder, in the order of their bytes: folders that hold something end in '/', the others are leases. */
export async function listFolder(base: Base, folder: string, { after = '', limit = Infinity }: ListOptions = {}): Promise<string[]> {
  const store = opaqueStore(base)
  const subfolders = (await subfoldersOf(base, folder)).filter((name) => after === '' || compareKeys(name, after) > 0).sort(compareKeys)
  const leases = await store.list(`lease/${hashFolder(base, folder)}/`, { after, ...(limit === Infinity ? {} : { limit }) })
  const names: string[] = []
  for (let next = 0; names.length < limit; ) {
    const [name, lease] = [subfolders[0], leases[next]]
    if (name === undefined && lease === undefined) return names
    if (name === undefined || (lease !== undefined && compareKeys(lease, name) < 0)) {
      names.push(lease as string)
      next += 1
    } else if (await holdsAny(base, folder + (subfolders.shift() as string))) names.push(name)
  }
  return names
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

/** A folder and every one below it. */
export async function* eachFolder(base: Base, folder: string): AsyncIterable<{ readonly folder: string; readonly hash: string }> {
  yield { folder, hash: hashFolder(base, folder) }
  for (const name of await subfoldersOf(base, folder)) yield* eachFolder(base, folder + name)
}

/** Forgets the folders below `folder` that hold nothing; returns how many. Leases may be written meanwhile. */
export async function tidyFolders(base: Base, folder = ''): Promise<number> {
  let count = 0
  for (const name of await subfoldersOf(base, folder)) {
    count += await tidyFolders(base, folder + name)
    if (await closeFolder(base, folder, name)) count += 1
  }
  return count
}

/**
 * Marks the folder, looks again, and only then takes it out. Who read the record before the mark cannot commit a lease after it, and who
 * reads the mark takes it away, so that this commit fails: a lease is never in a folder that is not there.
 */
async function closeFolder(base: Base, parent: string, name: string): Promise<boolean> {
  const store = opaqueStore(base)
  const [parentHash, hash] = [hashFolder(base, parent), hashFolder(base, parent + name)]
  const key = folderRecords.key(parentHash, hash)
  const entry = await store.get(key)
  if (entry === null || !(await isBare(base, hash))) return false
  try {
    const version = await store.commit([{ key, version: entry.version }], [{ put: key, value: folderRecords.encode({ name, closing: true }) }])
    if (!(await isBare(base, hash))) return false
    await store.commit([{ key, version }], [{ del: key }])
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}

/** Neither leases nor folders, be they empty. */
async function isBare(base: Base, hash: string): Promise<boolean> {
  const store = opaqueStore(base)
  for (const kind of ['lease', 'folder']) if ((await store.list(`${kind}/${hash}/`, { limit: 1 })).length > 0) return false
  return true
}
