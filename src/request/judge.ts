/** Third stage: may this caller do this? Decides and never throws, so that the audit entry of a refused request can say why. */
import type { Core } from '../core/core.ts'
import type { Verdict } from '../core/policies/acl.ts'
import type { Operation } from '../kit/operation.ts'
import type { Caller } from './identify.ts'
import { callOf, isResolved } from './input.ts'
import { beginUnit } from '../core/unit.ts'
import type { Target } from './resolve.ts'
import type { WireRequest } from './wire.ts'

export type Judgement = { readonly allowed: true; readonly verdict: Verdict | null } | { readonly allowed: false; readonly verdict: Verdict | null; readonly isKnown: boolean }

/** `verdict` is null where no policy was asked: public operations, and callers that are nobody. */
export async function judge(core: Core, wire: WireRequest, target: Target, caller: Caller | null, wrapTtl: number | null): Promise<Judgement> {
  if (target.isPublic) return { allowed: true, verdict: null }
  if (caller === null) return { allowed: false, verdict: null, isKnown: false }
  const verdict = caller.acl.judge({
    path: target.path,
    capability: await capabilityOf(core, wire, target, caller),
    sudo: needsSudo(target.operation),
    data: wire.data,
    wrapTtl,
    nowMs: core.host.now(),
  })
  return verdict.allowed ? { allowed: true, verdict } : { allowed: false, verdict, isKnown: true }
}

const needsSudo = (operation: Operation | null): boolean => operation?.access === 'sudo'

/** A write is `create` where the operation can tell that nothing is there yet, and `update` otherwise. */
async function capabilityOf(core: Core, wire: WireRequest, target: Target, caller: Caller): Promise<'create' | 'update' | Exclude<Target['verb'], 'write'>> {
  if (target.verb !== 'write') return target.verb
  if (!isResolved(target) || target.operation.exists === null || caller.view.isRoot) return 'update'
  try {
    const call = callOf(core, wire, target, caller, beginUnit(), { warnings: [], afterCommit: [] }, null)
    return (await target.operation.exists(call)) ? 'update' : 'create'
  } catch {
    // Unusable input is refused with its own text when the operation runs; an update asks for no less than a create.
    return 'update'
  }
}
