/**
 * A store that can be staged: what is committed while staging is kept in memory and reaches the store below in one commit at the end, or
 * not at all. So the first initialisation, whatever it writes, is done or not done.
 */
import { Conflict, internal } from '../kit/errors.ts'
import type { Change, Entry, Expectation, ListOptions, Store, Write } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'

export class StagedStore implements Store {
  readonly #below: Store
  #target: Store

  constructor(below: Store) {
    this.#below = below
    this.#target = below
  }

  get(key: string): Promise<Entry | null> {
    return this.#target.get(key)
  }

  getNow(key: string): Entry | null | undefined {
    return this.#target.getNow?.(key)
  }

  list(prefix: string, options?: ListOptions): Promise<string[]> {
    return this.#target.list(prefix, options)
  }

  commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    return this.#target.commit(expectations, writes)
  }

  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<Change> {
    return this.#target.watch(prefix, from, signal)
  }

  lastCommit(): Promise<number> {
    return this.#target.lastCommit()
  }

  /**
   * Runs `work` over an empty store in memory, then commits all that this store holds to the store below, where `absent` must not exist.
   * Throws `Conflict` when it does. Nothing is committed when `work` fails.
   */
  async stage<T>(absent: string, work: () => Promise<T>): Promise<T> {
    if (this.#target !== this.#below) throw internal('an initialisation is under way already')
    const memory = memoryStore()
    this.#target = distinct(memory)
    try {
      const result = await work()
      await this.#below.commit([{ key: absent, version: 0 }], await allOf(memory))
      return result
    } finally {
      this.#target = this.#below
    }
  }
}

/** Versions far from those of the store below, so that nobody's cache takes an entry of the one for an entry of the other. */
const versionOffset = 2 ** 48

function distinct(memory: Store): Store {
  const outer = (version: number): number => version + versionOffset
  return {
    async get(key) {
      const entry = await memory.get(key)
      return entry === null ? null : { value: entry.value, version: outer(entry.version) }
    },
    list: (prefix, options) => memory.list(prefix, options),
    async commit(expectations, writes) {
      const inner = expectations.map(({ key, version }) => {
        if (version !== 0 && version < versionOffset) throw new Conflict(key)
        return { key, version: version === 0 ? 0 : version - versionOffset }
      })
      return outer(await memory.commit(inner, writes))
    },
    watch: (prefix, from, signal) => memory.watch(prefix, Math.max(0, from - versionOffset), signal),
    lastCommit: async () => outer(await memory.lastCommit()),
  }
}

async function allOf(store: Store, prefix = ''): Promise<Write[]> {
  const writes: Write[] = []
  for (const name of await store.list(prefix)) {
    const entry = name.endsWith('/') ? null : await store.get(prefix + name)
    if (entry !== null) writes.push({ put: prefix + name, value: entry.value })
    else writes.push(...(await allOf(store, prefix + name)))
  }
  return writes
}
