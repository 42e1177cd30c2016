/**
 * Revokes tokens with all that hangs on them. The first commit makes the whole tree dead (a token lives only as long as those it descends
 * from) and leaves a note of what is still to be removed; the rest follows in bounded pieces, and after a crash the sweeper goes on.
 */
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { heldKey, leaseRecords, parseLeaseReference, placeOf, tokenExpiryKey } from '../leases/record.ts'
import { revokeLease } from '../leases/revoke.ts'
import { withUnit } from '../unit.ts'
import { hashAccessor, leaseIdOf } from './create.ts'
import { accessorRecords, childKey, tokenRecords, type TokenRecord } from './record.ts'

/** What is left to do for a token that is dead already. */
export interface Remains {
  readonly hash: string
  readonly cubbyholeId: string
}

export const remains = records<Remains, [hash: string]>((hash) => `revoking/${hash}`)
const pieceMax = 256

/** Revokes the token of this hash and its descendants; does nothing when it is gone. Resolves when all of it is removed. */
export async function revokeToken(core: Core, hash: string): Promise<void> {
  await killToken(core, hash)
  await finishRevocation(core, hash)
}

/** The first half: from here on the token and its descendants are refused, also after a crash. False: it was gone already. */
export async function killToken(core: Core, hash: string): Promise<boolean> {
  return await withUnit(async (unit) => {
    const opaque = unit.on(opaqueStore(core))
    const record = await tokenRecords.read(opaque, hash)
    if (record === null) return false
    removeRecord(core, opaque, record)
    remains.write(opaque, { hash, cubbyholeId: record.cubbyholeId }, hash)
    return true
  })
}

/** Takes a token and its indexes out of the store, as part of a unit. */
function removeRecord(core: Core, opaque: Transaction, record: TokenRecord): void {
  tokenRecords.remove(opaque, record.hash)
  accessorRecords.remove(opaque, hashAccessor(core, record.accessor))
  if (record.parent !== null) opaque.delete(childKey(record.parent, record.hash))
  if (record.expiresAt > 0) opaque.delete(tokenExpiryKey(record.expiresAt, record.hash))
  const place = placeOf(core, leaseIdOf(record))
  leaseRecords.remove(opaque, place.folder, place.suffix)
}

/** The second half: leases, children, cubbyhole. May be run again at any point. */
export async function finishRevocation(core: Core, hash: string): Promise<void> {
  const store = opaqueStore(core)
  const left = await remains.read(store, hash)
  if (left === null) return
  await eachName(core, `held/${hash}/`, async (name) => {
    await revokeLease(core, parseLeaseReference(name))
    await store.commit([], [{ del: heldKey(hash, parseLeaseReference(name)) }])
  })
  await eachName(core, `child/${hash}/`, async (child) => {
    await revokeToken(core, child)
    await store.commit([], [{ del: childKey(hash, child) }])
  })
  await core.clearCubbyhole(left.cubbyholeId)
  await store.commit([], [{ del: remains.key(hash) }])
}

/** Turns the children of a token into orphans, so that it can be revoked without them. */
export async function orphanChildren(core: Core, hash: string): Promise<void> {
  await eachName(core, `child/${hash}/`, async (child) => {
    await withUnit(async (unit) => {
      const opaque = unit.on(opaqueStore(core))
      const record = await tokenRecords.read(opaque, child)
      if (record !== null) tokenRecords.write(opaque, { ...record, parent: null }, child)
      opaque.delete(childKey(hash, child))
    })
  })
}

/** Calls `work` for each name in a flat folder of the opaque store; `work` removes the name. */
async function eachName(core: Core, prefix: string, work: (name: string) => Promise<void>): Promise<void> {
  let after = ''
  for (;;) {
    const names = await opaqueStore(core).list(prefix, { after, limit: pieceMax })
    for (const name of names) await work(name)
    if (names.length < pieceMax) return
    after = names.at(-1) as string
  }
}

/** Goes on with revocations that a crash interrupted; returns how many there were. */
export async function resumeRevocations(core: Core): Promise<number> {
  let count = 0
  await eachName(core, 'revoking/', async (hash) => {
    await finishRevocation(core, hash)
    count += 1
  })
  return count
}
