/**
 * Entries that were read lately, so that the same version read twice is the same array (decoders memoise on that). It is no source of
 * truth: whoever asks it compares the version with the one in the store.
 */
import type { Entry } from '../kit/store.ts'

/** What an entry costs besides its bytes, roughly: two objects, a key, a place in a map. */
const overheadBytes = 256

export class EntryCache {
  readonly #generationBytes: number
  // Two generations instead of a list in order of use: a hit costs one look-up and no writing.
  #young = new Map<string, Entry>()
  #old = new Map<string, Entry>()
  #youngBytes = 0

  /** `bytesMax`: what the cache may hold, counting an estimate for keys and objects. */
  constructor(bytesMax: number) {
    this.#generationBytes = bytesMax / 2
  }

  find(key: string): Entry | undefined {
    const entry = this.#young.get(key)
    if (entry !== undefined) return entry
    const aged = this.#old.get(key)
    if (aged !== undefined) this.keep(key, aged)
    return aged
  }

  keep(key: string, entry: Entry): void {
    const size = entry.value.length + key.length + overheadBytes
    // One large value must not push out hundreds of small ones.
    if (size > this.#generationBytes / 16) return
    this.#young.set(key, entry)
    this.#youngBytes += size
    if (this.#youngBytes <= this.#generationBytes) return
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
  }
}
