/**
 * A sorted set of strings in leaves of limited size, so that adding, removing and seeking stay cheap with millions of keys. The
 * strings are compared by their UTF-16 units; whoever needs the order of UTF-8 bytes converts first (`toByteString`).
 */

/** A leaf is split in two when it has grown to this. */
const leafSizeMax = 512

export class SortedKeys {
  /** Never empty but for the first, which is empty when the set is. */
  readonly #leaves: string[][] = [[]]

  /** Adds a key that is not there. */
  add(key: string): void {
    const at = this.#leafOf(key)
    const leaf = this.#leaves[at] as string[]
    leaf.splice(position(leaf, key), 0, key)
    if (leaf.length >= leafSizeMax) this.#leaves.splice(at + 1, 0, leaf.splice(leafSizeMax / 2))
  }

  /** Removes a key that is there. */
  remove(key: string): void {
    const at = this.#leafOf(key)
    const leaf = this.#leaves[at] as string[]
    leaf.splice(position(leaf, key), 1)
    if (leaf.length === 0 && this.#leaves.length > 1) this.#leaves.splice(at, 1)
  }

  /** The keys from `start` (included), ascending. The set must not change meanwhile. */
  *ascending(start: string): Generator<string> {
    let at = this.#leafOf(start)
    let index = position(this.#leaves[at] as string[], start)
    for (; at < this.#leaves.length; at += 1) {
      const leaf = this.#leaves[at] as string[]
      for (; index < leaf.length; index += 1) yield leaf[index] as string
      index = 0
    }
  }

  /** The keys before `end` (excluded; null: from the last one), descending. The set must not change meanwhile. */
  *descending(end: string | null): Generator<string> {
    let at = end === null ? this.#leaves.length - 1 : this.#leafOf(end)
    let index = end === null ? (this.#leaves[at] as string[]).length : position(this.#leaves[at] as string[], end)
    for (; at >= 0; at -= 1) {
      const leaf = this.#leaves[at] as string[]
      for (index = Math.min(index, leaf.length) - 1; index >= 0; index -= 1) yield leaf[index] as string
      index = leafSizeMax
    }
  }

  /** The last leaf whose first key is not greater: where the key is, or would be added. */
  #leafOf(key: string): number {
    let low = 0
    let high = this.#leaves.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if ((this.#leaves[middle]?.[0] as string) <= key) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** How many keys of the leaf are smaller. */
function position(leaf: readonly string[], key: string): number {
  let low = 0
  let high = leaf.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((leaf[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

// What lies above ASCII; a string without it is its own byte string.
const beyondAscii = /[^\0-\x7f]/

/** The UTF-8 bytes of a string as characters 0 to 255: compared as JavaScript does it, it sorts by those bytes. */
export const toByteString = (text: string): string => (beyondAscii.test(text) ? Buffer.from(text).toString('latin1') : text)

/** The inverse of `toByteString`. */
export const fromByteString = (bytes: string): string => (beyondAscii.test(bytes) ? Buffer.from(bytes, 'latin1').toString() : bytes)
