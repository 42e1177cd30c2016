/** Engines are loaded when they are first used. Those that have mounts are, one after the other, once the keys are there: no request should wait for it. */
import type { Core } from '../core/core.ts'
import { repeat } from './repeat.ts'

/** Long enough for whoever waited for the start to be answered before, and between two engines. */
const everyMs = 200

/** Returns what stops it. */
export function loadEngines({ barrier, host, mounts, registry }: Pick<Core, 'barrier' | 'host' | 'mounts' | 'registry'>): () => Promise<void> {
  const waiting = [...registry.all]
  const stop = repeat(host, everyMs, 'loading engines', async () => {
    if (barrier.isSealed) return
    const next = waiting.shift()
    if (next === undefined) return void stop()
    if (await mounts.hasType(next.engine.kind, next.engine.type)) void next.routes
  })
  return stop
}
