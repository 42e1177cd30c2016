/** The log of a server with several workers: one output, the same levels everywhere, and lines for whoever watches, at whichever worker. */
import type { Log } from '../log.ts'
import type { LevelChange, WatchedLine } from './messages.ts'
import type { WorkerHandle } from './staff.ts'

export class LogBook {
  readonly #log: Log
  readonly #out: (line: string) => void
  readonly #workers: () => readonly WorkerHandle[]
  readonly #watching = new Set<WorkerHandle>()
  #stopListening: (() => void) | null = null
  /** What was changed since the start, for workers to come. */
  #levels: readonly LevelChange[] = []

  /** `workers`: those that are open. */
  constructor(log: Log, out: (line: string) => void, workers: () => readonly WorkerHandle[]) {
    this.#log = log
    this.#out = out
    this.#workers = workers
  }

  get levels(): readonly LevelChange[] {
    return this.#levels
  }

  write(line: string): null {
    this.#out(line)
    return null
  }

  /** A line of a worker, to those who watch at others; its own have it. */
  show(line: WatchedLine, from: WorkerHandle | null): null {
    for (const worker of this.#watching) if (worker !== from) worker.link.tell('line', line)
    return null
  }

  change(change: LevelChange, from: WorkerHandle): null {
    this.#levels = [...(change.module === '' ? [] : this.#levels.filter(({ module }) => module !== change.module)), change]
    if (change.level === null) this.#log.levels.reset(change.module)
    else this.#log.levels.set(change.level, change.module)
    for (const worker of this.#workers()) if (worker !== from) worker.link.tell('level', change)
    return null
  }

  setWatching(worker: WorkerHandle, isWatching: boolean): null {
    if (isWatching) this.#watching.add(worker)
    else this.#watching.delete(worker)
    this.#tellAll()
    return null
  }

  /** A worker is open. */
  welcome(worker: WorkerHandle): void {
    worker.link.tell('watched', this.#isWatched)
  }

  forget(worker: WorkerHandle): void {
    if (this.#watching.delete(worker)) this.#tellAll()
  }

  get #isWatched(): boolean {
    return this.#watching.size > 0
  }

  #tellAll(): void {
    this.#stopListening?.()
    this.#stopListening = this.#isWatched ? this.#log.listen((level, line) => void this.show({ level, line }, null)) : null
    for (const worker of this.#workers()) worker.link.tell('watched', this.#isWatched)
  }
}
