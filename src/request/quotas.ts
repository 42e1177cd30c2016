/** Rate limits come before everything that costs: a flood is refused before its tokens are looked up. */
import type { Core } from '../core/core.ts'
import { rateLimited, type RateVerdict } from '../core/quotas.ts'
import { refusalOf } from './errors.ts'
import type { WireRequest, WireResponse } from './wire.ts'

/** The refusal, or null. */
export function refuseByQuota(core: Core, wire: WireRequest): WireResponse | null {
  const verdict = core.rateLimiter.take(wire.path, wire.remoteAddress, core.host.now())
  if (verdict === null || verdict.retryAfter === 0) return null
  const refusal = refusalOf(core, wire, rateLimited(wire.path))
  return core.rateLimiter.config.responseHeaders ? { ...refusal, headers: headersOf(verdict) } : refusal
}

const headersOf = ({ limit, remaining, retryAfter }: RateVerdict): readonly (readonly [string, string])[] => [
  ['Retry-After', String(retryAfter)], ['X-Ratelimit-Limit', String(limit)], ['X-Ratelimit-Remaining', String(remaining)], ['X-Ratelimit-Reset', String(retryAfter)],
]
