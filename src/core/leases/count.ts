/** How many leases there are, and whose: looked through in pieces, so that a million of them cost time and no memory. */
import { opaqueStore, type Base } from '../base.ts'
import type { Core } from '../core.ts'
import { findTokenByHash } from '../tokens/find.ts'
import { eachFolder, leasesUnder } from './folders.ts'
import { irrevocablePrefix, leaseRecords, parseLeaseReference, type LeaseRecord } from './record.ts'

export type CountBy = 'mount' | 'role' | 'owner'

export interface LeaseCounts {
  /** The most first. */
  readonly counts: readonly (readonly [name: string, leases: number])[]
  readonly total: number
}

/** Names that are counted at once; leases of further ones are in the total only. */
const namesMax = 100_000
const pieceMax = 1_000

/** `role`: the path that was asked for. `owner`: the entity that holds them, or the display name of a token without one. */
export async function countLeases(core: Core, by: CountBy, prefix = ''): Promise<LeaseCounts> {
  const counts = new Map<string, number>()
  let total = 0
  const add = (name: string, leases: number): void => {
    total += leases
    if (counts.has(name) || counts.size < namesMax) counts.set(name, (counts.get(name) ?? 0) + leases)
  }
  if (by === 'owner') await countByOwner(core, prefix, add)
  else await countByFolder(core, prefix, by, add)
  return { counts: mostFirst(counts), total }
}

const mostFirst = (counts: ReadonlyMap<string, number>): LeaseCounts['counts'] => [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))

/** By mount: what could not be revoked. Reads those alone. */
export async function countIrrevocable(base: Base): Promise<LeaseCounts> {
  const counts = new Map<string, number>()
  let total = 0
  for await (const { secret } of eachIrrevocable(base)) {
    total += 1
    const name = secret?.mountPath ?? ''
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return { counts: mostFirst(counts), total }
}

export async function listIrrevocable(base: Base, limit: number): Promise<LeaseRecord[]> {
  const found: LeaseRecord[] = []
  for await (const lease of eachIrrevocable(base)) if (found.push(lease) >= limit) break
  return found
}

async function* eachIrrevocable(base: Base): AsyncIterable<LeaseRecord> {
  const store = opaqueStore(base)
  for (let after = ''; ; ) {
    const names = await store.list(irrevocablePrefix, { after, limit: pieceMax })
    for (const name of names) {
      const { folder, suffix } = parseLeaseReference(name)
      const lease = await leaseRecords.read(store, folder, suffix)
      if (lease !== null) yield lease
    }
    if (names.length < pieceMax) return
    after = names.at(-1) as string
  }
}

type Add = (name: string, leases: number) => void

/** A folder of leases is the path that they were asked for: their names say enough. */
async function countByFolder(core: Core, prefix: string, by: 'mount' | 'role', add: Add): Promise<void> {
  for await (const { folder, hash } of eachFolder(core, prefix)) {
    const leases = await namesIn(core, `lease/${hash}/`)
    if (leases === 0) continue
    const name = by === 'role' ? folder.replace(/\/$/, '') : ((await core.mounts.find(folder))?.record.path ?? folder)
    add(name, leases)
  }
}

async function namesIn(core: Core, prefix: string): Promise<number> {
  let [count, after] = [0, '']
  for (;;) {
    const names = await opaqueStore(core).list(prefix, { after, limit: pieceMax })
    count += names.length
    if (names.length < pieceMax) return count
    after = names.at(-1) as string
  }
}

async function countByOwner(core: Core, prefix: string, add: Add): Promise<void> {
  /** By hash of the token. Many leases in a row belong to one. */
  const owners = new Map<string, string>()
  for await (const lease of leasesUnder(core, prefix)) {
    const owner = owners.get(lease.tokenHash) ?? (await ownerOf(core, lease))
    if (owners.size >= namesMax) owners.clear()
    owners.set(lease.tokenHash, owner)
    add(owner, 1)
  }
}

async function ownerOf(core: Core, { tokenHash }: LeaseRecord): Promise<string> {
  const token = tokenHash === '' ? null : await findTokenByHash(core, tokenHash)
  if (token === null) return 'nobody: to be revoked'
  return token.entityId === '' ? `token ${token.displayName}` : `entity ${token.entityId}`
}
