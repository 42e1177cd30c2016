/**
 * A store that fails: delays, errors before and after a commit took place, and conflicts that were none. The seed replays
 * them, so a failure found once can be found again. For tests and for simulation.
 */
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Expectation, ListOptions, Store, Write } from '../kit/store.ts'
import { seededRandom } from './seeded.ts'

/** Each number is the probability (0 to 1) that an operation meets the fault; left out, it never does. */
export interface FaultPlan {
  /** A `get` or `list` fails. */
  readonly readError?: number
  /** A commit fails and has written nothing. */
  readonly errorBefore?: number
  /** A commit fails although it took place: what a lost answer looks like. */
  readonly errorAfter?: number
  /** A commit that has expectations is told of a conflict and has written nothing. */
  readonly conflict?: number
  /** An operation is delayed, by up to `delayMsMax` (default 5). */
  readonly delay?: number
  readonly delayMsMax?: number
  /** How to wait; a simulation has its own time. Default: a timer. */
  readonly sleep?: (milliseconds: number) => Promise<void>
}

export interface FaultyStore extends Store {
  /** How often each fault struck. */
  readonly faults: Readonly<Record<'readError' | 'errorBefore' | 'errorAfter' | 'conflict' | 'delay', number>>
}

/** The same seed, plan and order of operations meet the same faults. Injected errors are `ApiError` 'overloaded' or `Conflict`. */
export function faultyStore(inner: Store, seed: number, plan: FaultPlan): FaultyStore {
  const { sleep = sleepWithTimer, delayMsMax = 5 } = plan
  const random = seededRandom(seed)
  const faults = { readError: 0, errorBefore: 0, errorAfter: 0, conflict: 0, delay: 0 }
  const strikes = (fault: keyof typeof faults): boolean => {
    // Drawn even if the fault is off, so that changing one probability leaves the others' draws as they were.
    const isStruck = random() < (plan[fault] ?? 0)
    if (isStruck) faults[fault] += 1
    return isStruck
  }
  const wait = async (): Promise<void> => {
    const length = random() * delayMsMax
    if (strikes('delay')) await sleep(length)
  }

  async function read<T>(operation: () => Promise<T>): Promise<T> {
    const fails = strikes('readError')
    await wait()
    if (fails) throw injected('reading')
    return await operation()
  }

  async function commit(expectations: readonly Expectation[], writes: readonly Write[]): Promise<number> {
    const [failsBefore, failsAfter, conflicts] = [strikes('errorBefore'), strikes('errorAfter'), strikes('conflict')]
    await wait()
    const [expectation] = expectations
    if (conflicts && expectation !== undefined) throw new Conflict(expectation.key)
    if (failsBefore) throw injected('before the commit')
    const number = await inner.commit(expectations, writes)
    if (failsAfter) throw injected('after the commit')
    return number
  }

  return Object.freeze({
    faults,
    get: (key: string) => read(() => inner.get(key)),
    list: (prefix: string, options?: ListOptions) => read(() => inner.list(prefix, options)),
    commit,
    watch: (prefix: string, from: number, signal: AbortSignal) => inner.watch(prefix, from, signal),
    lastCommit: () => inner.lastCommit(),
  })
}

const injected = (when: string): ApiError => new ApiError('overloaded', `a fault was injected ${when}`)

const sleepWithTimer = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))
