/** `rotate-root/`, `rotate-role/`, and what rotates by itself. */
import type { Chore, ChoreCall } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { nameText } from '../../kit/fields.ts'
import { path, type Call, type MountView } from '../../kit/operation.ts'
import { outside, type Outside } from '../../kit/outside.ts'
import { resolveConnection } from './connections.ts'
import { textOf } from './driver.ts'
import type { Pools, Database } from './pools.ts'
import { parseScheduleName, schedulePrefix } from './records.ts'
import { carryOut, failed, intend, refusalOf, rotationSeconds, settle, type Outcome } from './rotation.ts'
import { readSubject, writeSubject, type Subject, type SubjectName } from './subject.ts'

const databaseOf = (pools: Pools, mount: MountView, { connectionName, connection }: Subject): Database => pools.of(mount.uuid, connectionName, connection)

type Asked = Pick<Call<never, never>, 'store' | 'mount' | 'now' | 'random' | 'makePassword'>

/** The rotation of something as an operation. `dropped`: what is left of something that was only made for it. */
export async function rotating(pools: Pools, call: Asked, subject: Subject, dropped: (call: { readonly store: Call<never, never>['store'] }) => void = () => undefined): Promise<Outside> {
  const { random } = call
  const database = databaseOf(pools, call.mount, subject)
  const plan = await intend(call.store, subject, call, rotationSeconds(database))
  let outcome: Outcome = { state: 'open', failure: 'the time for it was over' }
  return outside({
    withinSeconds: rotationSeconds(database),
    async act({ signal }) {
      outcome = await carryOut(database, plan, 'foreground', signal)
      const refusal = refusalOf(outcome)
      if (refusal !== null) throw refusal
    },
    async finish({ store, now }) {
      await settle(store, subject, plan.next, outcome, { now, random })
      return null
    },
    async failed({ store, now }) {
      if (outcome.state === 'unchanged') dropped({ store })
      await settle(store, subject, plan.next, outcome, { now, random })
    },
  })
}

export function rotateOperations(pools: Pools) {
  const root = path('rotate-root/{name}', { name: nameText('Name of the connection.') }).write({
    summary: 'Give the administrator of a connection another password, which nobody is shown.',
    async handle(call) {
      const { params: { name }, store } = call
      await resolveConnection(store, name)
      const subject = await readSubject(store, { kind: 'root', name })
      if (subject === null || subject.username === '') throw badRequest('unable to rotate root credentials: no username in configuration')
      if ((subject.secret.password ?? '') === '') throw badRequest('unable to rotate root credentials: no password in configuration')
      return await rotating(pools, call, subject)
    },
  })
  const role = path('rotate-role/{name}', { name: nameText('Name of the static role.') }).write({
    summary: 'Give the account of a static role another password.',
    async handle(call) {
      const subject = await readSubject(call.store, { kind: 'static', name: call.params.name })
      if (subject === null) throw badRequest('no static role found for role name')
      return await rotating(pools, call, subject)
    },
  })
  return [root, role]
}

const dueMax = 32

/** Rotates what is due, and finds out about what a crash left open. */
export function rotationChore(pools: Pools): Chore {
  return {
    name: 'rotation',
    everySeconds: 1,
    async run(call) {
      const entries = await call.store.list(schedulePrefix, { limit: dueMax })
      const due = entries.filter((entry) => parseScheduleName(entry).at <= call.now)
      await Promise.all(due.map((entry) => rotateDue(pools, call, entry)))
    },
  }
}

async function rotateDue(pools: Pools, call: ChoreCall, entry: string): Promise<void> {
  const { at, ...name } = parseScheduleName(entry)
  try {
    await rotateNow(pools, call, name, at)
  } catch (error) {
    await noteFailure(call, name, textOf(error))
  } finally {
    // One that lies, or is of something that is gone: whatever is written gets a new one.
    await call.change(async (store) => {
      if ((await readSubject(store, name))?.rotation.nextAt !== at) store.delete(schedulePrefix + entry)
    })
  }
}

async function rotateNow(pools: Pools, { change, mount, now, random, makePassword, signal }: ChoreCall, name: SubjectName, at: number): Promise<void> {
  const begun = await change(async (store) => {
    const subject = await readSubject(store, name)
    if (subject === null || subject.rotation.nextAt !== at) return null
    const database = databaseOf(pools, mount, subject)
    return { database, plan: await intend(store, subject, { random, makePassword, now }, rotationSeconds(database)) }
  })
  if (begun === null) return
  const { database, plan } = begun
  const limit = AbortSignal.any([signal, AbortSignal.timeout(rotationSeconds(database) * 1000)])
  const outcome = await carryOut(database, plan, 'background', limit)
  await change((store) => settle(store, name, plan.next, outcome, { now, random }))
}

/** What could not even begin: the password policy is gone, or the configuration makes no sense any more. */
async function noteFailure({ change, now, random }: ChoreCall, name: SubjectName, failure: string): Promise<void> {
  await change(async (store) => {
    const subject = await readSubject(store, name)
    if (subject !== null) writeSubject(store, subject, { rotation: failed(subject, failure, subject.successor !== null, now) }, random)
  })
}
