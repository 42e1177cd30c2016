/**
 * Entries that were read lately, so that the same version read twice is the same array (decoders memoise on that). It is no source of
 * truth: whoever asks it compares the version with the one in the store.
 */
import type { Entry } from '../kit/store.ts'

/** An entry, and the last commit of the store at which it was seen there: -1 when it has changed since. */
export interface Kept {
  readonly entry: Entry
  seenAt: number
}

/** What an entry costs besides its bytes, roughly: three objects, a key, a place in a map. */
const overheadBytes = 256

export class EntryCache {
  readonly #generationBytes: number
  // Two generations instead of a list in order of use: a hit costs one look-up and no writing.
  #young = new Map<string, Kept>()
  #old = new Map<string, Kept>()
  #youngBytes = 0

  /** `bytesMax`: what the cache may hold, counting an estimate for keys and objects. */
  constructor(bytesMax: number) {
    this.#generationBytes = bytesMax / 2
  }

  find(key: string): Kept | undefined {
    const kept = this.#young.get(key)
    if (kept !== undefined) return kept
    const aged = this.#old.get(key)
    if (aged !== undefined) this.keep(key, aged)
    return aged
  }

  /** It was changed by a commit: whoever needs it has to look. */
  doubt(key: string): void {
    const kept = this.#young.get(key) ?? this.#old.get(key)
    if (kept !== undefined) kept.seenAt = -1
  }

  keep(key: string, kept: Kept): void {
    const size = kept.entry.value.length + key.length + overheadBytes
    // One large value must not push out hundreds of small ones.
    if (size > this.#generationBytes / 16) return
    this.#young.set(key, kept)
    this.#youngBytes += size
    if (this.#youngBytes <= this.#generationBytes) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }
}
