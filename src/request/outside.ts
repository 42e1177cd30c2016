/**
 * Changes outside of the store, in three steps: the intent is committed, the change is made, and a second commit says so. A crash between any two of
 * them leaves an intent whose time is over, and the sweeper undoes it. So does whatever ends the request otherwise.
 */
import type { Core } from '../core/core.ts'
import { activateLease, dropIntent, endOf, pendingUntil, undoIntent } from '../core/leases/pending.ts'
import type { LeaseRecord } from '../core/leases/record.ts'
import { withUnit, type Unit } from '../core/unit.ts'
import { ApiError, permissionDenied } from '../kit/errors.ts'
import { NothingDone, type AfterActCall, type Outside } from '../kit/outside.ts'
import type { Data, Reply } from '../kit/result.ts'
import { expectMount } from './expectations.ts'
import type { Caller } from './identify.ts'
import type { Resolved } from './input.ts'
import { issueSecret } from './issue.ts'
import type { Spent } from './spend.ts'

export interface Intent {
  readonly fields: Outside['fields']
  /** Pending; null where none was asked for. */
  readonly lease: LeaseRecord | null
}

/** What the second commit has to tell. */
export interface Done {
  readonly result: null | Data | Reply
  /** Live. */
  readonly lease: LeaseRecord | null
}

/** The first step, as part of the unit that the operation ran in. */
export async function intend(core: Core, unit: Unit, target: Resolved, { caller, spent }: { readonly caller: Caller | null; readonly spent: Spent }, { fields }: Outside): Promise<Intent> {
  if (fields.lease === undefined) return { fields, lease: null }
  const until = pendingUntil(core.host.now(), fields.withinSeconds)
  return { fields, lease: await issueSecret(core, unit, target, caller, spent, fields.lease, until) }
}

/** The second and third step. `complete` makes the answer, as part of the unit that says that it is done. */
export async function carryOut<T>(core: Core, target: Resolved, intent: Intent, complete: (unit: Unit, done: Done) => Promise<T>): Promise<T> {
  try {
    await act(core, target, intent)
    return await withUnit(async (unit) => {
      const lease = intent.lease === null ? null : await activateLease(core, unit, intent.lease)
      // Whoever asked for it was revoked meanwhile.
      if (intent.lease !== null && lease === null) throw permissionDenied()
      const result = await intent.fields.finish(afterAct(core, unit, target))
      return await complete(unit, { result, lease })
    })
  } catch (error) {
    await giveUp(core, target, intent, error).catch((second: unknown) => logLater(core, target, second))
    throw error
  }
}

const afterAct = (core: Core, unit: Unit, { mount }: Resolved): AfterActCall => ({ store: unit.on(mount.store), now: core.host.now() })

/** Time is over, and what is under way may have changed something or not. */
class TimeOver extends ApiError {}

async function act(core: Core, target: Resolved, { fields, lease }: Intent): Promise<void> {
  const over = new AbortController()
  const expiresAt = lease === null || lease.secret === null ? 0 : endOf(lease.secret)
  let cancel = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    cancel = core.host.later(fields.withinSeconds * 1000, () => {
      over.abort()
      reject(new TimeOver('bad_gateway', `the other system did not answer within ${fields.withinSeconds} seconds`))
    })
  })
  try {
    await Promise.race([fields.act({ signal: over.signal, expiresAt, note: (work) => commitMidway(core, target, work) }), late])
  } finally {
    cancel()
  }
}

async function giveUp(core: Core, target: Resolved, { fields, lease }: Intent, error: unknown): Promise<void> {
  if (lease !== null && error instanceof NothingDone) await dropIntent(core, lease)
  // What did not end in time may still be at it: the sweeper undoes it when it cannot be any more.
  else if (lease !== null && !(error instanceof TimeOver)) await undoIntent(core, lease)
  const { failed } = fields
  if (failed !== undefined) await commitMidway(core, target, (call) => failed(call, error))
}

const commitMidway = (core: Core, target: Resolved, work: (call: AfterActCall) => Promise<void>): Promise<void> => withUnit(async (unit) => {
  await expectMount(core, unit, target)
  await work(afterAct(core, unit, target))
})

const logLater = (core: Core, { mount }: Resolved, error: unknown): void =>
  core.host.log('warn', 'expiration', 'what was begun outside could not be undone yet', { mount: mount.record.path, error: error instanceof Error ? error.message : 'unknown' })
