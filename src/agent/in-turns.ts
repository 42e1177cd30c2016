/** Work on many things with a bound on how many are under way: sockets and memory do not grow with their number. */

/** In the order of the items. */
export async function settleInTurns<T, R>(items: readonly T[], atOnce: number, work: (item: T) => Promise<R>): Promise<PromiseSettledResult<R>[]> {
  const results: PromiseSettledResult<R>[] = []
  const queue = items.entries()
  const worker = async (): Promise<void> => {
    for (const [i, item] of queue) {
      results[i] = await work(item).then((value) => ({ status: 'fulfilled', value }), (reason: unknown) => ({ status: 'rejected', reason }))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
