/** Rate limits come before everything that costs: a flood is refused before its bodies are read and its tokens are looked up (CVE-2025-12044). */
import type { Core } from '../core/core.ts'
import { rateLimited, type RateLimit, type RateVerdict } from '../core/quotas.ts'
import { refusalOf } from './errors.ts'
import { askAhead, isResolved } from './input.ts'
import type { Target } from './resolve.ts'
import type { WireRequest, WireResponse } from './wire.ts'

/** The limit that a request was counted against before its body was read. */
const admitted = new WeakMap<WireRequest, RateLimit>()

type Refusal = WireResponse | null

/** For the wire, before it reads a body: the refusal, or null. The request is not counted again when it is served. A promise only where others count. */
export function admit(core: Core, wire: WireRequest): Refusal | Promise<Refusal> {
  const refusal = refuseByQuota(core, wire)
  const limit = core.rateLimiter.limitOf(wire.path)
  if (limit !== null) admitted.set(wire, limit)
  return refusal
}

/** The refusal, or null; also null for what the wire admitted already, unless a limit came meanwhile that was set at another process. */
export function refuseByQuota(core: Core, wire: WireRequest): Refusal | Promise<Refusal> {
  const counted = admitted.get(wire)
  if (counted !== undefined && isSameLimit(counted, core.rateLimiter.limitOf(wire.path))) return null
  return refusalFor(core, wire, '')
}

const isSameLimit = (one: RateLimit, other: RateLimit | null): boolean => one === other || JSON.stringify(one) === JSON.stringify(other)

/** The limits of the role that a login is for, which stands in the body. They count besides the limit of the path, which was asked before it was read. */
export async function refuseByRole(core: Core, wire: WireRequest, target: Target): Promise<Refusal> {
  if (!isResolved(target) || target.operation.loginRole === null || !core.rateLimiter.hasRoles(target.mount.record.path)) return null
  const role = await askAhead(core, wire, target, target.operation.loginRole)
  return role === null || role === '' ? null : await refusalFor(core, wire, role)
}

/** A promise only where a process counts for several. */
function refusalFor(core: Core, wire: WireRequest, role: string): Refusal | Promise<Refusal> {
  const { counting } = core.crew
  if (counting === null) return refusalBy(core, wire, core.rateLimiter.take(wire.path, wire.remoteAddress, core.host.now(), role))
  const limit = core.rateLimiter.limitOf(wire.path, role)
  return limit === null ? null : counting(wire.remoteAddress, limit, core.host.now()).then((verdict) => refusalBy(core, wire, verdict))
}

function refusalBy(core: Core, wire: WireRequest, verdict: RateVerdict | null): Refusal {
  if (verdict === null || verdict.retryAfter === 0) return null
  const refusal = refusalOf(core, wire, rateLimited(wire.path))
  if (core.rateLimiter.config.auditRefusals) auditRefusal(core, wire)
  const [retryAfter, ...counts] = headersOf(verdict)
  return { ...refusal, headers: core.rateLimiter.config.responseHeaders ? [retryAfter, ...counts] : [retryAfter] }
}

/** Nothing waits for the line: the request is refused whether or not it is written. */
function auditRefusal(core: Core, { id, verb, path, token, remoteAddress, remotePort }: WireRequest): void {
  const request = { id, operation: verb === 'write' ? 'update' : verb, path, ...(token === null ? {} : { client_token: token }), remote_address: remoteAddress, remote_port: remotePort }
  core.audit
    .write({ type: 'request', time: core.host.now(), verdict: { allowed: false }, request, error: 'rate limit quota exceeded' })
    .catch(() => core.host.log('error', 'request', 'no audit device could record a request that a rate limit refused'))
}

const headersOf = ({ limit, remaining, retryAfter }: RateVerdict): readonly [readonly [string, string], ...(readonly [string, string])[]] => [
  ['Retry-After', String(retryAfter)], ['X-Ratelimit-Limit', String(limit)], ['X-Ratelimit-Remaining', String(remaining)], ['X-Ratelimit-Reset', String(retryAfter)],
]
