/**
 * Revocations that take longer than anybody waits: a task is on record before its first lease goes, whoever was asked does the first piece, and the process that leads
 * the rest. So a hundred thousand leases go in the background, a crash loses none, and how far it has come can be read.
 */
import { records } from '../../kit/records.ts'
import { opaqueStore, type Base } from '../base.ts'
import type { Core } from '../core.ts'
import { withUnit } from '../unit.ts'
import { leasesInPiece, revokeUnder, type Piece } from './revoke-under.ts'

export interface RevocationTask {
  readonly id: string
  readonly prefix: string
  readonly force: boolean
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly revoked: number
  /** Those that an engine could not revoke at the first try: the sweeper has them. */
  readonly waiting: number
  /** Until then whoever was asked is at it. */
  readonly takenUntil: number
}

const tasks = records<RevocationTask, [id: string]>((id) => `revocation/${id}`)

/** After so long nobody believes that the one who was asked is still at its first piece. */
const takenSeconds = 120

/**
 * Revokes what is below a prefix, and resolves after the first piece of it. What is left then, the process that leads goes on with.
 */
export async function beginRevocation(core: Core, prefix: string, force: boolean): Promise<void> {
  const now = core.host.now()
  const task: RevocationTask = { id: core.host.uuid(), prefix, force, startedAt: now, revoked: 0, waiting: 0, takenUntil: now + takenSeconds * 1000 }
  await opaqueStore(core).commit([], [{ put: tasks.key(task.id), value: tasks.encode(task) }])
  let done = 0
  const onPiece = async (piece: Piece): Promise<false> => {
    done = piece.revoked + piece.waiting
    await note(core, task.id, piece)
    return false
  }
  await revokeUnder(core, prefix, { force, madeUntil: now, onPiece })
  if (done < leasesInPiece) await endTask(core, task.id)
  else await change(core, task.id, (current) => ({ ...current, takenUntil: 0 }))
}

/** Goes on with what others have left; resolves when it is done. Returns the number of tasks. Only one process of a cluster does. */
export async function resumeRevocationTasks(core: Core): Promise<number> {
  const open = (await listTasks(core)).filter(({ takenUntil }) => takenUntil <= core.host.now())
  await Promise.all(open.map((task) => finishTask(core, task)))
  return open.length
}

/** A prefix that hangs or fails holds up no other. */
async function finishTask(core: Core, { id, prefix, force, startedAt }: RevocationTask): Promise<void> {
  try {
    await revokeUnder(core, prefix, { force, madeUntil: startedAt, onPiece: async (piece) => await note(core, id, piece) })
    const task = await tasks.read(opaqueStore(core), id)
    await endTask(core, id)
    const seconds = Math.round((core.host.now() - startedAt) / 1000)
    core.host.log('info', 'expiration', 'revoked what was below a prefix', { prefix, revoked: task?.revoked ?? 0, waiting: task?.waiting ?? 0, seconds })
  } catch (error) {
    if (!core.barrier.isSealed) core.host.log('error', 'expiration', 'what is below a prefix could not be revoked yet', { prefix, error: error instanceof Error ? error.message : 'unknown' })
  }
}

/** False: the task is gone, or the server is sealed. */
const note = async (core: Core, id: string, piece: Piece): Promise<boolean> =>
  !core.barrier.isSealed && (await change(core, id, (task) => ({ ...task, revoked: task.revoked + piece.revoked, waiting: task.waiting + piece.waiting })))

const change = (core: Core, id: string, by: (task: RevocationTask) => RevocationTask): Promise<boolean> => withUnit(async (unit) => {
  const opaque = unit.on(opaqueStore(core))
  const task = await tasks.read(opaque, id)
  if (task !== null) tasks.write(opaque, by(task), id)
  return task !== null
})

const endTask = async (core: Core, id: string): Promise<void> => void (await opaqueStore(core).commit([], [{ del: tasks.key(id) }]))

/** Those that are not done, the oldest first. */
export async function listTasks(base: Base): Promise<RevocationTask[]> {
  const store = opaqueStore(base)
  const found: RevocationTask[] = []
  for (const id of await store.list('revocation/')) {
    const task = await tasks.read(store, id)
    if (task !== null) found.push(task)
  }
  return found.sort((a, b) => a.startedAt - b.startedAt)
}
