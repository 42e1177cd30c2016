/**
 * What only one process of a cluster does: revoking what has expired, chores of engines, care for seals, finishing what a crash interrupted. It goes through a core
 * of its own, over the same store behind a fence, which is unsealed while this process leads and sealed otherwise.
 */
import { Barrier } from '../barrier/barrier.ts'
import type { Core } from '../core/core.ts'
import { Leadership, type LeaderPace } from '../core/leader/leadership.ts'
import { resumeRecounts } from '../core/leases/quotas.ts'
import { startSweeper } from '../core/leases/sweeper.ts'
import { resumeRevocationTasks } from '../core/leases/tasks.ts'
import { resumeConversions, resumeRemovals } from '../core/mounts/change.ts'
import { startChores } from '../core/mounts/chores.ts'
import type { Store } from '../kit/store.ts'
import { fencedStore } from '../storage/fenced.ts'
import { repeat } from './repeat.ts'
import { careForSeals } from './seal-care.ts'

export interface Jobs {
  /** Seals the part of the store that jobs see. */
  readonly forget: () => void
  /** That process has ended: this one need not wait to lead in its place. */
  readonly noteGone: (processId: string) => void
  readonly close: () => Promise<void>
}

export interface JobsOptions {
  readonly store: Store
  /** Of this process. */
  readonly core: Core
  /** The same over another barrier. */
  readonly coreOver: (barrier: Barrier) => Core
  /** Of this process; no other one has it, now or later. */
  readonly processId: string
  readonly pace: LeaderPace
  /** Nobody else can be serving from this store: whoever led before is gone. */
  readonly isOnly: boolean
}

/** Opened values that jobs keep: they hardly meet one twice. */
const cacheBytes = 1024 * 1024
const lookMs = 1_000
const resumeMs = 5_000

export function startJobs({ store, core, coreOver, processId, pace, isOnly }: JobsOptions): Jobs {
  const leadership = new Leadership(core, processId, pace)
  const barrier = new Barrier(fencedStore(store, leadership.fence), { now: core.host.now, cacheBytes, onRootKeyChanged: () => barrier.seal() })
  const jobs = coreOver(barrier)
  // The engines' connections are those of the requests, too: they stay.
  const sealJobs = (): void => {
    barrier.seal()
    jobs.mounts.forget()
    jobs.policies.forget()
  }
  let mayForce = isOnly
  const look = async (): Promise<void> => {
    if (core.barrier.isSealed) return leave()
    await leadership.look(mayForce)
    mayForce &&= !leadership.isLeading
    if (!leadership.isLeading) leave()
    else if (barrier.isSealed) await unsealLike(core.barrier, barrier)
  }
  const leave = (): void => {
    leadership.drop()
    if (!barrier.isSealed) sealJobs()
  }
  const stops = [
    repeat(core.host, lookMs, 'leading', look),
    repeat(core.host, lookMs, 'work on the seals', careForSeals(jobs)),
    startSweeper(jobs),
    startChores(jobs),
    repeat(core.host, lookMs, 'revoking below prefixes', async () => {
      if (!barrier.isSealed) await resumeRevocationTasks(jobs)
    }),
    repeat(core.host, resumeMs, 'recurring work', async () => {
      if (barrier.isSealed) return
      await barrier.tick()
      await resumeRemovals(jobs)
      await resumeConversions(jobs)
      await resumeRecounts(jobs)
    }),
  ]
  return {
    forget: leave,
    noteGone: (id) => leadership.noteGone(id),
    async close() {
      for (const stop of stops) await stop()
      if (!core.barrier.isSealed) await leadership.resign().catch(() => undefined)
      sealJobs()
    },
  }
}

async function unsealLike(from: Barrier, to: Barrier): Promise<void> {
  const rootKey = from.exportRootKey()
  await to.unseal(rootKey).finally(() => rootKey.fill(0))
}
