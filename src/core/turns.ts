/** Work on very many things, without keeping the event loop from others. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Some milliseconds, where one thing is a record to be read. */
const atOnce = 100

/** Calls `work` for each of them, one after the other; after a hundred the others in this process have their turn. */
export async function eachInTurns<T>(items: readonly T[], work: (item: T) => Promise<void> | void): Promise<void> {
  for (const [i, item] of items.entries()) {
    if (i % atOnce === atOnce - 1) await nextTurn()
    await work(item)
  }
}
