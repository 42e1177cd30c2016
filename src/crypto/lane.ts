/** Work that costs much processor time runs a few at a time, and a bounded number waits: the threads that it takes also read and write the store. */
import { ApiError } from '../kit/errors.ts'

export interface LaneOptions {
  readonly running: number
  readonly waiting: number
  /** What whoever comes beyond that is told. */
  readonly refusal: string
}

export type Lane = <T>(work: () => Promise<T>) => Promise<T>

/** Throws `overloaded` when too many wait. */
export function lane({ running: runningMax, waiting: waitingMax, refusal }: LaneOptions): Lane {
  let running = 0
  const waiting: (() => void)[] = []
  return async (work) => {
    if (running >= runningMax) {
      if (waiting.length >= waitingMax) throw new ApiError('overloaded', refusal)
      await new Promise<void>((resolve) => waiting.push(resolve))
    } else running += 1
    try {
      return await work()
    } finally {
      // The place is handed on, so that nobody who comes in between takes it as well.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }
}
