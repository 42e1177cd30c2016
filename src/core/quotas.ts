/** Rate limits: how many requests a client address may send to a path in an interval. Counted in each process by itself. */
import { ApiError } from '../kit/errors.ts'
import { records } from '../kit/records.ts'

export interface RateLimit {
  readonly name: string
  /** '' for everything, or what the path of a request begins with: `secret/`, `auth/userpass/login/`. */
  readonly path: string
  readonly role: string
  /** Requests per interval. */
  readonly rate: number
  /** Seconds. */
  readonly interval: number
  /** Seconds for which a client that exceeded the limit is refused; 0: until the next interval. */
  readonly blockInterval: number
  readonly inheritable: boolean
}

export interface QuotaConfig {
  readonly auditRefusals: boolean
  readonly responseHeaders: boolean
  readonly exemptPaths: readonly string[]
}

export const rateLimits = records<RateLimit, [name: string]>((name) => `quotas/rate-limit/${encodeURIComponent(name)}`)
export const quotaConfigs = records<QuotaConfig, []>(() => 'quotas/config')

/** What must work even for a client that has used up its rate. */
export const defaultQuotaConfig: QuotaConfig = {
  auditRefusals: false,
  responseHeaders: false,
  exemptPaths: [
    'sys/generate-recovery-token/attempt', 'sys/generate-recovery-token/update', 'sys/generate-root/attempt', 'sys/generate-root/update', 'sys/health',
    'sys/seal-status', 'sys/unseal',
  ],
}

/** What a client has used of one limit. */
interface Use {
  windowStart: number
  count: number
  blockedUntil: number
}

export interface RateVerdict {
  readonly limit: number
  readonly remaining: number
  /** Seconds until the client may try again; 0 when it may now. */
  readonly retryAfter: number
}

const clientsMax = 100_000

/** The limits in force, with the counts of this process. The counts of a limit end when it changes. */
export class RateLimiter {
  #limits: readonly RateLimit[] = []
  #config: QuotaConfig = defaultQuotaConfig
  #uses = new Map<string, Use>()

  configure(limits: readonly RateLimit[], config: QuotaConfig): void {
    const changed = JSON.stringify(limits) !== JSON.stringify(this.#limits)
    // Longest first: the most precise limit is the one that counts.
    this.#limits = [...limits].sort((a, b) => b.path.length - a.path.length)
    this.#config = config
    if (changed) this.#uses = new Map()
  }

  get config(): QuotaConfig {
    return this.#config
  }

  /** Null: nothing limits this request. Counts it otherwise. */
  take(path: string, address: string, now: number): RateVerdict | null {
    if (this.#limits.length === 0) return null
    const limit = this.#limits.find((l) => path.startsWith(l.path))
    if (limit === undefined || this.#config.exemptPaths.some((exempt) => (exempt.endsWith('*') ? path.startsWith(exempt.slice(0, -1)) : path === exempt))) return null
    return spend(this.#useOf(`${limit.name}\n${address}`, now), limit, now)
  }

  #useOf(key: string, now: number): Use {
    const known = this.#uses.get(key)
    if (known !== undefined) return known
    // A flood of addresses must not fill the memory; whoever is forgotten begins anew.
    if (this.#uses.size >= clientsMax) this.#uses = new Map()
    const made: Use = { windowStart: now, count: 0, blockedUntil: 0 }
    this.#uses.set(key, made)
    return made
  }
}

function spend(use: Use, { rate, interval, blockInterval }: RateLimit, now: number): RateVerdict {
  const seconds = (until: number): number => Math.max(1, Math.floor((until - now - 1) / 1000))
  if (use.blockedUntil > now) return { limit: rate, remaining: 0, retryAfter: seconds(use.blockedUntil) }
  const windowEnd = use.windowStart + interval * 1000
  // A clock that was set back must not make a window endless.
  if (now >= windowEnd || now < use.windowStart) [use.windowStart, use.count] = [now, 0]
  use.count += 1
  if (use.count <= rate) return { limit: rate, remaining: Math.floor(rate - use.count), retryAfter: 0 }
  if (blockInterval > 0) use.blockedUntil = now + blockInterval * 1000
  return { limit: rate, remaining: 0, retryAfter: seconds(Math.max(use.blockedUntil, use.windowStart + interval * 1000)) }
}

export const rateLimited = (path: string): ApiError => new ApiError('too_many_requests', `request path ${JSON.stringify(path)}: rate limit quota exceeded`)
