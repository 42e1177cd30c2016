/** Work that takes longer than others should wait: it is done in steps of some milliseconds, each in a turn of the event loop of its own. */

let last: Promise<void> = Promise.resolve()

/** Milliseconds. A request takes several turns, with waiting between them: in this time most are done, so that they wait for one step and not for one in each turn. */
const pause = 1

/** Resolves in a later turn of the event loop. One after the other of all who wait in this process, so that much work at once makes no turn longer. */
export function nextTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => void setTimeout(resolve, pause)))
  return last
}

/** Runs steps to their end, with a turn between them. Throws what they throw. */
export async function inTurns<T>(steps: Iterator<unknown, T>): Promise<T> {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await nextTurn()
  }
}
