/** Rate limits: how many requests a client address may send to a path in an interval. */
import { ApiError } from '../kit/errors.ts'
import { records } from '../kit/records.ts'
import { byPrecision, isForRole, isOfQuota, type QuotaPlace } from './quota-path.ts'

export interface RateLimit extends QuotaPlace {
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

/** Counts a request of a client address to which a limit applies, for several processes together. */
export type RateCounting = (address: string, limit: RateLimit, now: number) => Promise<RateVerdict>

/** What clients have used of limits, in the memory of one process. */
export class RateCounter {
  #uses = new Map<string, Use>()

  /** Counts a request. */
  take(address: string, limit: RateLimit, now: number): RateVerdict {
    return spend(this.#useOf(`${address}\n${JSON.stringify(limit)}`, now), limit, now)
  }

  /** Forgets the counts of all limits but these. */
  keep(limits: readonly RateLimit[]): void {
    const kept = new Set(limits.map((limit) => JSON.stringify(limit)))
    this.#uses = new Map([...this.#uses].filter(([key]) => kept.has(key.slice(key.indexOf('\n') + 1))))
  }

  #useOf(key: string, now: number): Use {
    const known = this.#uses.get(key)
    const use: Use = known ?? { windowStart: now, count: 0, blockedUntil: 0 }
    // A flood of addresses must not fill the memory: who has not been seen for longest is forgotten, and begins anew.
    if (known !== undefined) this.#uses.delete(key)
    else if (this.#uses.size >= clientsMax) this.#uses.delete(this.#uses.keys().next().value as string)
    this.#uses.set(key, use)
    return use
  }
}

/** The limits in force, with the counts of this process. The counts of a limit end when it changes. */
export class RateLimiter {
  #limits: readonly RateLimit[] = []
  #config: QuotaConfig = defaultQuotaConfig
  readonly #counter = new RateCounter()

  configure(limits: readonly RateLimit[], config: QuotaConfig): void {
    this.#counter.keep(limits)
    this.#limits = [...limits].sort(byPrecision)
    this.#config = config
  }

  get config(): QuotaConfig {
    return this.#config
  }

  /** Whether any limit is for a role of this auth mount: only then is it worth while to find out which role a login is for. */
  hasRoles(mountPath: string): boolean {
    return this.#limits.some(({ path, role }) => role !== '' && path === mountPath)
  }

  /** The limit that counts, or null. With a role, only limits for that role are asked: the others were, before it was known. */
  limitOf(path: string, role = ''): RateLimit | null {
    if (this.#limits.length === 0) return null
    const limit = this.#limits.find((candidate) => isForRole(candidate, role) && isOfQuota(candidate, path))
    const isExempt = limit === undefined || this.#config.exemptPaths.some((exempt) => (exempt.endsWith('*') ? path.startsWith(exempt.slice(0, -1)) : path === exempt))
    return isExempt ? null : limit
  }

  /** Null: nothing limits this request. Counts it otherwise. */
  take(path: string, address: string, now: number, role = ''): RateVerdict | null {
    const limit = this.limitOf(path, role)
    return limit === null ? null : this.#counter.take(address, limit, now)
  }
}

/** A clock that was set back makes neither a window nor a block endless. */
function spend(use: Use, { rate, interval, blockInterval }: RateLimit, now: number): RateVerdict {
  const limit = Math.max(1, Math.round(rate))
  const seconds = (until: number): number => Math.max(1, Math.floor((until - now - 1) / 1000))
  if (use.blockedUntil > now && use.blockedUntil <= now + blockInterval * 1000) return { limit, remaining: 0, retryAfter: seconds(use.blockedUntil) }
  if (now >= use.windowStart + interval * 1000 || now < use.windowStart) [use.windowStart, use.count] = [now, 0]
  use.count += 1
  if (use.count <= limit) return { limit, remaining: limit - use.count, retryAfter: 0 }
  if (blockInterval > 0) use.blockedUntil = now + blockInterval * 1000
  return { limit, remaining: 0, retryAfter: seconds(Math.max(use.blockedUntil, use.windowStart + interval * 1000)) }
}

export const rateLimited = (path: string): ApiError => new ApiError('too_many_requests', `request path ${JSON.stringify(path)}: rate limit quota exceeded`)
