/**
 * Runs the chores of engines: the recurring work that they declare, those of one mount one after the other, each as often as it says. When a chore
 * ran last is known only to the process: chores are work that may be done again.
 */
import type { Chore } from '../../kit/engine.ts'
import type { Core } from '../core.ts'
import { currentGeneration } from '../generation.ts'
import { makePassword } from '../passwords.ts'
import { withUnit } from '../unit.ts'
import type { Mount } from './table.ts'

const everyMs = 1_000
/** Seconds after which a chore runs that was never met before, if its interval is not shorter: a server that is often restarted tidies too. */
const firstWaitMax = 3600

/** Each pass starts what is due. A mount whose chores are under way is left to the next: what hangs there holds up nobody else. */
export class ChoreRunner {
  readonly #core: Core
  /** Milliseconds since 1970, by mount and chore. */
  #dueAt = new Map<string, number>()
  /** By mount. */
  readonly #underWay = new Map<string, Promise<void>>()
  readonly #stopping = new AbortController()
  /** Those that have chores, as of one generation. */
  #busy: { readonly generation: number; readonly mounts: readonly Mount[] } = { generation: -1, mounts: [] }

  constructor(core: Core) {
    this.#core = core
  }

  async pass(): Promise<void> {
    const known = new Map<string, number>()
    for (const mount of await this.#mountsWithChores()) {
      const due = (mount.registered?.engine.chores ?? []).filter((chore) => this.#isDue(known, mount, chore))
      if (due.length > 0) this.#start(mount, due)
    }
    this.#dueAt = known
  }

  async #mountsWithChores(): Promise<readonly Mount[]> {
    // Read first: the list is at least as new.
    const generation = await currentGeneration(this.#core)
    if (generation !== this.#busy.generation) {
      this.#busy = { generation, mounts: await mountsWithChores(this.#core) }
    }
    return this.#busy.mounts
  }

  /** Asks what is under way to end early. */
  stop(): void {
    this.#stopping.abort()
  }

  /** Resolves when nothing that was started is under way any more. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay.values())
  }

  /** Notes in `known` when the chore is due the next time. */
  #isDue(known: Map<string, number>, { record }: Mount, { name, everySeconds }: Chore): boolean {
    const now = this.#core.host.now()
    const key = `${record.uuid} ${name}`
    const dueAt = this.#dueAt.get(key) ?? now + Math.min(everySeconds, firstWaitMax) * 1000
    const isDue = dueAt <= now && !this.#underWay.has(record.uuid)
    known.set(key, isDue ? now + everySeconds * 1000 : dueAt)
    return isDue
  }

  #start(mount: Mount, chores: readonly Chore[]): void {
    const work = async (): Promise<void> => {
      for (const chore of chores) await runChore(this.#core, mount, chore, this.#stopping.signal)
      this.#underWay.delete(mount.record.uuid)
    }
    this.#underWay.set(mount.record.uuid, work())
  }
}

/** In the order of their paths. */
async function mountsWithChores({ mounts, registry }: Core): Promise<readonly Mount[]> {
  // Asked for the chores themselves, an engine without any mount would be loaded.
  const types = new Map(registry.all.filter(({ engine }) => 'chores' in engine).map(({ engine }) => [`${engine.kind} ${engine.type}`, engine]))
  const found: Mount[] = []
  for (const { kind, type } of types.values()) found.push(...(await mounts.ofType(kind, type)))
  return found.filter(({ registered }) => (registered?.engine.chores ?? []).length > 0).sort((a, b) => (a.record.path < b.record.path ? -1 : 1))
}

/** A chore that fails is tried again when it is due the next time. */
async function runChore(core: Core, mount: Mount, chore: Chore, signal: AbortSignal): Promise<void> {
  try {
    await chore.run({
      store: mount.store,
      change: (work) => withUnit((unit) => work(unit.on(mount.store))),
      mount: mount.view,
      now: core.host.now(),
      random: core.host.random,
      makePassword: (policy) => makePassword(core, policy),
      signal,
    })
  } catch (error) {
    if (core.barrier.isSealed) return
    core.host.log('error', 'core', 'a chore failed', { mount: mount.record.path, chore: chore.name, error: error instanceof Error ? error.message : 'unknown' })
  }
}

/** Looks about once a second for what is due, until stopped. Only one process of a cluster does. */
export function startChores(core: Core): () => Promise<void> {
  const runner = new ChoreRunner(core)
  let stopped = false
  let cancel = (): void => undefined
  let running: Promise<void> = Promise.resolve()
  const turn = (): void => {
    running = pass(core, runner).finally(() => {
      if (!stopped) cancel = core.host.later(everyMs, turn)
    })
  }
  cancel = core.host.later(everyMs, turn)
  return async () => {
    stopped = true
    cancel()
    await running
    runner.stop()
    await runner.settle()
  }
}

async function pass(core: Core, runner: ChoreRunner): Promise<void> {
  if (core.barrier.isSealed) return
  try {
    await runner.pass()
  } catch (error) {
    if (!core.barrier.isSealed) core.host.log('error', 'core', 'chores could not be run', { error: error instanceof Error ? error.message : 'unknown' })
  }
}
