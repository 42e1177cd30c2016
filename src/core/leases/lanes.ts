/** Work that waits for the world outside, by lane: a lane that is stuck fills up, and the others go on. */

/** What one lane has waiting and running at most. */
const waitingMax = 256
const workersMax = 8

interface Lane {
  readonly waiting: (() => Promise<void>)[]
  running: number
}

export class Lanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #keys = new Set<string>()
  readonly #pace: () => Promise<void> | void
  #bell: () => void = () => undefined

  /** `pace` is waited for before each piece of work. */
  constructor(pace: () => Promise<void> | void = () => undefined) {
    this.#pace = pace
  }

  /** False: the lane is full, and the work was not taken. Work under a key that is waiting or running is there already. `work` does not throw. */
  add(lane: string, key: string, work: () => Promise<void>): boolean {
    if (this.#keys.has(key)) return true
    const into = this.#lanes.get(lane) ?? { waiting: [], running: 0 }
    if (into.waiting.length >= waitingMax) return false
    this.#lanes.set(lane, into)
    this.#keys.add(key)
    into.waiting.push(() => work().finally(() => this.#keys.delete(key)))
    if (into.running < workersMax) void this.#drain(lane, into)
    return true
  }

  /** Work under this key is waiting or running. */
  has(key: string): boolean {
    return this.#keys.has(key)
  }

  isFull(lane: string): boolean {
    return (this.#lanes.get(lane)?.waiting.length ?? 0) >= waitingMax
  }

  /** Resolves when nothing waits or runs any more. */
  async settle(): Promise<void> {
    while (this.#lanes.size > 0) await new Promise<void>((resolve) => (this.#bell = resolve))
  }

  async #drain(name: string, lane: Lane): Promise<void> {
    lane.running += 1
    for (let work = lane.waiting.shift(); work !== undefined; work = lane.waiting.shift()) {
      await this.#pace()
      await work()
    }
    lane.running -= 1
    if (lane.running > 0) return
    this.#lanes.delete(name)
    this.#bell()
  }
}
