/**
 * What a request stood on when it was judged becomes something that its commit depends on: a write cannot outlive a revocation, nor a mount, that
 * was acknowledged to be gone before it.
 */
import { opaqueStore } from '../core/base.ts'
import type { Core } from '../core/core.ts'
import { expectMounts } from '../core/generation.ts'
import { findStanding } from '../core/identity/standing.ts'
import { isFixed } from '../core/mounts/change.ts'
import { hashAccessor } from '../core/tokens/create.ts'
import { findTokenByHash } from '../core/tokens/find.ts'
import { accessorRecords, type TokenRecord } from '../core/tokens/record.ts'
import { isUsedUp } from '../core/tokens/revoke.ts'
import type { Unit } from '../core/unit.ts'
import { ApiError, permissionDenied } from '../kit/errors.ts'
import type { Transaction } from '../kit/store.ts'
import type { Caller } from './identify.ts'
import type { Resolved } from './input.ts'
import type { Spent } from './spend.ts'

/** The caller's token, those it descends from, and its entity. Throws `permission_denied`. */
export async function expectAlive(core: Core, unit: Unit, caller: Caller | null, spent: Spent): Promise<void> {
  if (caller === null) return
  const opaque = unit.on(opaqueStore(core))
  if (caller.record.entityId !== '' && (await findStanding(core, caller.record, opaque)) === null) throw permissionDenied()
  if (!(await isAlive(core, opaque, caller.record, spent))) throw permissionDenied()
}

async function isAlive(core: Core, opaque: Transaction, record: TokenRecord, spent: Spent): Promise<boolean> {
  const isStored = record.type !== 'batch' && spent !== 'last'
  if (isStored && record.numUses === 0) return (await findTokenByHash(core, record.hash, opaque)) !== null
  // The record of a token with limited uses changes with each of them; its accessor lives exactly as long, and does not.
  const isThere = !isStored || (await accessorRecords.read(opaque, hashAccessor(core, record.accessor))) !== null || (await isUsedUp(core, record.hash))
  return isThere && (record.parent === null || (await findTokenByHash(core, record.parent, opaque)) !== null)
}

/** The mount that serves the request. What is written after it was disabled would stay behind. Throws `not_found`. */
export async function expectMount(core: Core, unit: Unit, target: Resolved): Promise<void> {
  if (isFixed(target.mount.record.path)) return
  // Read first: whatever the table says after that is at least as new.
  await expectMounts(unit.on(opaqueStore(core)))
  await checkMounted(core, target)
}

/** Whether the mount is still there: what its engine says while its data are being removed means nothing. Throws `not_found`. */
export async function checkMounted(core: Core, { mount }: Resolved): Promise<void> {
  const { path, uuid } = mount.record
  if (isFixed(path)) return
  const now = await core.mounts.at(path)
  if (now?.record.uuid !== uuid) throw new ApiError('not_found', `no handler for route ${JSON.stringify(path)}. route entry not found.`)
}
