/** What `work` resolves with, or `late` after so many milliseconds. */
export async function within<T, L>(work: Promise<T>, ms: number, late: L): Promise<T | L> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<L>((resolve) => (timer = setTimeout(resolve, ms, late)))
  return await Promise.race([work, deadline]).finally(() => clearTimeout(timer))
}
