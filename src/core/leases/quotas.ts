/**
 * Lease count quotas. Each lease says which quota counts it, and the counter of a quota changes in the very commit that makes or ends such a
 * lease, by a merge: so a limit of N admits exactly N, however many requests ask at once, and nothing is counted at the start. All
 * quotas stand in one record, on which the commit of each new lease depends.
 */
import { ApiError, Conflict } from '../../kit/errors.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { opaqueStore, type Base } from '../base.ts'
import { byPrecision, isForRole, isOfQuota, type QuotaPlace } from '../quota-path.ts'
import { tokenRecords, type TokenRecord } from '../tokens/record.ts'
import { withUnit } from '../unit.ts'
import { leasesUnder } from './folders.ts'
import { folderOf, hashFolder, leaseRecords, placeOf, type LeaseRecord } from './record.ts'

export interface LeaseQuota extends QuotaPlace {
  /** Another one whenever path or role change: what the old one counted says nothing about the new one. */
  readonly id: string
  readonly maxLeases: number
  readonly inheritable: boolean
}

type Reader = Pick<Transaction, 'get'>

const tables = records<{ readonly quotas: readonly LeaseQuota[] }, []>(() => 'lease-quotas')
export const leaseCounts = records<{ readonly leases: number }, [id: string]>((id) => `lease-count/${id}`)
/** A folder whose leases are to be counted anew, because quotas that hold for it have changed. */
const recounts = records<{ readonly folder: string }, [hash: string]>((hash) => `lease-recount/${hash}`)

/** The most precise first. */
export const readLeaseQuotas = async (store: Reader): Promise<readonly LeaseQuota[]> => (await tables.read(store))?.quotas ?? []
export const readLeaseCount = async (store: Reader, id: string): Promise<number> => (await leaseCounts.read(store, id))?.leases ?? 0

/** Adds a quota to a unit, or replaces the one of its name; with null, takes it out. Leases that it holds for are counted by `resumeRecounts`. */
export async function changeLeaseQuota(base: Base, opaque: Transaction, name: string, quota: Omit<LeaseQuota, 'id'> | null): Promise<void> {
  const quotas = await readLeaseQuotas(opaque)
  const before = quotas.find((other) => other.name === name)
  if (before === undefined && quota === null) return
  const isSamePlace = before !== undefined && quota !== null && before.path === quota.path && before.role === quota.role
  const made = quota === null ? [] : [{ ...quota, name, id: isSamePlace ? before.id : base.host.uuid() }]
  tables.write(opaque, { quotas: [...quotas.filter((other) => other.name !== name), ...made].sort(byPrecision) })
  if (isSamePlace) return
  if (before !== undefined) leaseCounts.remove(opaque, before.id)
  for (const place of [before, quota]) {
    const folder = place === undefined || place === null ? null : folderNear(place.path)
    if (folder !== null) recounts.write(opaque, { folder }, hashFolder(base, folder))
  }
}

/** The folder that all the leases of a quota lie in. */
const folderNear = (path: string): string => (path.endsWith('/') ? path : folderOf(path))

const quotaOf = (quotas: readonly LeaseQuota[], path: string, role: string): LeaseQuota | null =>
  quotas.find((quota) => (quota.role === '' || isForRole(quota, role)) && isOfQuota(quota, path)) ?? null

/** Root tokens are never refused, and tokens that wrap an answer live for one use. Batch tokens have no lease. */
export const isCounted = ({ policies, wrapping }: TokenRecord): boolean => !policies.includes('root') && wrapping === undefined

/** What a new lease of this path says of quotas. The commit counts it, and fails with `too_many_requests` when there are as many as may be. */
export async function admitLease(opaque: Transaction, path: string, role = ''): Promise<Pick<LeaseRecord, 'quota' | 'role'>> {
  const ofRole = role === '' ? {} : { role }
  const quota = quotaOf(await readLeaseQuotas(opaque), path, role)
  if (quota === null) return ofRole
  addTo(opaque, quota.id, 1, (leases) => {
    if (leases >= quota.maxLeases) throw leaseQuotaExceeded(path)
  })
  return { ...ofRole, quota: quota.id }
}

/** The lease ends with this commit. */
export function releaseLease(opaque: Transaction, { quota }: LeaseRecord): void {
  if (quota !== undefined) addTo(opaque, quota, -1)
}

/** A quota that is gone has no counter any more, and gets none by what leaves it. */
function addTo(opaque: Transaction, id: string, by: 1 | -1, check: (leases: number) => void = () => undefined): void {
  opaque.merge(leaseCounts.key(id), (current) => {
    if (current === null && by < 0) return null
    const leases = current === null ? 0 : leaseCounts.decode({ value: current, version: 0 }).leases
    check(leases)
    return leaseCounts.encode({ leases: Math.max(0, leases + by) })
  })
}

const leaseQuotaExceeded = (path: string): ApiError =>
  new ApiError('too_many_requests', `1 error occurred:\n\t* request path ${JSON.stringify(path)}: lease count quota exceeded\n\n`)

/** Counts what is to be counted anew, also after a crash; returns how many leases have changed their quota. Several processes may do it at once. */
export async function resumeRecounts(base: Base): Promise<number> {
  const store = opaqueStore(base)
  let moved = 0
  for (const hash of await store.list('lease-recount/')) {
    const entry = await store.get(recounts.key(hash))
    if (entry === null) continue
    moved += await recount(base, recounts.decode(entry).folder)
    // Whoever has changed a quota since then has written the note anew, and it stays.
    await unlessChanged(store.commit([{ key: recounts.key(hash), version: entry.version }], [{ del: recounts.key(hash) }]))
  }
  return moved
}

/** False: what the commit relies on has changed meanwhile. */
const unlessChanged = (commit: Promise<number>): Promise<boolean> =>
  commit.then(() => true, (error: unknown) => {
    if (error instanceof Conflict) return false
    throw error
  })

const leasesAtOnce = 64

async function recount(base: Base, folder: string): Promise<number> {
  let moved = 0
  let some: Promise<boolean>[] = []
  const settle = async (): Promise<void> => {
    for (const hasMoved of await Promise.all(some)) moved += hasMoved ? 1 : 0
    some = []
  }
  for await (const lease of leasesUnder(base, folder)) if (some.push(assign(base, lease)) >= leasesAtOnce) await settle()
  await settle()
  return moved
}

/** Gives a lease to the quota that holds for it now. It may then be more than its limit: nothing is taken away from anybody. */
async function assign(base: Base, { id }: LeaseRecord): Promise<boolean> {
  return await withUnit(async (unit) => {
    const opaque = unit.on(opaqueStore(base))
    const { folder, suffix } = placeOf(base, id)
    const lease = await leaseRecords.read(opaque, folder, suffix)
    if (lease === null) return false
    const wanted = quotaOf(await readLeaseQuotas(opaque), pathOf(lease), lease.role ?? '')?.id
    if (wanted === lease.quota || !(await isOfCounted(opaque, lease))) return false
    releaseLease(opaque, lease)
    if (wanted !== undefined) addTo(opaque, wanted, 1)
    const { quota: _, ...rest } = lease
    leaseRecords.write(opaque, wanted === undefined ? rest : { ...rest, quota: wanted }, folder, suffix)
    return true
  })
}

/** The path that was asked for: the id without its last part, which is random. */
export const pathOf = ({ id }: LeaseRecord): string => id.slice(0, id.lastIndexOf('/'))

async function isOfCounted(opaque: Reader, { secret, tokenHash }: LeaseRecord): Promise<boolean> {
  if (secret !== null) return true
  const token = await tokenRecords.read(opaque, tokenHash)
  return token !== null && isCounted(token)
}

const repairTries = 5

/**
 * Compares each counter with the leases that say they are of it, and puts it right where they differ, provided that no lease of it came or went
 * meanwhile. Returns how many were wrong. They can only be by a flaw: in a sound store there is nothing to repair.
 */
export async function repairLeaseCounts(base: Base): Promise<number> {
  const store = opaqueStore(base)
  let repaired = 0
  for (let left = repairTries; left > 0; left -= 1) {
    const quotas = await readLeaseQuotas(store)
    if (quotas.length === 0) return repaired
    const entries = await Promise.all(quotas.map(async ({ id }) => ({ id, entry: await store.get(leaseCounts.key(id)) })))
    const counted = await tally(base)
    let isDone = true
    for (const { id, entry } of entries) {
      const leases = counted.get(id) ?? 0
      if ((entry === null ? 0 : leaseCounts.decode(entry).leases) === leases) continue
      const key = leaseCounts.key(id)
      if (await unlessChanged(store.commit([{ key, version: entry?.version ?? 0 }], [{ put: key, value: leaseCounts.encode({ leases }) }]))) repaired += 1
      else isDone = false
    }
    if (isDone) return repaired
  }
  return repaired
}

/** How many leases say that they are of each quota. */
export async function tally(base: Base): Promise<ReadonlyMap<string, number>> {
  const counted = new Map<string, number>()
  for await (const { quota } of leasesUnder(base, '')) if (quota !== undefined) counted.set(quota, (counted.get(quota) ?? 0) + 1)
  return counted
}
