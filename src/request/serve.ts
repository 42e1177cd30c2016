/**
 * The order of a request, on one screen: it is the security argument. Each line takes what earlier lines established and gives a new value,
 * so that a wrong order does not compile. Nothing is done before the audit log has confirmed the request, and nothing leaves before it has
 * confirmed the answer.
 */
import type { Core } from '../core/core.ts'
import { parseDuration } from '../kit/duration.ts'
import { ApiError, permissionDenied } from '../kit/errors.ts'
import { mayBeAdmitted, serveAdmitted } from './admit.ts'
import { answerOf, type Outcome } from './answer.ts'
import { auditRequest, auditResponse, describe } from './audit-entry.ts'
import { checkHeaders } from './headers.ts'
import { helpFor } from './help.ts'
import { asList, refusalOf, refusalOutcome } from './errors.ts'
import { identify, type Caller } from './identify.ts'
import { parseWrapTtl } from './input.ts'
import { judge, type Judgement } from './judge.ts'
import { serveLifecycle } from './lifecycle.ts'
import { checkNamespace } from './namespace.ts'
import { refuseByQuota, refuseByRole } from './quotas.ts'
import { resolveTarget } from './resolve.ts'
import { run, type Acting } from './run.ts'
import { settle, spendUse, type Spent } from './spend.ts'
import type { WireRequest, WireResponse } from './wire.ts'

export async function serve(core: Core, wire: WireRequest): Promise<WireResponse> {
  const startedAt = core.host.now()
  const underway = core.telemetry.begin(wire.id, { startedAt, clientAddress: wire.remoteAddress, path: wire.path, method: wire.method })
  let status = 500
  try {
    const response = await answer(core, wire)
    status = response.status
    return response
  } catch (error) {
    const refusal = refusalOf(core, wire, error)
    status = refusal.status
    return refusal
  } finally {
    core.telemetry.end(underway, kindOf(wire.path), wire.verb, status, (core.host.now() - startedAt) / 1000)
  }
}

/** The first part of a path says what kind of thing is asked for, and nothing that a client made up in numbers. */
const kindOf = (path: string): string => (path.startsWith('sys/') ? 'sys' : path.startsWith('auth/') ? 'auth' : 'secret')

const answer = (core: Core, wire: WireRequest): Promise<WireResponse> =>
  serveLifecycle(core, wire) ?? (mayBeAdmitted(wire) ? serveAdmitted(core, wire, serveAudited) : serveAudited(core, wire))

/** `isProven`: who sends it was proven by what the request carries. */
async function serveAudited(core: Core, wire: WireRequest, isProven = false): Promise<WireResponse> {
  checkNamespace(wire)
  checkHeaders(wire)
  await core.live.refresh()
  const limited = await refuseByQuota(core, wire)
  if (limited !== null) return limited
  const wrapTtl = parseWrapTtl(wire, parseDuration)
  const target = await resolveTarget(core, wire, isProven)
  const limitedRole = await refuseByRole(core, wire, target)
  if (limitedRole !== null) return limitedRole
  const caller = target.isPublic && wire.verb !== 'help' ? null : await identify(core, wire)
  const judged = wire.verb === 'help' ? mayAskForHelp(caller) : await judge(core, wire, target, caller, wrapTtl)
  const spent = await spendUse(core, caller)
  const refusal = refusalFor(judged, spent)
  const entry = describe(wire, target, caller, judged, spent, wrapTtl)
  await auditRequest(core, entry, refusal?.message ?? null)
  const out = await act(core, { wire, target, caller, spent, wrapTtl, verdict: judged.verdict }, refusal)
  await auditResponse(core, entry, out)
  await settle(core, caller, spent)
  return answerOf(wire.id, out)
}

/** Help tells nothing but what the documentation does; any living token will do. */
const mayAskForHelp = (caller: Caller | null): Judgement => (caller === null ? { allowed: false, verdict: null, isKnown: false, capability: 'read' } : { allowed: true, verdict: null, capability: 'read' })

/** Why the request is refused, or null. Who is nobody gets the plain text, who is known and may not gets it as a list, as clients match them. */
function refusalFor(judged: Judgement, spent: Spent): ApiError | null {
  if (spent === 'refused' || (!judged.allowed && !judged.isKnown)) return permissionDenied()
  return judged.allowed ? null : new ApiError('permission_denied', asList('permission denied'))
}

/** Enforces the verdict, and acts. What is refused becomes an outcome as well: it is audited like any other. */
async function act(core: Core, acting: Acting, refusal: ApiError | null): Promise<Outcome> {
  try {
    if (refusal !== null) throw refusal
    return acting.wire.verb === 'help' ? helpFor(core, acting.target) : await run(core, acting)
  } catch (error) {
    return refusalOutcome(core, acting.wire, error)
  }
}
