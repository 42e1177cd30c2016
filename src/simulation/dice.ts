/** Chance that a seed replays, in the forms that a simulation needs. */
import { seededRandom } from '../storage/seeded.ts'

export interface Dice {
  /** From 0 (included) to 1 (excluded). */
  readonly next: () => number
  /** A whole number from `low` to `high`, both included. */
  readonly between: (low: number, high: number) => number
  readonly chance: (probability: number) => boolean
  /** Throws for an empty list. */
  readonly pick: <T>(from: readonly T[]) => T
  readonly bytes: (count: number) => Uint8Array
}

export function dice(seed: number): Dice {
  const next = seededRandom(seed)
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick(from) {
      const found = from[between(0, from.length - 1)]
      if (found === undefined) throw new Error('nothing to pick from')
      return found
    },
    bytes: (count) => Uint8Array.from({ length: count }, () => between(0, 255)),
  }
}
