/** For tests of what gives way to others: counted, not timed. */

/** What it comes to, and how many turns of the event loop others had meanwhile. */
export async function turnsDuring<T>(work: () => Promise<T>): Promise<{ readonly made: T; readonly turns: number }> {
  let [turns, isDone] = [0, false]
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  try {
    return { made: await work(), turns }
  } finally {
    isDone = true
  }
}
