/**
 * Answers that were given before: of tokens and leases made through the agent, which it then keeps alive, and of secrets where that is asked for. An answer is
 * for the token that got it and for no other. In memory only.
 */
import { isClientError } from '../../../client/src/errors.ts'
import type { CacheRules } from '../config/settings.ts'
import { pause, type AgentHost } from '../host.ts'
import type { Forward, ProxyAnswer, ProxyRequest } from '../proxy/message.ts'
import { changeBy, type Change } from './changes.ts'
import { Entries, type CacheLimits, type Entry } from './entries.ts'
import { keyOf } from './key.ts'
import { secretAt } from './mounts.ts'
import { keepAlive } from './renewal.ts'
import { isPlain, secretIn, toldIn, type Told } from './told.ts'

/** How much older than it should be a secret may be, while the server is away. */
const staleSecondsMax = 3600

/** What became of a request that others wait for: its answer is there, or is only an old one; it was for one only; its client went away. */
type Outcome = 'kept' | 'stale' | 'passed' | 'left'

export interface CacheWorld {
  readonly forward: Forward
  readonly host: AgentHost
  /** The agent's own token; '' before it has logged in. */
  readonly ownToken: () => string
  readonly rules: CacheRules
  readonly limits?: CacheLimits
}

export class ResponseCache {
  readonly #world: CacheWorld
  readonly #underWay = new Map<string, Promise<Outcome>>()
  /** How many changes of a kind were seen: what was asked before one is not kept after it. */
  readonly #seen: Record<Change['of'], number> = { revocation: 0, writing: 0 }
  readonly entries: Entries
  #saidFull = false

  constructor(world: CacheWorld) {
    this.#world = world
    this.entries = new Entries(world.limits)
  }

  /** In place of the way to the server. */
  readonly forward: Forward = async (request) => {
    if (!isKind(request) || isBypassed(request)) return missed(await this.#pass(request))
    const key = keyOf(request)
    for (;;) {
      const found = this.#found(key)
      if (found !== null) return hit(found, this.#now)
      const leader = this.#underWay.get(key)
      if (leader === undefined) return await this.#lead(key, request)
      const outcome = await leader
      const old = outcome === 'stale' ? this.entries.find(key) : null
      if (old !== null) return hit(old, this.#now)
      // What was not kept for the first is not kept for those who waited for it either.
      if (outcome === 'passed') return missed(await this.#pass(request))
    }
  }

  /** Ends all renewals. */
  stop(): void {
    this.entries.removeWhere(() => true)
  }

  get #now(): number {
    return this.#world.host.now()
  }

  #found(key: string): Entry | null {
    const entry = this.entries.find(key)
    return entry !== null && (entry.kind !== 'static' || this.#age(entry) < this.#world.rules.staticSeconds) ? entry : null
  }

  #age = ({ keptAt }: Entry): number => (this.#now - keptAt) / 1000

  async #lead(key: string, request: ProxyRequest): Promise<ProxyAnswer> {
    let outcome: Outcome = 'passed'
    let settle: (outcome: Outcome) => void = () => undefined
    this.#underWay.set(key, new Promise((resolve) => (settle = resolve)))
    try {
      const before = { ...this.#seen }
      const answer = await this.#pass(request)
      const stale = this.#stale(key, answer.status)
      if (stale !== null) {
        outcome = 'stale'
        return hit(stale, this.#now)
      }
      outcome = (await this.#keep(key, request, answer, before)) ? 'kept' : 'passed'
      return missed(answer)
    } catch (error) {
      const stale = isClientError(error) ? this.#stale(key, 0) : null
      outcome = request.signal.aborted ? 'left' : stale === null ? 'passed' : 'stale'
      if (stale === null) throw error
      return hit(stale, this.#now)
    } finally {
      this.#underWay.delete(key)
      settle(outcome)
    }
  }

  /** What serves in place of a server that gave this status (0: none). One that refuses is believed. */
  #stale(key: string, status: number): Entry | null {
    const entry = this.entries.find(key)
    if (entry === null || entry.kind !== 'static') return null
    const { servesStale, staticSeconds } = this.#world.rules
    const isAway = status === 0 || status === 429 || status >= 500
    if (isAway && servesStale && this.#age(entry) < staticSeconds + staleSecondsMax) return entry
    if (!isAway) this.entries.remove(entry)
    return null
  }

  /** Whatever comes of it but a refusal may have been carried out. */
  async #pass(request: ProxyRequest): Promise<ProxyAnswer> {
    const change = changeBy(request)
    let isRefused = false
    try {
      const answer = await this.#world.forward(request)
      isRefused = answer.status >= 400 && answer.status < 500
      return answer
    } finally {
      if (change !== null && !isRefused) {
        this.#seen[change.of] += 1
        change.apply(this.entries)
      }
    }
  }

  /** Answers whether it was kept. */
  async #keep(key: string, request: ProxyRequest, answer: ProxyAnswer, before: Readonly<Record<Change['of'], number>>): Promise<boolean> {
    const { rules, forward } = this.#world
    const found = secretIn(answer)
    if (found === null) return false
    const told = toldIn(found)
    if (told !== null) return rules.keepsLeases && this.#seen.revocation === before.revocation && this.#keepLease(key, request, answer, told)
    if (rules.staticSeconds === 0 || request.verb !== 'read' || !isPlain(found)) return false
    const secret = await secretAt(forward, request)
    if (secret === null || this.#seen.revocation !== before.revocation || this.#seen.writing !== before.writing) return false
    return this.#keepSecret({ ...this.#entry(key, request, answer), kind: 'static', owner: request.token, secret })
  }

  #entry(key: string, { namespace, path }: ProxyRequest, answer: ProxyAnswer): Omit<Entry, 'kind' | 'owner'> {
    return { key, namespace, path, answer, keptAt: this.#now, leaseId: '', token: '', accessor: '', secret: null, gone: new AbortController() }
  }

  /** Of tokens that are the agent's own, or came through it: nobody else's are its to renew. */
  #keepLease(key: string, request: ProxyRequest, answer: ProxyAnswer, { leaseId, token, accessor, isOrphan, seconds }: Told): boolean {
    const isOurs = request.token !== '' && (request.token === this.#world.ownToken() || this.entries.hasToken(request.token))
    if (!isOurs && !(token !== '' && isOrphan)) return false
    const owner = token !== '' && isOrphan ? '' : request.token
    const entry: Entry = { ...this.#entry(key, request, answer), kind: token === '' ? 'lease' : 'token', owner, leaseId, token, accessor }
    if (!this.#add(entry)) return false
    void keepAlive(this.#world, entry, seconds).finally(() => this.entries.remove(entry))
    return true
  }

  #keepSecret(entry: Entry): boolean {
    const { host, rules } = this.#world
    if (!this.#add(entry)) return false
    const seconds = rules.staticSeconds + (rules.servesStale ? staleSecondsMax : 0)
    void pause(host, seconds * 1000, entry.gone.signal).then(() => this.entries.remove(entry))
    return true
  }

  #add(entry: Entry): boolean {
    const isKept = this.entries.add(entry)
    if (!isKept && !this.#saidFull) this.#world.host.log('warn', 'cache', 'the cache is full: what comes now is passed on, and is not renewed')
    this.#saidFull = !isKept
    return isKept
  }
}

/** Requests that make or read something, not what the system does: a renewal or an unwrapping done twice is not done once. */
const isKind = ({ verb, path }: ProxyRequest): boolean =>
  (verb === 'read' || verb === 'write') && !/(?:^|\/)(?:sys|cubbyhole|identity)\//.test(path) && !/(?:^|\/)auth\/token\/(?!create(?:$|[-/]))/.test(path)

/** Neither answered from the cache nor kept. */
const isBypassed = ({ headers }: ProxyRequest): boolean => /\bno-(?:store|cache)\b/i.test(headers['cache-control'] ?? '')

const missed = (answer: ProxyAnswer): ProxyAnswer => ({ ...answer, cached: { ageSeconds: null } })
const hit = ({ answer, keptAt }: Entry, now: number): ProxyAnswer => ({ ...answer, cached: { ageSeconds: Math.floor((now - keptAt) / 1000) } })
