/** What a token must pay and where it may come from, each time that it is used. */
import { containsAddress, findAddress, parseCidr } from '../../kit/cidr.ts'
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { tokenRecords, type TokenRecord } from './record.ts'
import { killToken } from './revoke.ts'

/** What is left: `last` means that the token is dead from here on and this request is its final one. */
export type Spent = 'unlimited' | 'some-left' | 'last' | 'refused'

/** Takes a use of a token with limited uses. Exactly as many calls are not `refused` as the token had uses. */
export async function spendToken(core: Core, { hash, numUses, type }: TokenRecord): Promise<Spent> {
  if (numUses === 0 || type === 'batch') return 'unlimited'
  if (numUses === 1) return await spendLast(core, hash)
  const left = await takeUse(core, hash)
  if (left < 0) return 'refused'
  return left === 0 ? await spendLast(core, hash) : 'some-left'
}

/** Counts at the instant of the commit, so that a thousand requests at once need no second try. -1: none was left; 0: the last one, which is still to be taken. */
async function takeUse(core: Core, hash: string): Promise<number> {
  let left = -1
  const by = (current: Uint8Array | null): Uint8Array | null => {
    const record = current === null ? null : tokenRecords.decode({ value: current, version: 0 })
    left = record === null ? -1 : record.usesLeft - 1
    return record === null || left <= 0 ? current : tokenRecords.encode({ ...record, usesLeft: left })
  }
  await opaqueStore(core).commit([], [{ merge: tokenRecords.key(hash), by }])
  return left
}

/** The commit that takes the last use kills the token: a crash leaves none behind that has no use left. */
const spendLast = async (core: Core, hash: string): Promise<Spent> => ((await killToken(core, hash, 'used up')) ? 'last' : 'refused')

/** Whether a token may be used from this address. */
export function mayComeFrom({ boundCidrs }: Pick<TokenRecord, 'boundCidrs'>, from: string): boolean {
  if (boundCidrs.length === 0) return true
  const address = findAddress(from)
  return address !== null && boundCidrs.some((range) => containsAddress(parseCidr(range), address))
}
