/** Workers open the store one after the other, each while no other one commits: `storage/lmdb.ts` says why (`hold`). */
import type { WorkerHandle } from './staff.ts'

/** Asks these workers to hold. Resolves when each of them does, or is gone. */
export type Hold = (workers: readonly WorkerHandle[]) => Promise<void>

export class Openings {
  readonly #hold: Hold
  /** Resolves when nobody opens the store any more. */
  #last: Promise<void> = Promise.resolve()
  /** What ends the turn of a worker that opens it, or waits for that. */
  readonly #turns = new Map<WorkerHandle, () => void>()
  readonly #withStore = new Set<WorkerHandle>()
  /** Whose turn it is. */
  #current: WorkerHandle | null = null

  constructor(hold: Hold) {
    this.#hold = hold
  }

  /** Resolves when it is the turn of this worker, and no other one commits. */
  async begin(worker: WorkerHandle): Promise<null> {
    const before = this.#last
    const turn = new Promise<void>((resolve) => this.#turns.set(worker, resolve))
    this.#last = before.then(() => turn)
    await before
    // Who has ended meanwhile opens nothing.
    if (!this.#turns.has(worker)) return null
    this.#current = worker
    await this.#hold([...this.#withStore])
    return null
  }

  opened(worker: WorkerHandle): null {
    this.#withStore.add(worker)
    this.#end(worker)
    return null
  }

  gone(worker: WorkerHandle): void {
    this.#withStore.delete(worker)
    this.#end(worker)
  }

  #end(worker: WorkerHandle): void {
    const end = this.#turns.get(worker)
    if (end === undefined) return
    this.#turns.delete(worker)
    if (this.#current === worker) {
      this.#current = null
      for (const other of this.#withStore) other.link.tell('goOn', null)
    }
    end()
  }
}
