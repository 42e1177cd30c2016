/** Changes that a database turns away because somebody else makes one at the same moment: it leaves it to the client to come again. */
import { setTimeout } from 'node:timers/promises'

export interface TurnedAway {
  readonly isTurnedAway: (error: unknown) => boolean
  readonly attemptsMax: number
  /** Milliseconds by which each pause is longer than the one before. */
  readonly stepMs: number
}

/** Repeats what was turned away, each time a little later. Throws what the last attempt threw. */
export async function repeatTurnedAway<T>({ isTurnedAway, attemptsMax, stepMs }: TurnedAway, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (attempt === attemptsMax || !isTurnedAway(error)) throw error
      await setTimeout(attempt * stepMs)
    }
  }
}
