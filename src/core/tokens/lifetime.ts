/** How long a token may live, when it is made and when it is renewed: Vault's rules, in seconds. */
import { formatShort } from '../../kit/duration.ts'
import { badRequest, internal } from '../../kit/errors.ts'

export interface LifetimeQuestion {
  /** What was asked for; 0: nothing in particular. */
  readonly increment: number
  /** What its role or record gives when nothing was asked for; 0: the mount's default. */
  readonly ttl: number
  /** The maximum of the role or user; 0: the mount's. */
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

/** Throws `bad_request` when nothing is left of the longest life: what is that old is not renewed. */
export function lifetimeOf(q: LifetimeQuestion): Lifetime {
  const max = Math.min(...[q.mountMax, q.maxTtl, q.explicitMaxTtl].filter((limit) => limit > 0))
  if (!Number.isFinite(max)) throw internal('a mount has no longest lease time')
  if (q.period === 0) return withinLife(q.increment || q.ttl || q.mountDefault, max, q)
  const period = Math.min(q.period, max)
  const { ttl, warnings } = q.explicitMaxTtl > 0 ? withinLife(period, q.explicitMaxTtl, q) : { ttl: period, warnings: [] }
  return { ttl, warnings: period < q.period ? [capped('period', q.period, max), ...warnings] : warnings }
}

/** At most what is left of a life of `life` seconds. */
function withinLife(wanted: number, life: number, { now, issuedAt }: LifetimeQuestion): Lifetime {
  // A clock that was set back makes nobody younger than new.
  const age = Math.max(0, Math.floor(now / 1000) - Math.floor(issuedAt / 1000))
  const left = life - age
  if (left <= 0) throw badRequest('past the max TTL, cannot renew')
  return wanted <= left ? { ttl: wanted, warnings: [] } : { ttl: left, warnings: [capped('TTL', wanted, left)] }
}
