/**
 * The layer that seals values: [format 1][term 4][nonce 12][ciphertext][tag 16], AES-256-GCM, with format, term and key as additional data.
 * So a value opens only at the key where it was written: what was changed or moved in the store is refused, never served.
 * Keys pass unchanged: they must say nothing (hashes, times), or come from a layer that hides them (`sealedNames`).
 */
import { checkCommit, checkValue } from '../storage/key.ts'
import type { LayeredStore } from '../storage/layered.ts'
import { aeadNonceLength, aeadOverhead, openAead, sealAead } from '../crypto/aead.ts'
import { ApiError, Conflict, internal } from '../kit/errors.ts'
import type { Entry, Expectation, ListOptions, Store, Write } from '../kit/store.ts'
import { GenerationalCache } from './cache.ts'
import type { ActiveKey, Keyring } from './keyring.ts'

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
  /** Bytes of opened values that are kept in memory. Default 64 MiB. */
  readonly cacheBytes?: number
}

/** An opened value: the nonce says which sealed bytes it came from, `entry` at which version these were last seen. */
interface Opened {
  readonly nonce: readonly [number, number, number]
  readonly value: Uint8Array
  entry: Entry | null
}

const formatVersion = 1
const headerLength = 5
/** A rough guess of what an entry of the cache costs beside its value. */
const cacheOverhead = 256

/** Seals the values of `base`. Everything throws `ApiError` 'sealed' while the keyring is closed. */
export function sealedValues(base: Store, keyring: Keyring, { cacheBytes = 64 * 1024 * 1024 }: ValuesOptions = {}): SealedValues {
  const cache = new GenerationalCache<Opened>(cacheBytes)

  function remember(key: string, sealed: Uint8Array, value: Uint8Array, entry: Entry | null): Opened {
    const opened = { nonce: nonceOf(sealed), value, entry }
    cache.set(key, opened, value.length + key.length + cacheOverhead)
    return opened
  }

  /** The value of these sealed bytes, or null when it is of a term that is not known here. */
  function open(key: string, sealed: Uint8Array): Uint8Array | null {
    const cached = cache.get(key)
    if (cached !== undefined && isNonceOf(cached.nonce, sealed)) return cached.value
    return openValue(keyring, key, sealed)
  }

  async function openEntry(key: string, { value: sealed, version }: Entry): Promise<Entry> {
    let value = open(key, sealed)
    if (value === null) {
      await keyring.reload()
      value = openValue(keyring, key, sealed)
    }
    if (value === null) throw tampered(key)
    const entry = Object.freeze({ value, version })
    remember(key, sealed, value, entry)
    return entry
  }

  function seal(active: ActiveKey, key: string, value: Uint8Array, owned: boolean): Buffer {
    keyring.check()
    const sealed = sealValue(active, key, value)
    remember(key, sealed, owned ? value : Buffer.from(value), null)
    return sealed
  }

  function openInMerge(key: string, sealed: Uint8Array): Uint8Array {
    const value = open(key, sealed)
    if (value !== null) return value
    // A merge cannot wait for the keyring: the commit fails, and the next try reloads it first.
    if (keyring.miss(termOf(sealed))) throw new Conflict(key)
    throw tampered(key)
  }

  function lowerWrite(active: ActiveKey, write: Write & WriteHints): Write {
    if ('del' in write) return write
    const owned = write.owned === true
    if ('put' in write) {
      const sealed = seal(active, write.put, write.value, owned)
      return write.present === true ? replacePresent(write.put, sealed) : { put: write.put, value: sealed }
    }
    const { merge: key, by } = write
    const byValue = (current: Uint8Array | null): Uint8Array | null => {
      keyring.check()
      const next = by(current === null ? null : openInMerge(key, current))
      if (next !== null) checkValue(next)
      return next === null ? null : seal(active, key, next, owned)
    }
    return { merge: key, by: byValue }
  }

  async function lower(expectations: readonly Expectation[], writes: readonly Write[]) {
    checkCommit(expectations, writes)
    const waiting = keyring.ready(writes.length)
    if (waiting !== null) await waiting
    const { active } = keyring
    return { expectations, writes: writes.map((write) => lowerWrite(active, write)) }
  }

  return Object.freeze({
    base,
    lower,
    async get(key: string) {
      keyring.check()
      const entry = await base.get(key)
      if (entry === null) return null
      const cached = cache.get(key)
      return cached?.entry?.version === entry.version ? cached.entry : await openEntry(key, entry)
    },
    async versionOf(key: string) {
      keyring.check()
      return (await base.get(key))?.version ?? 0
    },
    async list(prefix: string, options?: ListOptions) {
      keyring.check()
      return await base.list(prefix, options)
    },
    async commit(expectations: readonly Expectation[], writes: readonly Write[]) {
      const batch = await lower(expectations, writes)
      return await base.commit(batch.expectations, batch.writes)
    },
    watch(prefix: string, from: number, signal: AbortSignal) {
      keyring.check()
      return base.watch(prefix, from, signal)
    },
    async lastCommit() {
      keyring.check()
      return await base.lastCommit()
    },
    forget: () => cache.clear(),
  })
}

/** The sealed form of a value. */
export function sealValue(active: ActiveKey, key: string, value: Uint8Array): Buffer {
  active.meter.take()
  const sealed = sealAead(active.key, value, contextOf(formatVersion, active.term, key), headerLength)
  sealed[0] = formatVersion
  sealed.writeUInt32BE(active.term, 1)
  return sealed
}

/** The value in its sealed form; null when its term is unknown. Throws 'internal', naming the key, when it was not sealed for this key. */
export function openValue(keyring: Keyring, key: string, sealed: Uint8Array): Buffer | null {
  if (sealed.length < headerLength + aeadOverhead || sealed[0] !== formatVersion) throw tampered(key)
  const term = termOf(sealed)
  const dataKey = keyring.findKey(term)
  if (dataKey === null) return null
  const value = openAead(dataKey, sealed, contextOf(formatVersion, term, key), headerLength)
  if (value === null) throw tampered(key)
  return value
}

const tampered = (key: string): ApiError => internal(`the value at the physical key "${key}" cannot be opened: it was changed, moved, or sealed elsewhere`)

function replacePresent(key: string, sealed: Buffer): Write {
  const by = (current: Uint8Array | null): Uint8Array => {
    if (current === null) throw new Conflict(key)
    return sealed
  }
  return { merge: key, by }
}

// Large enough for any key (`keyBytesMax`); used and done with between two awaits.
const contextSpace = Buffer.alloc(headerLength + 4_096)

function contextOf(format: number, term: number, key: string): Buffer {
  contextSpace[0] = format
  contextSpace.writeUInt32BE(term, 1)
  return contextSpace.subarray(0, headerLength + contextSpace.write(key, headerLength))
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)

const termOf = (sealed: Uint8Array): number => wordAt(sealed, 1) >>> 0

function nonceOf(sealed: Uint8Array): readonly [number, number, number] {
  return [wordAt(sealed, headerLength), wordAt(sealed, headerLength + 4), wordAt(sealed, headerLength + 8)]
}

/**
 * Nonces are random and unique, so equal nonces mean that these bytes were once sealed from, or opened to, the cached value. Should somebody
 * have changed the rest of them, the cached value is still the true one.
 */
function isNonceOf(nonce: readonly [number, number, number], sealed: Uint8Array): boolean {
  if (sealed.length < headerLength + aeadNonceLength) return false
  return wordAt(sealed, headerLength) === nonce[0] && wordAt(sealed, headerLength + 4) === nonce[1] && wordAt(sealed, headerLength + 8) === nonce[2]
}
