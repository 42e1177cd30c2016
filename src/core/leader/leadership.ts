/**
 * Which process does what only one may do at a time. Who leads says so in the store: a record of its term, which changes only with the leader and
 * which every commit of its work expects (`storage/fenced.ts`), and a beat that shows that it lives. So two can believe that they lead, but only one of
 * them can write. No clock is compared with that of another machine: who waits counts its own looks at a beat that does not change.
 */
import { Conflict } from '../../kit/errors.ts'
import { records } from '../../kit/records.ts'
import type { Expectation } from '../../kit/store.ts'
import { opaqueStore, type Base } from '../base.ts'

interface TermRecord {
  /** Grows with every change of the leader. */
  readonly term: number
  /** Id of the process. */
  readonly holder: string
}

interface BeatRecord {
  /** The leader has stopped: its place is free. */
  readonly isOver: boolean
}

const terms = records<TermRecord, []>(() => 'leader/term')
const beats = records<BeatRecord, []>(() => 'leader/beat')

/** In looks: one is about a second. */
export interface LeaderPace {
  /** A leader shows that it lives once in so many; 0: never, where nobody else can lead. */
  readonly beatEvery: number
  /** A beat that has not changed for so many means that its leader is gone. */
  readonly goneAfter: number
}

export const leaderPace: LeaderPace = { beatEvery: 5, goneAfter: 15 }

export class Leadership {
  readonly #base: Base
  readonly #id: string
  readonly #pace: LeaderPace
  /** The version of the term record that this process wrote, and still counts on. */
  #own: number | null = null
  #sinceBeat = 0
  /** Versions of term and beat as they were seen last, and for how many looks they have been the same. */
  #seen = { versions: '', looks: 0 }
  readonly #gone = new Set<string>()

  /** `id`: no other process has it, now or later. */
  constructor(base: Base, id: string, pace: LeaderPace = leaderPace) {
    this.#base = base
    this.#id = id
    this.#pace = pace
  }

  /** What every commit of the leader expects; null while this process does not lead. */
  readonly fence = (): Expectation | null => (this.#own === null ? null : { key: terms.key(), version: this.#own })

  get isLeading(): boolean {
    return this.#own !== null
  }

  /** That process is known to have ended: nobody has to wait for its beat. */
  noteGone(id: string): void {
    this.#gone.add(id)
  }

  /** One look: stays leader, becomes it, or waits. `force` takes the place whoever has it: nobody else can be serving. */
  async look(force = false): Promise<void> {
    const store = opaqueStore(this.#base)
    const [term, beat] = [await store.get(terms.key()), await store.get(beats.key())]
    if (this.#own !== null && term?.version === this.#own) return await this.#beat()
    this.#own = null
    const versions = `${term?.version ?? 0} ${beat?.version ?? 0}`
    this.#seen = { versions, looks: versions === this.#seen.versions ? this.#seen.looks + 1 : 0 }
    const holder = term === null ? null : terms.decode(term).holder
    const isFree = holder === null || holder === this.#id || beat === null || beats.decode(beat).isOver || this.#gone.has(holder) || this.#seen.looks >= this.#pace.goneAfter
    if (isFree || force) await this.#take(term === null ? 1 : terms.decode(term).term + 1, term?.version ?? 0, beat?.version ?? 0)
  }

  /** Gives the place up, so that the next one need not wait. */
  async resign(): Promise<void> {
    const fence = this.fence()
    this.#own = null
    if (fence === null) return
    await this.#commitBeat([fence], true)
  }

  /** Forgets that it leads, without a word to the others. */
  drop(): void {
    this.#own = null
  }

  async #take(term: number, termVersion: number, beatVersion: number): Promise<void> {
    const expected = [{ key: terms.key(), version: termVersion }, { key: beats.key(), version: beatVersion }]
    const writes = [{ put: terms.key(), value: terms.encode({ term, holder: this.#id }) }, { put: beats.key(), value: beats.encode({ isOver: false }) }]
    const commit = await unlessConflict(() => opaqueStore(this.#base).commit(expected, writes))
    if (commit === null) return
    this.#own = commit
    this.#sinceBeat = 0
    this.#gone.clear()
  }

  async #beat(): Promise<void> {
    this.#sinceBeat += 1
    const fence = this.fence()
    if (fence === null || this.#pace.beatEvery === 0 || this.#sinceBeat < this.#pace.beatEvery) return
    this.#sinceBeat = 0
    if ((await this.#commitBeat([fence], false)) === null) this.#own = null
  }

  async #commitBeat(expected: readonly Expectation[], isOver: boolean): Promise<number | null> {
    const value = beats.encode({ isOver })
    return await unlessConflict(() => opaqueStore(this.#base).commit(expected, [{ put: beats.key(), value }]))
  }
}

async function unlessConflict<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Conflict) return null
    throw error
  }
}
