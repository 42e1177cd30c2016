/** Fourth stage: a token with limited uses pays for the request, also for one that is refused. Exactly as many requests pass as the token had uses. */
import { opaqueStore } from '../core/base.ts'
import type { Core } from '../core/core.ts'
import { finishRevocation, killToken } from '../core/tokens/revoke.ts'
import { tokenRecords } from '../core/tokens/record.ts'
import type { Caller } from './identify.ts'

/** What the caller has left: `last` means that the token is dead from here on and this request is its final one. */
export type Spent = 'unlimited' | 'some-left' | 'last' | 'refused'

export async function spendUse(core: Core, caller: Caller | null): Promise<Spent> {
  if (caller === null || caller.record.numUses === 0 || caller.record.type === 'batch') return 'unlimited'
  const { hash } = caller.record
  if (caller.record.numUses === 1) return await spendOnly(core, hash)
  const left = await takeUse(core, hash)
  if (left < 0) return 'refused'
  if (left > 0) return 'some-left'
  await killToken(core, hash)
  return 'last'
}

/** Counts at the instant of the commit, so that a thousand requests at once need no second try. -1: none was left. */
async function takeUse(core: Core, hash: string): Promise<number> {
  let left = -1
  const by = (current: Uint8Array | null): Uint8Array | null => {
    const record = current === null ? null : tokenRecords.decode({ value: current, version: 0 })
    left = record === null || record.usesLeft <= 0 ? -1 : record.usesLeft - 1
    return record === null || left < 0 ? current : tokenRecords.encode({ ...record, usesLeft: left })
  }
  await opaqueStore(core).commit([], [{ merge: tokenRecords.key(hash), by }])
  return left
}

/** A token for one use is killed by the commit that spends it. */
async function spendOnly(core: Core, hash: string): Promise<Spent> {
  return (await killToken(core, hash)) ? 'last' : 'refused'
}

/** After the last answer is made: what the token held goes with it. */
export async function settle(core: Core, caller: Caller | null, spent: Spent): Promise<void> {
  if (spent === 'last' && caller !== null) await finishRevocation(core, caller.record.hash)
}
