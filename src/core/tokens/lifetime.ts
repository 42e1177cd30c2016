/** How long a token may live, when it is made and when it is renewed: Vault's rules, in seconds. */
import { formatShort } from '../../kit/duration.ts'

export interface LifetimeQuestion {
  /** What was asked for; 0: nothing in particular. */
  readonly increment: number
  /** What its role or record gives when nothing was asked for; 0: the mount's default. */
  readonly ttl: number
  /** The role's maximum; 0: the mount's. */
  readonly maxTtl: number
  readonly explicitMaxTtl: number
  readonly period: number
  readonly mountDefault: number
  readonly mountMax: number
  /** When the token was made, and now: milliseconds. Equal at creation. */
  readonly issuedAt: number
  readonly now: number
}

export interface Lifetime {
  readonly ttl: number
  readonly warnings: readonly string[]
}

const capped = (what: string, wanted: number, limit: number): string =>
  `${what} of "${formatShort(wanted)}" exceeded the effective max_ttl of "${formatShort(limit)}"; ${what} value is capped accordingly`

export function lifetimeOf(q: LifetimeQuestion): Lifetime {
  const warnings: string[] = []
  const ageSeconds = (q.now - q.issuedAt) / 1000
  if (q.period > 0) {
    const period = Math.min(q.period, q.mountMax)
    if (period < q.period) warnings.push(capped('Period', q.period, q.mountMax))
    return { ttl: withinExplicit(period, q, ageSeconds, warnings), warnings }
  }
  const wanted = q.increment || q.ttl || q.mountDefault
  const limits = [q.mountMax, q.maxTtl, q.explicitMaxTtl].filter((limit) => limit > 0)
  const limit = Math.min(...limits)
  const left = limit - ageSeconds
  if (wanted <= left) return { ttl: wanted, warnings }
  return { ttl: Math.max(0, Math.round(left)), warnings: [...warnings, capped('TTL', wanted, limit)] }
}

function withinExplicit(ttl: number, q: LifetimeQuestion, ageSeconds: number, warnings: string[]): number {
  if (q.explicitMaxTtl === 0 || ttl <= q.explicitMaxTtl - ageSeconds) return ttl
  warnings.push(capped('TTL', ttl, q.explicitMaxTtl))
  return Math.max(0, Math.round(q.explicitMaxTtl - ageSeconds))
}
