/**
 * A bounded cache in two generations: when the young one is full it becomes the old one, and what is asked for again moves back into
 * the young one. Nearly as good as a list by last use, and a hit in the young generation changes nothing.
 */

interface Weighed<V> {
  readonly value: V
  readonly weight: number
}

export class GenerationalCache<V> {
  readonly #half: number
  #young = new Map<string, Weighed<V>>()
  #old = new Map<string, Weighed<V>>()
  #youngWeight = 0

  /** Holds values of `limit` in total weight (bytes, or a number of entries when each weighs 1). */
  constructor(limit: number) {
    this.#half = limit / 2
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young.value
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#old.delete(key)
    this.#add(key, old)
    return old.value
  }

  /** What weighs more than a quarter of the cache is not kept: it would drive out everything else. */
  set(key: string, value: V, weight: number): void {
    this.delete(key)
    if (weight * 2 <= this.#half) this.#add(key, { value, weight })
  }

  delete(key: string): void {
    const young = this.#young.get(key)
    if (young !== undefined) {
      this.#youngWeight -= young.weight
      this.#young.delete(key)
    }
    this.#old.delete(key)
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
    this.#youngWeight = 0
  }

  #add(key: string, weighed: Weighed<V>): void {
    if (this.#youngWeight + weighed.weight > this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngWeight = 0
    }
    this.#young.set(key, weighed)
    this.#youngWeight += weighed.weight
  }
}
