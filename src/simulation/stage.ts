/**
 * The store of a simulation: every call of every process waits until a seed lets it happen, so that calls overtake each other in every way,
 * fail, are told of conflicts that were none, take place with their answer lost, and die with their process at any moment.
 */
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Expectation, ListOptions, Store, Write } from '../kit/store.ts'

/** Each number is the probability that a call meets the fault. */
export interface Weather {
  readonly name: string
  /** Calls wait for their turn; without it they pass at once. */
  readonly isMixed: boolean
  readonly readError: number
  /** The commit has written nothing. */
  readonly errorBefore: number
  /** The commit took place. */
  readonly errorAfter: number
  readonly conflict: number
}

export const calm: Weather = Object.freeze({ name: 'calm', isMixed: false, readError: 0, errorBefore: 0, errorAfter: 0, conflict: 0 })

/** What one process sees of the store. */
export interface Access {
  readonly store: Store
  /** As `kill -9`: what it asked for and was not told of happens or not, and it is never told of anything again. */
  kill(): Promise<void>
  /** Resolves when it was killed. */
  readonly killed: Promise<void>
}

interface Call {
  readonly access: object
  readonly happen: () => Promise<void>
  /** Only commits that have not taken place yet: the same, with nobody to tell. */
  readonly happenUnseen: (() => Promise<void>) | null
}

const never = new Promise<never>(() => undefined)
/** Lets everything run that waits for nothing but its turn: the server has no other waits than the store. */
const settleTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Stage {
  weather: Weather = calm
  /** Faults that struck since the last look. */
  faults = 0
  readonly #inner: Store
  readonly #random: () => number
  #waiting: Call[] = []

  constructor(inner: Store, random: () => number) {
    this.#inner = inner
    this.#random = random
  }

  /** Runs until `work` has ended; `beforeEach` is asked before each call, with the count of calls so far. */
  async play(work: Promise<unknown>, beforeEach: (count: number) => Promise<void>): Promise<void> {
    let isOver = false
    const over = (): void => void (isOver = true)
    work.then(over, over)
    for (let [count, idle] = [0, 0]; ; ) {
      await settleTurn()
      if (isOver) return
      const call = this.#takeAny()
      if (call === undefined) {
        if ((idle += 1) > 1000) throw new Error('the simulation waits for something that is not the store')
        continue
      }
      idle = 0
      await beforeEach((count += 1))
      if (this.#isAlive(call)) await call.happen()
    }
  }

  readonly #dead = new WeakSet<object>()
  #isAlive = ({ access }: Pick<Call, 'access'>): boolean => !this.#dead.has(access)

  #takeAny(): Call | undefined {
    const index = Math.floor(this.#random() * this.#waiting.length)
    const call = this.#waiting[index]
    const last = this.#waiting.pop()
    if (call !== undefined && last !== undefined && index < this.#waiting.length) this.#waiting[index] = last
    return call
  }

  #strikes(fault: 'readError' | 'errorBefore' | 'errorAfter' | 'conflict'): boolean {
    const isStruck = this.weather[fault] > 0 && this.#random() < this.weather[fault]
    if (isStruck) this.faults += 1
    return isStruck
  }

  open(): Access {
    const access = {}
    let tell = (): void => undefined
    const killed = new Promise<void>((resolve) => (tell = resolve))
    const read = <T>(operation: () => Promise<T>): Promise<T> => {
      if (this.#dead.has(access)) return never
      if (!this.weather.isMixed) return operation()
      return this.#enqueue(access, () => (this.#strikes('readError') ? Promise.reject(unreachable('read')) : operation()), null)
    }
    const store: Store = Object.freeze({
      get: (key: string) => read(() => this.#inner.get(key)),
      list: (prefix: string, options?: ListOptions) => read(() => this.#inner.list(prefix, options)),
      commit: (expectations: readonly Expectation[], writes: readonly Write[]) => this.#commit(access, expectations, writes),
      watch: (prefix: string, from: number, signal: AbortSignal) => this.#inner.watch(prefix, from, signal),
      lastCommit: () => read(() => this.#inner.lastCommit()),
    })
    return {
      store,
      killed,
      kill: async () => {
        this.#dead.add(access)
        const left = this.#waiting.filter((call) => call.access === access)
        this.#waiting = this.#waiting.filter((call) => call.access !== access)
        for (const { happenUnseen } of left) if (happenUnseen !== null && this.#random() < 0.5) await happenUnseen()
        tell()
      },
    }
  }

  async #commit(access: object, expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    if (this.#dead.has(access)) return await never
    const commit = (): Promise<number> => this.#inner.commit(expectations, writes)
    if (!this.weather.isMixed) return await commit()
    const number = await this.#enqueue(access, async () => {
      const [expectation] = expectations
      if (expectation !== undefined && this.#strikes('conflict')) throw new Conflict(expectation.key)
      if (this.#strikes('errorBefore')) throw unreachable('commit')
      return await commit()
    }, () => commit().then(() => undefined, () => undefined))
    // What took place is told of later: others may see it before.
    return await this.#enqueue(access, async () => {
      if (this.#strikes('errorAfter')) throw unreachable('acknowledge')
      return number
    }, null)
  }

  #enqueue<T>(access: object, operation: () => Promise<T>, happenUnseen: (() => Promise<void>) | null): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ access, happenUnseen, happen: () => operation().then(resolve, reject) })
    })
  }
}

const unreachable = (what: string): ApiError => new ApiError('overloaded', `the storage did not ${what}`)
