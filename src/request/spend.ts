/** Fourth stage: a token with limited uses pays for the request, also for one that is refused. Exactly as many requests pass as the token had uses. */
import type { Core } from '../core/core.ts'
import { finishLater } from '../core/tokens/revoke.ts'
import { spendToken, type Spent } from '../core/tokens/uses.ts'
import type { Caller } from './identify.ts'

export type { Spent } from '../core/tokens/uses.ts'

export const spendUse = async (core: Core, caller: Caller | null): Promise<Spent> => (caller === null ? 'unlimited' : await spendToken(core, caller.record))

/** After the last answer is made: what the token held goes with it. */
export async function settle(core: Core, caller: Caller | null, spent: Spent): Promise<void> {
  if (spent === 'last' && caller !== null) await finishLater(core, caller.record.hash)
}
