/** Totals that processes count, as what was added since the last time. */
import type { Figure } from './lines.ts'

const keyOf = ({ name, labels }: Figure): string => JSON.stringify([name, labels])

/** Looks at each process alone: one that ended and one that took its place do not count backwards together, and what one that is late has counted comes later. */
export class Increases {
  #known = new Map<string, ReadonlyMap<string, number>>()

  /** Totals by process, since that one began; null: it did not answer. A process that is not named has ended. */
  take(processes: ReadonlyMap<string, readonly Figure[] | null>): readonly Figure[] {
    const added = new Map<string, Figure>()
    const known = new Map<string, ReadonlyMap<string, number>>()
    for (const [id, totals] of processes) {
      const before = this.#known.get(id) ?? new Map<string, number>()
      known.set(id, totals === null ? before : new Map(totals.map((total) => [keyOf(total), total.value])))
      for (const total of totals ?? []) add(added, total, total.value - (before.get(keyOf(total)) ?? 0))
    }
    this.#known = known
    return [...added.values()]
  }
}

function add(sums: Map<string, Figure>, figure: Figure, by: number): void {
  const key = keyOf(figure)
  if (by > 0) sums.set(key, { ...figure, value: (sums.get(key)?.value ?? 0) + by })
}
