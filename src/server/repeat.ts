/** Work that recurs beside requests. */
import type { Host } from '../core/host.ts'

/** Runs `work` about every `ms`, once it has ended, until stopped; the stop waits for what runs. A failure is logged, and concerns that turn only. */
export function repeat(host: Pick<Host, 'later' | 'log'>, ms: number, what: string, work: () => Promise<void>): () => Promise<void> {
  let [cancel, stopped, running] = [(): void => undefined, false, Promise.resolve()]
  const turn = (): void => {
    running = work()
      .catch((error: unknown) => host.log('error', 'core', `${what} failed`, { error: error instanceof Error ? error.message : 'unknown' }))
      .finally(() => (stopped ? undefined : (cancel = host.later(ms, turn))))
  }
  cancel = host.later(ms, turn)
  return async () => {
    stopped = true
    cancel()
    await running
  }
}
