/**
 * How many connections a process takes. Each needs a file descriptor, and so do the store, audit devices and databases: a process that has none left can no longer
 * accept, be handed a connection, or open a file. So some are kept back, and whoever comes too late is told to come back.
 */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** The rest is for everything else. */
const shareForConnections = 0.75
/** Of the limit: below that, connections are taken without a word again. */
const shareAgain = 0.9

type Report = (problem: string) => void

export class ConnectionLimit {
  /** Infinity where the system does not say. */
  readonly max: number
  readonly #report: Report
  readonly #open = new Set<Socket>()
  #refused = 0

  constructor(report: Report, max = connectionsMax()) {
    this.max = max
    this.#report = report
  }

  /** False: it is one too many. */
  take(socket: Socket): boolean {
    if (this.#open.size >= this.max) {
      if (this.#refused === 0) this.#report(`connections are refused: ${this.max} are open, and more would leave too few file descriptors (ulimit -n)`)
      this.#refused += 1
      return false
    }
    this.#open.add(socket)
    socket.once('close', () => this.#release(socket))
    return true
  }

  #release(socket: Socket): void {
    this.#open.delete(socket)
    if (this.#refused === 0 || this.#open.size > this.max * shareAgain) return
    this.#report(`connections are taken again; ${this.#refused} were refused`)
    this.#refused = 0
  }
}

/** By the limit that this process has on Linux. */
function connectionsMax(): number {
  try {
    const files = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? Infinity)
    return Math.max(1, Math.floor(files * shareForConnections))
  } catch {
    return Infinity
  }
}
