/**
 * Revokes tokens with all that hangs on them. The first commit makes the whole tree dead (a token lives only as long as those it descends
 * from) and leaves a note of what is still to be removed; the rest follows in bounded pieces, and after a crash the sweeper goes on.
 */
import { ApiError, Conflict } from '../../kit/errors.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import type { Host } from '../host.ts'
import { releaseLease } from '../leases/quotas.ts'
import { heldKey, leaseRecords, parseLeaseReference, placeOf, tokenExpiryKey } from '../leases/record.ts'
import { queueLease, revokeLease } from '../leases/revoke.ts'
import { withUnit, type Unit } from '../unit.ts'
import { hashAccessor, leaseIdOf } from './create.ts'
import { accessorRecords, childKey, tokenRecords, type TokenRecord } from './record.ts'

/** What is left to do for a token that is dead already. */
export interface Remains {
  readonly hash: string
  readonly cubbyholeId: string
  /** It died of its last use: requests that had taken a use before may still end. */
  readonly usedUp?: true
}

export const remains = records<Remains, [hash: string]>((hash) => `revoking/${hash}`)
const pieceMax = 256

/** Revokes the token of this hash and its descendants; does nothing when it is gone. Resolves when all of it is removed. */
export async function revokeToken(core: Core, hash: string): Promise<void> {
  await killToken(core, hash)
  await finishRevocation(core, hash)
}

type Reason = 'revoked' | 'used up'

/** The first half: from here on the token and its descendants are refused, also after a crash. False: it was gone already. */
export const killToken = (core: Core, hash: string, reason: Reason = 'revoked'): Promise<boolean> => withUnit((unit) => killTokenIn(core, unit, hash, reason))

/** The first half, as part of a unit that does more. The second half is for after its commit. */
export async function killTokenIn(core: Core, unit: Unit, hash: string, reason: Reason = 'revoked'): Promise<boolean> {
  const opaque = unit.on(opaqueStore(core))
  const record = await tokenRecords.read(opaque, hash)
  if (record === null) return false
  await removeRecord(core, opaque, record)
  remains.write(opaque, { hash, cubbyholeId: record.cubbyholeId, ...(reason === 'used up' ? { usedUp: true } : {}) }, hash)
  return true
}

/** Takes a token and its indexes out of the store, as part of a unit. */
async function removeRecord(core: Core, opaque: Transaction, record: TokenRecord): Promise<void> {
  tokenRecords.remove(opaque, record.hash)
  accessorRecords.remove(opaque, hashAccessor(core, record.accessor))
  if (record.parent !== null) opaque.delete(childKey(record.parent, record.hash))
  if (record.expiresAt > 0) opaque.delete(tokenExpiryKey(record.expiresAt, record.hash))
  const place = placeOf(core, leaseIdOf(record))
  const lease = await leaseRecords.read(opaque, place.folder, place.suffix)
  if (lease !== null) releaseLease(opaque, lease)
  leaseRecords.remove(opaque, place.folder, place.suffix)
}

/**
 * The second half for those who have more to say than that it failed: the token is dead already, and the sweeper goes on with what its note says.
 */
export async function finishLater(core: Core, hash: string): Promise<void> {
  await finishRevocation(core, hash).catch((error: unknown) =>
    core.host.log('warn', 'token', 'what a token held could not be removed yet', { error: error instanceof Error ? error.message : 'unknown' }))
}

/** Whether this token died of its last use a moment ago. */
export const isUsedUp = async (core: Core, hash: string): Promise<boolean> => (await remains.read(opaqueStore(core), hash))?.usedUp === true

/** Whether the engines of what the token held are asked before this ends, or by the sweeper. */
type How = 'at once' | 'queued'

/** Revocations that somebody in this process is finishing. */
const underWay = new WeakMap<Host, Set<string>>()
const leasesAtOnce = 8

/** Revokes a token that has expired, without waiting for any engine. */
export async function expireToken(core: Core, hash: string): Promise<void> {
  await killToken(core, hash)
  if (underWay.get(core.host)?.has(hash) !== true) await finishRevocation(core, hash, 'queued')
}

/** The second half: leases, children, cubbyhole. May be run again at any point. */
export async function finishRevocation(core: Core, hash: string, how: How = 'at once'): Promise<void> {
  const left = await remains.read(opaqueStore(core), hash)
  if (left === null) return
  const mine = underWay.get(core.host) ?? new Set()
  underWay.set(core.host, mine.add(hash))
  try {
    await again(() => removeWhatHangsOn(core, left, how))
  } finally {
    mine.delete(hash)
  }
}

const attemptsMax = 24

/** Conflicts with others end here: who asked for the revocation would do it anew, and find that the token is gone. */
async function again(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
      if (attempt === attemptsMax) throw new ApiError('overloaded', 'the token is revoked; what it held is removed a little later', { cause: error })
    }
  }
}

async function removeWhatHangsOn(core: Core, { hash, cubbyholeId }: Remains, how: How): Promise<void> {
  const store = opaqueStore(core)
  await eachName(core, `held/${hash}/`, leasesAtOnce, async (name) => {
    const place = parseLeaseReference(name)
    await (how === 'queued' ? queueLease(core, place) : revokeLease(core, place))
    await store.commit([], [{ del: heldKey(hash, place) }])
  })
  await eachName(core, `child/${hash}/`, 1, async (child) => {
    await killToken(core, child)
    await finishRevocation(core, child, how)
    await store.commit([], [{ del: childKey(hash, child) }])
  })
  await core.clearCubbyhole(cubbyholeId)
  await store.commit([], [{ del: remains.key(hash) }])
}

/**
 * Kills a token without its children, which become orphans: in one commit, but for the children beyond a thousand, which become orphans before. A child that is
 * made meanwhile goes with its parent. False: it was gone already.
 */
export async function killWithoutChildren(core: Core, hash: string): Promise<boolean> {
  for (;;) {
    const children = await opaqueStore(core).list(`child/${hash}/`, { limit: orphansMax + 1 })
    const isAll = children.length <= orphansMax
    const isDone = await withUnit(async (unit) => {
      for (const child of children.slice(0, orphansMax)) await makeOrphan(unit.on(opaqueStore(core)), hash, child)
      return isAll ? await killTokenIn(core, unit, hash) : null
    })
    if (isDone !== null) return isDone
  }
}

const orphansMax = 1_000

async function makeOrphan(opaque: Transaction, parent: string, child: string): Promise<void> {
  const record = await tokenRecords.read(opaque, child)
  if (record !== null) tokenRecords.write(opaque, { ...record, parent: null }, child)
  opaque.delete(childKey(parent, child))
}

/** Calls `work` for each name in a flat folder of the opaque store, for some at once; `work` removes the name. The first failure ends it. */
async function eachName(core: Core, prefix: string, atOnce: number, work: (name: string) => Promise<void>): Promise<void> {
  let after = ''
  for (;;) {
    const names = await opaqueStore(core).list(prefix, { after, limit: pieceMax })
    for (let i = 0; i < names.length; i += atOnce) await Promise.all(names.slice(i, i + atOnce).map(work))
    if (names.length < pieceMax) return
    after = names.at(-1) as string
  }
}

/** Goes on with revocations that a crash interrupted, without waiting for any engine; returns how many there were. One that fails stops no other. */
export async function resumeRevocations(core: Core): Promise<number> {
  let count = 0
  await eachName(core, 'revoking/', 1, async (hash) => {
    if (underWay.get(core.host)?.has(hash) === true) return
    await finishRevocation(core, hash, 'queued').then(() => (count += 1), (error: unknown) => {
      if (!core.barrier.isSealed) core.host.log('error', 'token', 'a revocation could not be finished yet', { error: error instanceof Error ? error.message : 'unknown' })
    })
  })
  return count
}
