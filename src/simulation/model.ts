/**
 * What a server should hold, as plain maps, written from what clients are told and not from how the server does it. Everything that changes it
 * can be taken back, so that a search can try orders.
 */

export interface Version {
  readonly value: string
  readonly createdAt: number
  /** 0: not deleted. */
  readonly deletedAt: number
  readonly isDestroyed: boolean
}

export interface Secret {
  readonly current: number
  readonly versions: ReadonlyMap<number, Version>
}

export interface Mount {
  readonly type: 'kv' | 'renter'
  /** Two mounts at one path, one after the other, have nothing in common. */
  readonly id: number
}

export interface Rule {
  /** Of a path, or, with a '*' at its end, of all that begin so. */
  readonly pattern: string
  readonly capabilities: readonly string[]
}

export interface Token {
  readonly policies: readonly string[]
  readonly accessor: string
  /** Of the auth method that gave it, which is asked at renewals; '' for others. */
  readonly role: string
  readonly parent: string | null
  readonly issuedAt: number
  /** 0: never. */
  readonly expiresAt: number
  /** Seconds: what a renewal without a wish repeats. */
  readonly ttl: number
  readonly explicitMax: number
  readonly period: number
  readonly isRenewable: boolean
  /** 0: any number. */
  readonly usesLeft: number
  readonly hasUses: boolean
}

export interface Role {
  readonly policies: readonly string[]
  readonly roleId: string
  readonly secretIdUses: number
  readonly secretIdTtl: number
  readonly tokenTtl: number
  readonly tokenUses: number
}

export interface SecretId {
  readonly role: string
  /** A role that was deleted and made again has another. */
  readonly roleId: string
  readonly accessor: string
  readonly usesLeft: number
  readonly expiresAt: number
}

export interface Wrapped {
  readonly value: string
  readonly expiresAt: number
}

export interface Lease {
  readonly mountId: number
  readonly token: string
  readonly issuedAt: number
  readonly expiresAt: number
}

/** The longest life of anything that a mount gives out, unless configured. */
export const lifeMax = 32 * 24 * 3600

export class Model {
  now = 0
  readonly rootToken: string
  readonly mounts = new Map<string, Mount>()
  /** Paths of mounts that were disabled, which may be taken until all that was being made there is undone. */
  readonly leaving = new Map<string, true>()
  /** By id of the mount and name. */
  readonly secrets = new Map<string, Secret>()
  readonly policies = new Map<string, readonly Rule[]>()
  readonly tokens = new Map<string, Token>()
  /** By token and name. */
  readonly cubbyholes = new Map<string, string>()
  readonly roles = new Map<string, Role>()
  readonly secretIds = new Map<string, SecretId>()
  readonly wrapped = new Map<string, Wrapped>()
  readonly leases = new Map<string, Lease>()
  /** Tokens that more than one of the requests at hand come with: see `enact`. */
  contended: ReadonlySet<string> = new Set()
  /** Tokens that died of what is being explained: those who would have killed them too find out, or not. */
  readonly justDied = new Map<string, true>()
  /** Tokens that were given by what is being explained, and those of them that may have died with their parent: looking at them tells. */
  readonly justBorn = new Map<string, true>()
  readonly maybeDead = new Map<string, true>()
  /** Leases that ended with what is being explained: who looks meanwhile may see one that is over and not gone yet. */
  readonly justEnded = new Map<string, true>()
  /** What is seen now was asked for when all that is being explained had been answered. */
  isAfterwards = false
  /** Also of what is gone, or was thought to be there. */
  readonly #ends = new Set<number>()
  #undo: (() => void)[] = []

  constructor(rootToken: string) {
    this.rootToken = rootToken
  }

  set<V>(map: Map<string, V>, key: string, value: V): void {
    if (typeof value === 'object' && value !== null && 'expiresAt' in value) this.#ends.add(Number(value.expiresAt))
    const before = map.get(key)
    this.#undo.push(() => void (before === undefined ? map.delete(key) : map.set(key, before)))
    map.set(key, value)
  }

  remove<V>(map: Map<string, V>, key: string): void {
    const before = map.get(key)
    if (before === undefined) return
    this.#undo.push(() => void map.set(key, before))
    map.delete(key)
  }

  mark(): number {
    return this.#undo.length
  }

  /** Takes back everything since `mark`. */
  rollback(mark: number): void {
    while (this.#undo.length > mark) this.#undo.pop()?.()
  }

  /** What was found out stays. */
  keep(): void {
    this.#undo = []
    for (const map of [this.justDied, this.justBorn, this.maybeDead, this.justEnded]) map.clear()
  }

  isOver(at: number): boolean {
    return at !== 0 && at <= this.now
  }

  /** A token lives as long as it does, and all those that it descends from. */
  living(id: string): Token | null {
    for (let at: string | null = id; at !== null; ) {
      const token = this.tokens.get(at)
      if (token === undefined || this.isOver(token.expiresAt)) return null
      at = token.parent
    }
    return this.tokens.get(id) ?? null
  }

  kill(id: string): void {
    for (const [child, { parent }] of this.tokens) if (parent === id) this.kill(child)
    for (const [lease, { token }] of this.leases) if (token === id) this.endLease(lease)
    for (const key of this.cubbyholes.keys()) if (key.startsWith(`${id} `)) this.remove(this.cubbyholes, key)
    if (this.tokens.has(id)) this.set(this.justDied, id, true)
    this.remove(this.tokens, id)
  }

  endLease(id: string): void {
    if (this.leases.has(id)) this.set(this.justEnded, id, true)
    this.remove(this.leases, id)
  }

  livingLease(id: string): Lease | null {
    const lease = this.leases.get(id)
    return lease === undefined || this.isOver(lease.expiresAt) || this.living(lease.token) === null ? null : lease
  }

  /** Deny wins; an exact rule counts before one that ends in '*', a longer one before a shorter one. */
  may(policies: readonly string[], path: string, capability: string): boolean {
    if (policies.includes('root')) return true
    const rules = policies.flatMap((name) => this.policies.get(name) ?? [])
    const fitting = rules.filter(({ pattern }) => (pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern))
    const rank = ({ pattern }: Rule): number => (pattern.endsWith('*') ? pattern.length : 1_000_000)
    const best = Math.max(...fitting.map(rank))
    const words = fitting.filter((rule) => rank(rule) === best).flatMap(({ capabilities }) => capabilities)
    return words.includes(capability) && !words.includes('deny')
  }

  /** The latest moment at which something ended that would live again if the clock went back beyond it. */
  latestEnd(): number {
    return Math.max(0, ...[...this.#ends].filter((end) => end <= this.now))
  }
}
