/** Notices that the clock of the machine was set. Lives of tokens, leases and certificates follow that clock, as they must across restarts: the operator should know why they end. */
import type { Logger } from '../core/host.ts'
import { steadyNow } from './host.ts'

const lookMs = 1_000
/** What slewing by a time service never comes to between two looks. Milliseconds. */
const noticedFrom = 1_000

/** Compares `now`, which may jump, with `steady`, which does not: both in milliseconds. The returned function ends it. */
export function watchClock(log: Logger, now: () => number, steady: () => number = steadyNow): () => Promise<void> {
  let last = now() - steady()
  const timer = setInterval(() => {
    const difference = now() - steady()
    const seconds = Math.round((difference - last) / 1000)
    if (Math.abs(difference - last) >= noticedFrom) log('warn', 'core', 'the clock of this machine was set: what has a time to live ends that much earlier or later', { by_seconds: seconds })
    last = difference
  }, lookMs)
  timer.unref()
  return async () => clearInterval(timer)
}
