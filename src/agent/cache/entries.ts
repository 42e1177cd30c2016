/** What a cache holds, within its bounds; and what goes together with what. */
import type { ProxyAnswer } from '../proxy/message.ts'

export interface Entry {
  readonly kind: 'lease' | 'token' | 'static'
  readonly key: string
  /** '' is the root, else `a/b/`. */
  readonly namespace: string
  /** Of the request, below `/v1/`. */
  readonly path: string
  readonly answer: ProxyAnswer
  /** Milliseconds since 1970. */
  readonly keptAt: number
  /** The token with which it ends; '' for an orphan. */
  owner: string
  /** '' unless it is a lease. */
  readonly leaseId: string
  /** '' unless it is a token. */
  readonly token: string
  readonly accessor: string
  /** Of a secret of KV: its mount with a slash at the end, and what is below it without the part that says what is done. */
  readonly secret: { readonly mount: string; readonly name: string } | null
  /** Aborted once it is gone. */
  readonly gone: AbortController
}

export interface CacheLimits {
  readonly entriesMax: number
  readonly bytesMax: number
}

export const cacheLimits: CacheLimits = { entriesMax: 10_000, bytesMax: 64 * 1_048_576 }

/** Beside the body: key, headers, paths, timers. */
const entryBytes = 2048
const sizeOf = ({ answer: { body } }: Entry): number => body.length + entryBytes

export class Entries {
  readonly #limits: CacheLimits
  readonly #byKey = new Map<string, Entry>()
  readonly #byToken = new Map<string, Entry>()
  #bytes = 0

  constructor(limits: CacheLimits = cacheLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#byKey.size
  }

  get bytes(): number {
    return this.#bytes
  }

  find(key: string): Entry | null {
    return this.#byKey.get(key) ?? null
  }

  hasToken(token: string): boolean {
    return this.#byToken.has(token)
  }

  /**
   * False where there is no room: secrets without a lease make room for others, the oldest first, but a lease never does, because somebody relies on its
   * renewal.
   */
  add(entry: Entry): boolean {
    this.remove(this.find(entry.key))
    for (const one of this.#byKey.values()) {
      if (this.#hasRoom(entry)) break
      if (one.kind === 'static') this.remove(one)
    }
    if (!this.#hasRoom(entry)) return false
    this.#byKey.set(entry.key, entry)
    if (entry.token !== '') this.#byToken.set(entry.token, entry)
    this.#bytes += sizeOf(entry)
    return true
  }

  #hasRoom(entry: Entry): boolean {
    return this.size < this.#limits.entriesMax && this.#bytes + sizeOf(entry) <= this.#limits.bytesMax
  }

  remove(entry: Entry | null): void {
    if (entry === null || this.#byKey.get(entry.key) !== entry) return
    this.#byKey.delete(entry.key)
    if (this.#byToken.get(entry.token) === entry) this.#byToken.delete(entry.token)
    this.#bytes -= sizeOf(entry)
    entry.gone.abort()
  }

  /** A token that goes takes with it what belongs to it. */
  removeWhere(isMeant: (entry: Entry) => boolean): void {
    const tokens = new Set<string>()
    for (const entry of [...this.#byKey.values()].filter(isMeant)) {
      this.remove(entry)
      if (entry.token !== '') tokens.add(entry.token)
    }
    this.#removeOwned(tokens)
  }

  removeToken(token: string): void {
    if (token === '') return
    this.remove(this.#byToken.get(token) ?? null)
    this.#removeOwned(new Set([token]))
  }

  /** Tokens that it made live on. */
  removeTokenAlone(token: string): void {
    if (token === '') return
    for (const entry of this.#byKey.values()) if (entry.kind === 'token' && entry.owner === token) entry.owner = ''
    this.removeToken(token)
  }

  #removeOwned(tokens: Set<string>): void {
    for (let before = -1; tokens.size > before; ) {
      before = tokens.size
      for (const entry of this.#byKey.values()) {
        if (entry.owner === '' || !tokens.has(entry.owner)) continue
        this.remove(entry)
        if (entry.token !== '') tokens.add(entry.token)
      }
    }
  }
}
