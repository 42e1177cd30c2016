/** For tests of what gives way to others: counted, not timed. */

/** What it comes to, and how often others had their turn meanwhile: with timers, as `nextTurn` has them, so that each pause counts once or twice, however long it is. */
export async function turnsDuring<T>(work: () => Promise<T>): Promise<{ readonly made: T; readonly turns: number }> {
  let turns = 0
  const count = (): void => {
    turns++
    timer = setTimeout(count, 1)
  }
  let timer = setTimeout(count, 1)
  try {
    return { made: await work(), turns }
  } finally {
    clearTimeout(timer)
  }
}
