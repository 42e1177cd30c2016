/**
 * How fast the sweeper may go: as fast as it can while the process has time to spare, and at a steady small rate while requests need all of it. A storm of leases that end
 * at once then takes longer, and nobody who asks for something notices it.
 */
import type { Host } from '../host.ts'

const sliceMs = 100
/** What is done however busy the process is, for each CPU second that it gets; with a hundred thousand waiting one lease takes three thousandths. */
const leastPerCpuSecond = 50
/** In one slice. */
const mostInSlice = 1_000
/** Of the time of a slice: above it the process counts as busy. What the sweeper does itself counts as well, so that it never takes all there is. */
const busyShare = 0.85

export class Pacer {
  readonly #host: Pick<Host, 'later' | 'load'>
  readonly #waiting: (() => void)[] = []
  #allowed = 5
  #left = 5
  #isTicking = false
  /** Whether requests needed all of the process a moment ago. */
  isPressed = false

  constructor(host: Pick<Host, 'later' | 'load'>) {
    this.#host = host
  }

  /** Resolves when the next piece of work may begin. Where nobody knows how busy the process is, that is at once. */
  turn(): Promise<void> | void {
    if (this.#host.load === undefined) return
    if (!this.#isTicking) this.#begin()
    if (this.#left > 0) {
      this.#left -= 1
      return
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #begin(): void {
    this.#isTicking = true
    this.#left = this.#allowed
    // What was before the first slice says nothing.
    this.#host.load?.()
    this.#host.later(sliceMs, () => this.#tick())
  }

  #tick(): void {
    const isIdle = this.#waiting.length === 0 && this.#left === this.#allowed
    if (isIdle) {
      this.#isTicking = false
      this.isPressed = false
      return
    }
    const { busy, cpuSeconds } = this.#host.load?.() ?? { busy: 0, cpuSeconds: 0 }
    const least = Math.max(1, Math.round(cpuSeconds * leastPerCpuSecond))
    this.isPressed = busy > busyShare
    this.#allowed = this.isPressed ? Math.max(least, Math.floor(this.#allowed / 2)) : Math.min(mostInSlice, this.#allowed * 2)
    this.#left = this.#allowed
    this.#host.later(sliceMs, () => this.#tick())
    for (let wake = this.#waiting.shift(); wake !== undefined; wake = this.#waiting.shift()) {
      this.#left -= 1
      wake()
      if (this.#left === 0) return
    }
  }
}
