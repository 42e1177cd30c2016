/**
 * The layer that seals values (`value-format.ts`): what was changed or moved in the store is refused, never served. Keys pass unchanged:
 * they must say nothing (hashes, times), or come from a layer that hides them (`names.ts`).
 */
import { Conflict } from '../kit/errors.ts'
import type { Change, Draft, DraftMerge, Entry, Expectation, ListOptions, Merge, Store, Write } from '../kit/store.ts'
import { checkCommit, checkValue } from '../storage/key.ts'
import type { Batch, LayeredStore } from '../storage/layered.ts'
import { GenerationalCache } from './cache.ts'
import type { ActiveKey, Keyring } from './keyring.ts'
import { storeKey } from './store-record.ts'
import { isNonceOf, type Nonce, nonceOf, openValue, sealValue, tampered, termOf } from './value-format.ts'

/** What layers right above may say of a write besides: both save an opening. */
export interface WriteHints {
  /** The value belongs to the store from now on (nobody changes the array), so that it may be cached as it is. */
  readonly owned?: true
  /** A `put` that fails with `Conflict` when the key is absent at the instant of the commit. */
  readonly present?: true
}

export interface SealedValues extends LayeredStore {
  /** The version of the entry at `key`, 0 when there is none, without opening it. */
  versionOf(key: string): Promise<number>
  /** Forgets all opened values. */
  forget(): void
}

export interface ValuesOptions {
  /** Bytes of opened values that are kept in memory, with what hangs on them. Default 24 MiB. */
  readonly cacheBytes?: number
}

/** An opened value: the nonce says which sealed bytes it came from, `entry` at which version these were last seen. */
interface Opened {
  readonly nonce: Nonce
  readonly value: Uint8Array
  readonly entry: Entry | null
}

/** A merge met a value of a term that is not known here, and cannot wait for the keyring: the next try reloads it first. */
class UnknownTerm extends Conflict {}

/** How often a commit looks for an unknown term before it gives up. */
const lookupsMax = 4

/** A rough guess of what an entry of the cache costs beside its value: objects, key, places in maps, and half a page of what was decoded from it. */
const cacheOverhead = 1_024

/** Seals the values of `base`. Everything throws `ApiError` 'sealed' while the keyring is closed. */
export function sealedValues(base: Store, keyring: Keyring, { cacheBytes = 24 * 1024 * 1024 }: ValuesOptions = {}): SealedValues {
  return new ValueLayer(base, keyring, new GenerationalCache<Opened>(cacheBytes))
}

/** What is to be sealed once it is final. */
class SealedDraft implements Draft {
  readonly layer: SealedValues
  readonly inner: Draft
  readonly #seal: (value: Uint8Array) => Uint8Array

  constructor(layer: SealedValues, inner: Draft, seal: (value: Uint8Array) => Uint8Array) {
    this.layer = layer
    this.inner = inner
    this.#seal = seal
  }

  bytes(): Uint8Array {
    return this.#seal(this.inner.bytes())
  }
}

class ValueLayer implements SealedValues {
  readonly base: Store
  readonly #keyring: Keyring
  readonly #cache: GenerationalCache<Opened>

  constructor(base: Store, keyring: Keyring, cache: GenerationalCache<Opened>) {
    this.base = base
    this.#keyring = keyring
    this.#cache = cache
  }

  get(key: string): Promise<Entry | null> {
    try {
      this.#keyring.check()
      const sealed = this.base.getNow?.(key)
      const known = this.#known(key, sealed)
      return known === undefined ? this.#getSealed(key, sealed) : Promise.resolve(known)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  getNow(key: string): Entry | null | undefined {
    this.#keyring.check()
    return this.#known(key, this.base.getNow?.(key))
  }

  /** What was opened before; what is not there needs no opening. */
  #known(key: string, sealed: Entry | null | undefined): Entry | null | undefined {
    if (sealed === null || sealed === undefined) return sealed
    const cached = this.#cache.get(key)
    return cached?.entry?.version === sealed.version ? cached.entry : undefined
  }

  /** `sealed`: what the store below has, where that is known. */
  async #getSealed(key: string, sealed: Entry | null | undefined): Promise<Entry | null> {
    const entry = sealed ?? (await this.base.get(key))
    if (entry === null) return null
    const known = this.#known(key, entry)
    if (known !== undefined) return known
    try {
      return await this.#openEntry(key, entry)
    } catch (error) {
      // What does not open may be of a store that has taken the place of the one whose keys are open here.
      if (await this.#keyring.follow()) return await this.get(key)
      throw error
    }
  }

  async versionOf(key: string): Promise<number> {
    this.#keyring.check()
    return (await this.base.get(key))?.version ?? 0
  }

  async list(prefix: string, options?: ListOptions): Promise<string[]> {
    this.#keyring.check()
    return await this.base.list(prefix, options)
  }

  async commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      const batch = await this.lower(expectations, writes)
      try {
        return await this.base.commit(batch.expectations, batch.writes)
      } catch (error) {
        const isAnew = error instanceof UnknownTerm || (error instanceof Conflict && error.key === storeKey)
        if (!isAnew || attempt === lookupsMax) throw error
      }
    }
  }

  async lower(expectations: readonly Expectation[], writes: readonly Write[]): Promise<Batch> {
    checkCommit(expectations, writes)
    // Before the key is taken: should the store be replaced from here on, the commit fails.
    const fence = await this.#keyring.fence()
    const ready = this.#keyring.ready(writes.length)
    const active = ready instanceof Promise ? await ready : ready
    return { expectations: [...expectations, fence], writes: writes.map((write) => this.#lowerWrite(active, write)) }
  }

  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<Change> {
    this.#keyring.check()
    return this.base.watch(prefix, from, signal)
  }

  async lastCommit(): Promise<number> {
    this.#keyring.check()
    return await this.base.lastCommit()
  }

  forget(): void {
    this.#cache.clear()
  }

  #lowerWrite(active: ActiveKey, write: Write & WriteHints): Write {
    if ('del' in write) return write
    const owned = write.owned === true
    if ('merge' in write) {
      const by = this.#sealedMerge(active, write.merge, write.by, owned)
      return write.draft === undefined ? { merge: write.merge, by } : { merge: write.merge, by, draft: this.#sealedDraft(active, write.merge, write.draft) }
    }
    const sealed = this.#seal(active, write.put, write.value)
    // What was read lately will be read again. All else that is written, tokens above all, would only drive out what is.
    if (this.#cache.get(write.put) !== undefined) this.#keep(write.put, sealed, write.value, owned)
    return write.present === true ? replacePresent(write.put, sealed) : { put: write.put, value: sealed }
  }

  #sealedMerge(active: ActiveKey, key: string, by: Merge, owned: boolean): Merge {
    return (current) => {
      this.#keyring.check()
      const next = by(current === null ? null : this.#openInMerge(key, current))
      if (next === null) return null
      checkValue(next)
      const sealed = this.#seal(active, key, next)
      // The next merge needs it again.
      this.#keep(key, sealed, next, owned)
      return sealed
    }
  }

  /** Sealed once for all commits of a transaction, and counted for each: too high a count does no harm. */
  #sealedDraft(active: ActiveKey, key: string, draft: DraftMerge): DraftMerge {
    const seal = (value: Uint8Array): Buffer => {
      const sealed = sealValue(active, key, value)
      this.#keep(key, sealed, value, true)
      return sealed
    }
    return (current) => {
      this.#keyring.check()
      const next = draft(current instanceof SealedDraft && current.layer === this ? current.inner : this.#openDraft(key, current))
      if (next === null) return null
      active.meter.take()
      return new SealedDraft(this, next, seal)
    }
  }

  #openDraft(key: string, current: Uint8Array | Draft | null): Uint8Array | null {
    if (current === null) return null
    return this.#openInMerge(key, current instanceof Uint8Array ? current : current.bytes())
  }

  #seal(active: ActiveKey, key: string, value: Uint8Array): Buffer {
    this.#keyring.check()
    active.meter.take()
    return sealValue(active, key, value)
  }

  /** Before it is committed: the nonce decides, and that of a failed commit is never met. */
  #keep(key: string, sealed: Uint8Array, value: Uint8Array, owned: boolean): void {
    this.#remember(key, sealed, owned ? value : Buffer.from(value), null)
  }

  async #openEntry(key: string, { value: sealed, version }: Entry): Promise<Entry> {
    let value = this.#open(key, sealed)
    if (value === null) {
      await this.#keyring.reload()
      value = openValue(this.#keyring, key, sealed)
    }
    if (value === null) throw tampered(key)
    const entry: Entry = { value, version }
    this.#remember(key, sealed, value, entry)
    return entry
  }

  #openInMerge(key: string, sealed: Uint8Array): Uint8Array {
    const value = this.#open(key, sealed)
    if (value !== null) return value
    if (this.#keyring.miss(termOf(sealed))) throw new UnknownTerm(key)
    throw tampered(key)
  }

  /** The value of these sealed bytes, or null when it is of a term that is not known here. */
  #open(key: string, sealed: Uint8Array): Uint8Array | null {
    const cached = this.#cache.get(key)
    return cached !== undefined && isNonceOf(cached.nonce, sealed) ? cached.value : openValue(this.#keyring, key, sealed)
  }

  #remember(key: string, sealed: Uint8Array, value: Uint8Array, entry: Entry | null): void {
    this.#cache.set(key, { nonce: nonceOf(sealed), value, entry }, value.length + key.length + cacheOverhead)
  }
}

function replacePresent(key: string, sealed: Buffer): Write {
  const by = (current: Uint8Array | null): Uint8Array => {
    if (current === null) throw new Conflict(key)
    return sealed
  }
  return { merge: key, by }
}
