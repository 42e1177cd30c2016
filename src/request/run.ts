/**
 * The stage that acts: runs the operation in a unit of work, adds the token or lease that its result leads to, wraps the answer if that was
 * asked for, and commits all of it at once. When something that was read changed meanwhile, it runs again from the start.
 */
import type { Core } from '../core/core.ts'
import type { Verdict } from '../core/policies/acl.ts'
import { withUnit, type Unit } from '../core/unit.ts'
import { wrapText, type WrapInfo } from '../core/wrapping.ts'
import { ApiError, internal } from '../kit/errors.ts'
import { Outside } from '../kit/outside.ts'
import { Reply, type Result } from '../kit/result.ts'
import { authAnswer, envelope, leaseAnswer, outcome, type AuthAnswer, type Outcome } from './answer.ts'
import { checkMounted, expectAlive, expectMount } from './expectations.ts'
import type { Caller } from './identify.ts'
import { callOf, fieldWarnings, isResolved, type Effects, type Resolved } from './input.ts'
import { issueLogin, issueSecret } from './issue.ts'
import { asCounted, type StillOpen } from './lockout.ts'
import { carryOut, intend, type Done, type Intent } from './outside.ts'
import type { Spent } from './spend.ts'
import type { Target } from './resolve.ts'
import type { WireRequest } from './wire.ts'

export interface Acting {
  readonly wire: WireRequest
  readonly target: Target
  readonly caller: Caller | null
  readonly spent: Spent
  /** Seconds, or null. */
  readonly wrapTtl: number | null
  /** What the caller's policies said; null where none was asked. */
  readonly verdict: Verdict | null
}

/** Throws `ApiError`s for what is refused; nothing is written then. */
export async function run(core: Core, acting: Acting): Promise<Outcome> {
  const { target } = acting
  if (!isResolved(target) || isRefusedHead(acting.wire, target)) throw placeError(target)
  const effects: Effects[] = []
  const first = await asCounted(core, acting.wire, target, (stillOpen) =>
    withUnit(async (unit) => {
      const effect: Effects = { warnings: [], afterCommit: [] }
      effects.push(effect)
      return await attempt(core, acting, target, unit, effect, stillOpen)
    }),
  ).catch(async (error: unknown) => {
    await checkMounted(core, target)
    throw error
  })
  // A list that was put together while its mount was removed would be a part of what there was.
  if (target.operation.verb === 'list' || target.operation.verb === 'scan') await checkMounted(core, target)
  const result = 'intent' in first ? await carryOut(core, target, first.intent, (unit, done) => completed(core, acting, target, unit, done, first)) : first
  for (const work of effects.at(-1)?.afterCommit ?? []) await work(target.mount.store)
  // What this request may have changed of the configuration is in force before it is answered.
  if (target.mount.record.kind === 'system' && !core.barrier.isSealed) await core.live.refresh()
  return acting.wire.verb === 'head' && result.status < 300 ? { ...result, status: target.operation.headStatus ?? result.status } : result
}

const isRefusedHead = ({ verb }: WireRequest, { operation }: Resolved): boolean => verb === 'head' && operation.headStatus === null

function placeError({ mount, path, wrongVerb, rest, operation }: Target): ApiError {
  if (mount === null) return new ApiError('not_found', `no handler for route ${JSON.stringify(path)}. route entry not found.`)
  if (mount.registered === null) return new ApiError('bad_request', `the mount ${mount.record.path} has the unknown type "${mount.record.type}"`)
  if (wrongVerb || operation !== null) return new ApiError('unsupported_operation', '1 error occurred:\n\t* unsupported operation\n\n')
  const hint = mount.registered.engine.unknownPathHint?.(rest) ?? null
  if (hint !== null) return new ApiError('unsupported_path', '', { data: { hint } })
  return new ApiError('unsupported_path', '1 error occurred:\n\t* unsupported path\n\n')
}

async function attempt(core: Core, acting: Acting, target: Resolved, unit: Unit, effects: Effects, stillOpen: StillOpen): Promise<Outcome | Intended> {
  const { wire, caller, wrapTtl } = acting
  if (!finding.has(target.verb) || wrapTtl !== null) await expectStanding(core, acting, target, unit)
  const call = callOf(core, wire, target, caller, unit, effects, wrapTtl, acting.verdict?.pageLimit ?? null)
  const result = await target.operation.handle(call)
  // A read that writes after all (a key that is made when it is first asked for) stands on the same ground as a write.
  if (finding.has(target.verb) && unit.isDirty()) await expectStanding(core, acting, target, unit)
  const said = { unknown: call.unknown, effects }
  if (result instanceof Outside) {
    await expectStanding(core, acting, target, unit)
    return { intent: await intend(core, unit, target, acting, result), ...said }
  }
  return await answered(core, acting, target, unit, await outcomeOf(core, acting, target, unit, result, { stillOpen, role: async () => (await target.operation.loginRole?.(call)) ?? '' }), said)
}

/** What an operation says besides its result. */
interface Said {
  readonly unknown: readonly string[]
  readonly effects: Effects
}

/** The first commit of an operation that changes something outside. */
interface Intended extends Said {
  readonly intent: Intent
}

/** The second: the answer of what was done. */
async function completed(core: Core, acting: Acting, target: Resolved, unit: Unit, { result, lease }: Done, said: Said): Promise<Outcome> {
  await expectStanding(core, acting, target, unit)
  const out = result === null ? nothing(target) : result instanceof Reply ? replied(result.fields, target) : outcome({ data: result })
  return await answered(core, acting, target, unit, lease === null ? out : { ...out, lease: leaseAnswer(lease) }, said)
}

async function answered(core: Core, acting: Acting, target: Resolved, unit: Unit, whole: Outcome, { unknown, effects }: Said): Promise<Outcome> {
  const { wire, wrapTtl } = acting
  const out = visiblePart(acting, whole)
  const warnings = [...out.warnings, ...effects.warnings]
  const extra = out.empty && warnings.length === 0 ? [] : fieldWarnings(unknown, target, wire.data)
  const full: Outcome = warnings.length + extra.length === 0 ? out : { ...out, ...(out.empty ? { status: 200, empty: false } : {}), warnings: [...warnings, ...extra] }
  return wrapTtl === null || !isWrappable(full) ? full : await wrapped(core, acting, unit, full, wrapTtl)
}

/** Policies may hide keys of a listing. */
function visiblePart({ caller, verdict, target }: Acting, out: Outcome): Outcome {
  const keys = out.data?.['keys']
  if (caller === null || verdict === null || verdict.keysFilter === null || !Array.isArray(keys)) return out
  const visible = caller.acl.visibleKeys(verdict, target.path, keys as string[])
  if (visible.length === 0) return outcome({ status: 404, errors: [] })
  const info = out.data?.['key_info'] as Readonly<Record<string, unknown>> | undefined
  const keyInfo = info === undefined ? {} : { key_info: Object.fromEntries(visible.filter((key) => Object.hasOwn(info, key)).map((key) => [key, info[key]])) }
  return { ...out, data: { ...out.data, keys: visible, ...keyInfo } }
}

const finding: ReadonlySet<string> = new Set(['read', 'list', 'scan'])

/** For whatever writes: reads that give a lease or are wrapped, too. */
async function expectStanding(core: Core, { caller, spent }: Acting, target: Resolved, unit: Unit): Promise<void> {
  await expectMount(core, unit, target)
  await expectAlive(core, unit, caller, spent)
}

/** What is asked only when there is a login. */
interface LoginChecks {
  readonly stillOpen: StillOpen
  readonly role: () => Promise<string>
}

async function outcomeOf(core: Core, acting: Acting, target: Resolved, unit: Unit, result: Result, { stillOpen, role }: LoginChecks): Promise<Outcome> {
  if (result === null) return nothing(target)
  if (!(result instanceof Reply)) return outcome({ data: result })
  const { login, lease, data = null, warnings = [], status = 200 } = result.fields
  if ((login !== undefined || lease !== undefined) && status >= 400) throw internal('an operation gave a login or a lease together with an error')
  if (login !== undefined) {
    await stillOpen()
    const issued = await issueLogin(core, unit, target, login, await role())
    return outcome({ auth: authAnswer(issued), data, warnings: [...warnings, ...issued.warnings] })
  }
  if (lease !== undefined) {
    await expectStanding(core, acting, target, unit)
    const issued = await issueSecret(core, unit, target, acting.caller, acting.spent, lease)
    return outcome({ data, lease: leaseAnswer(issued), warnings })
  }
  return replied(result.fields, target)
}

function replied(fields: Reply['fields'], target: Resolved): Outcome {
  const { data = null, status, auditData = null, warnings = [], raw = null, repeatedAtTop = false, emptyWarnings = false, shownLease, auth, wrapInfo, wrappedAccessor = '' } = fields
  const empty = raw === null && data === null && warnings.length === 0 && auth === undefined && wrapInfo === undefined && shownLease === undefined
  if (empty && status === undefined) return nothing(target)
  // A status without anything to say: with 204 and 202 there is no body, with 200 an empty envelope.
  return outcome({
    status: status ?? 200, data, auditData, warnings, raw, repeatedAtTop, emptyWarnings, empty: empty && status !== 200,
    lease: shownLease === undefined ? null : { id: '', renewable: false, ...shownLease },
    auth: (auth as AuthAnswer | undefined) ?? null,
    wrapInfo: (wrapInfo as WrapInfo | undefined) ?? null,
    wrappedAccessor,
  })
}

const isFinding = ({ operation }: Resolved): boolean => finding.has(operation.verb)

const nothing = (target: Resolved): Outcome => (isFinding(target) ? outcome({ status: 404, errors: [] }) : outcome({ status: 204, empty: true }))

/** Errors and answers without a body are never wrapped, nor is what is not an envelope. */
const isWrappable = (out: Outcome): boolean => out.errors === null && !out.empty && out.raw === null && out.wrapInfo === null

async function wrapped(core: Core, { wire, target }: Acting, unit: Unit, out: Outcome, ttlSeconds: number): Promise<Outcome> {
  const text = envelope(wire.id, out)
  const wrapInfo = await wrapText(core, unit, target.path, text, { ttlSeconds, format: wire.wrapFormat, wrappedAccessor: out.auth?.accessor ?? out.wrappedAccessor })
  return outcome({ wrapInfo })
}
