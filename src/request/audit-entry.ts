/**
 * What the audit log says of a request. The parts that do not change with the request are made once, so that their lines are rendered once. What
 * is made for each is one literal without spreads, which cost a runtime call for every field after them.
 */
import type { AuditAuth, AuditEntry, AuditMount, AuditReason, AuditRequest, AuditResponse, AuditVerdict } from '../core/audit/entry.ts'
import type { Core } from '../core/core.ts'
import type { Mount } from '../core/mounts/table.ts'
import type { Verdict } from '../core/policies/acl.ts'
import type { TokenRecord } from '../core/tokens/record.ts'
import { ApiError } from '../kit/errors.ts'
import { freezeDeep } from '../kit/json.ts'
import { formatTime } from '../kit/time.ts'
import type { AuthAnswer, Outcome } from './answer.ts'
import type { Caller } from './identify.ts'
import type { Judgement } from './judge.ts'
import type { Target } from './resolve.ts'
import type { Spent } from './spend.ts'
import type { WireRequest } from './wire.ts'

/** An entry without its type, time and answer: the same for both lines. */
export type Described = Omit<AuditEntry, 'type' | 'time' | 'response' | 'error'>

const auths = new WeakMap<TokenRecord, AuditAuth>()
const mounts = new WeakMap<Mount, AuditMount>()
const rootNamespace = Object.freeze({ id: 'root', path: '' })

export function describe(wire: WireRequest, target: Target, caller: Caller | null, judged: Judgement, spent: Spent, wrapTtl: number | null): Described {
  return {
    auth: caller === null ? undefined : authOf(caller.record),
    remaining_uses: spent === 'unlimited' || caller === null ? undefined : Math.max(0, caller.record.usesLeft - 1),
    verdict: verdictOf(judged),
    why: judged.verdict === null ? undefined : reasonOf(judged.verdict),
    privileged: target.operation?.access === 'sudo' || caller?.view.isRoot === true,
    mount: target.mount === null ? undefined : mountOf(target.mount),
    request: requestOf(wire, target, caller, judged, wrapTtl),
  }
}

const reasons = new WeakMap<Verdict, AuditReason>()

/** Verdicts are made once for each rule and capability, and so are their reasons. */
function reasonOf(verdict: Verdict): AuditReason {
  const known = reasons.get(verdict)
  if (known !== undefined) return known
  const made: AuditReason = Object.freeze({
    code: verdict.code,
    text: verdict.reason,
    ...(verdict.rule === null ? {} : { policies: verdict.rule.policies, pattern: verdict.rule.pattern }),
  })
  reasons.set(verdict, made)
  return made
}

const grants = new WeakMap<Verdict, AuditVerdict>()
const refused: AuditVerdict = Object.freeze({ allowed: false })
const granted: AuditVerdict = Object.freeze({ allowed: true })

function verdictOf({ allowed, verdict }: Judgement): AuditVerdict {
  if (!allowed) return refused
  if (verdict === null) return granted
  const known = grants.get(verdict)
  if (known !== undefined) return known
  const policies = verdict.isRoot ? ['root'] : (verdict.rule?.policies ?? [])
  const made: AuditVerdict = freezeDeep({ allowed, granting_policies: policies.map((name) => ({ name, namespace_id: 'root', type: 'acl' })) })
  grants.set(verdict, made)
  return made
}

function requestOf(wire: WireRequest, target: Target, caller: Caller | null, judged: Judgement, wrapTtl: number | null): AuditRequest {
  return {
    id: wire.id,
    operation: wire.verb === 'help' ? 'help' : judged.capability,
    namespace: rootNamespace,
    path: target.path,
    client_token: wire.token ?? undefined,
    client_token_accessor: caller?.record.accessor,
    data: wire.data ?? undefined,
    remote_address: wire.remoteAddress,
    remote_port: wire.remotePort,
    wrap_ttl: wrapTtl ?? undefined,
    headers: wire.headers,
    rendered: wire.data === null ? undefined : new Map(),
  }
}

function authOf(record: TokenRecord): AuditAuth {
  const known = auths.get(record)
  if (known !== undefined) return known
  const made: AuditAuth = {
    accessor: record.accessor,
    display_name: record.displayName,
    policies: record.policies,
    token_policies: record.policies,
    metadata: record.metadata,
    entity_id: record.entityId,
    token_type: record.type,
    token_ttl: record.ttl,
    token_issue_time: formatTime(record.issuedAt),
  }
  // The record of a batch token is made for each request.
  if (record.type !== 'batch') auths.set(record, Object.freeze(made))
  return made
}

function mountOf(mount: Mount): AuditMount {
  const known = mounts.get(mount)
  if (known !== undefined) return known
  const { record } = mount
  const made: AuditMount = Object.freeze({
    mount_point: record.path,
    mount_type: record.type,
    mount_accessor: record.accessor,
    mount_class: record.kind === 'auth' ? 'auth' : 'secret',
    ...(record.config.audit_non_hmac_request_keys === undefined ? {} : { non_hmac_request_keys: record.config.audit_non_hmac_request_keys }),
    ...(record.config.audit_non_hmac_response_keys === undefined ? {} : { non_hmac_response_keys: record.config.audit_non_hmac_response_keys }),
  })
  mounts.set(mount, made)
  return made
}

/** Resolves once at least one device has the line; throws `internal` otherwise, and nothing is done. */
export const auditRequest = (core: Core, entry: Described, refused: string | null): Promise<void> =>
  core.audit.write(entryOf(core, 'request', entry, entry.auth, undefined, refused ?? undefined)).catch(failClosed)

export function auditResponse(core: Core, entry: Described, out: Outcome): Promise<void> {
  const error = out.errors === null || out.errors.length === 0 ? undefined : out.errors.join('; ')
  // A login has no caller until it has succeeded: then it is the one whose token was made.
  const made = out.auth === null ? undefined : madeAuth(out.auth)
  return core.audit.write(entryOf(core, 'response', entry, entry.auth ?? made, responseOf(out, made), error)).catch(failClosed)
}

function entryOf(core: Core, type: AuditEntry['type'], described: Described, auth: AuditAuth | undefined, response: AuditResponse | undefined, error: string | undefined): AuditEntry {
  const { remaining_uses, verdict, why, privileged, mount, request } = described
  return { type, time: core.host.now(), auth, remaining_uses, verdict, why, privileged, mount, request, response, error }
}

function failClosed(cause: unknown): never {
  const reason = cause instanceof ApiError ? cause.detail : undefined
  throw new ApiError('internal', 'internal error', { cause, detail: reason ?? 'no audit device could record the request' })
}

function responseOf(out: Outcome, auth: AuditAuth | undefined): AuditResponse {
  return {
    auth,
    lease_id: out.lease?.id,
    data: out.auditData ?? out.data ?? undefined,
    warnings: out.warnings,
    wrap_info: out.wrapInfo ?? undefined,
  }
}

const madeAuth = (auth: AuthAnswer): AuditAuth => ({
  client_token: auth.client_token,
  accessor: auth.accessor,
  policies: auth.policies,
  token_policies: auth.token_policies,
  metadata: auth.metadata,
  num_uses: auth.num_uses,
  entity_id: auth.entity_id,
  token_type: auth.token_type,
  token_ttl: auth.lease_duration,
})
