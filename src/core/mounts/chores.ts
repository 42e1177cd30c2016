/**
 * Runs the chores of engines: the recurring work that they declare, one after the other, each as often as it says. When a chore ran last is known
 * only to the process: chores are work that may be done again.
 */
import type { Chore } from '../../kit/engine.ts'
import type { Core } from '../core.ts'
import type { Mount } from './table.ts'

const everyMs = 60_000
/** Seconds after which a chore runs that was never met before, if its interval is not shorter: a server that is often restarted tidies too. */
const firstWaitMax = 3600

/** Each call is one pass over everything that is due. */
export function choreRunner(core: Core): () => Promise<void> {
  /** Milliseconds since 1970, by mount and chore. */
  let dueAt = new Map<string, number>()
  return async () => {
    const known = new Map<string, number>()
    for (const mount of await core.mounts.list()) {
      for (const chore of mount.registered?.engine.chores ?? []) {
        const key = `${mount.record.uuid} ${chore.name}`
        const due = dueAt.get(key) ?? core.host.now() + Math.min(chore.everySeconds, firstWaitMax) * 1000
        known.set(key, due)
        if (due > core.host.now()) continue
        known.set(key, core.host.now() + chore.everySeconds * 1000)
        await runChore(core, mount, chore)
      }
    }
    dueAt = known
  }
}

/** A chore that fails is tried again when it is due the next time. */
async function runChore(core: Core, mount: Mount, chore: Chore): Promise<void> {
  try {
    await chore.run({ store: mount.store, mount: mount.view, now: core.host.now() })
  } catch (error) {
    if (core.barrier.isSealed) return
    core.host.log('error', 'core', 'a chore failed', { mount: mount.record.path, chore: chore.name, error: error instanceof Error ? error.message : 'unknown' })
  }
}

/** Looks about once a minute for what is due, until stopped. Only one process of a cluster does. */
export function startChores(core: Core): () => Promise<void> {
  const run = choreRunner(core)
  let stopped = false
  let cancel = (): void => undefined
  let running: Promise<void> = Promise.resolve()
  const turn = (): void => {
    running = pass(core, run).finally(() => {
      if (!stopped) cancel = core.host.later(everyMs, turn)
    })
  }
  cancel = core.host.later(everyMs, turn)
  return async () => {
    stopped = true
    cancel()
    await running
  }
}

async function pass(core: Core, run: () => Promise<void>): Promise<void> {
  if (core.barrier.isSealed) return
  try {
    await run()
  } catch (error) {
    if (!core.barrier.isSealed) core.host.log('error', 'core', 'chores could not be run', { error: error instanceof Error ? error.message : 'unknown' })
  }
}
