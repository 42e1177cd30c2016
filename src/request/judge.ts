/** Third stage: may this caller do this? Decides and never throws, so that the audit entry of a refused request can say why. */
import type { Core } from '../core/core.ts'
import type { Verdict } from '../core/policies/acl.ts'
import type { Operation } from '../kit/operation.ts'
import type { Caller } from './identify.ts'
import { callOf, isResolved } from './input.ts'
import { beginUnit } from '../core/unit.ts'
import type { Target } from './resolve.ts'
import type { WireRequest } from './wire.ts'

/** What the request asks to be allowed: also what the audit log calls it. */
export type Capability = 'create' | 'update' | Exclude<Target['verb'], 'write'>

export type Judgement =
  | { readonly allowed: true; readonly verdict: Verdict | null; readonly capability: Capability }
  | { readonly allowed: false; readonly verdict: Verdict | null; readonly isKnown: boolean; readonly capability: Capability }

/** `verdict` is null where no policy was asked: public operations, and callers that are nobody. */
export async function judge(core: Core, wire: WireRequest, target: Target, caller: Caller | null, wrapTtl: number | null): Promise<Judgement> {
  if (target.isPublic) return { allowed: true, verdict: null, capability: plainCapability(target) }
  if (caller === null) return { allowed: false, verdict: null, isKnown: false, capability: plainCapability(target) }
  const capability = await capabilityOf(core, wire, target, caller)
  const ask = (path: string): Verdict =>
    caller.acl.judge({ path, capability, sudo: needsSudo(target.operation), data: wire.data, wrapTtl, nowMs: core.host.now() })
  const verdict = stricter(ask(target.path), target.foldedPath === null ? null : ask(target.foldedPath))
  return verdict.allowed ? { allowed: true, verdict, capability } : { allowed: false, verdict, isKnown: true, capability }
}

/** Where a name was spelled in another way, a rule for the spelling that counts is not passed by; that there is none is no refusal. */
const stricter = (verdict: Verdict, ofFolded: Verdict | null): Verdict =>
  ofFolded === null || ofFolded.allowed || ofFolded.code === 'no_rule' || !verdict.allowed ? verdict : ofFolded

const plainCapability = ({ verb }: Target): Capability => (verb === 'write' ? 'update' : verb)

const needsSudo = (operation: Operation | null): boolean => operation?.access === 'sudo'

/** A write is `create` where the operation can tell that nothing is there yet, and `update` otherwise. */
async function capabilityOf(core: Core, wire: WireRequest, target: Target, caller: Caller): Promise<Capability> {
  if (target.verb !== 'write') return target.verb
  if (!isResolved(target) || target.operation.exists === null ) return 'update'
  try {
    const call = callOf(core, wire, target, caller, beginUnit(), { warnings: [], afterCommit: [] }, null)
    return (await target.operation.exists(call)) ? 'update' : 'create'
  } catch {
    // Unusable input is refused with its own text when the operation runs; an update asks for no less than a create.
    return 'update'
  }
}
