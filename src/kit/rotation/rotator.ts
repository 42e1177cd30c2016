/** The rotation of what an engine keeps: when it is asked for, when it is due, and after a crash. What is done outside is the machine's. */
import type { Chore, ChoreCall } from '../engine.ts'
import { badRequest } from '../errors.ts'
import type { Call, MountView } from '../operation.ts'
import { outside, type ActCall, type AfterActCall, type Outside } from '../outside.ts'
import type { Data } from '../result.ts'
import type { Transaction } from '../store.ts'
import { carryOut, refusalOf, textOfError, type Outcome, type Target } from './machine.ts'
import { parseScheduleName, schedulePrefix, type RotatingName, type Rotation, type Schedule, type Successor } from './record.ts'
import { nextAfter, retryAfter } from './schedule.ts'

export interface Rotating<S> extends RotatingName {
  readonly schedule: Schedule | null
  readonly rotation: Rotation
  readonly successor: Successor<S> | null
}

export interface Change<S> {
  readonly secret?: S
  readonly rotation?: Rotation
  readonly successor?: Successor<S> | null
}

export type Maker = Pick<Call<never, never>, 'random' | 'makePassword'>

/** How an engine keeps what rotates, and how it is rotated. */
export interface Keeper<T extends Rotating<S>, S> {
  /** Null: it is not there, or what it needs is not. */
  readonly read: (store: Transaction, name: RotatingName) => Promise<T | null>
  /** Also moves its entry in the index. */
  readonly write: (store: Transaction, subject: T, change: Change<S>, random: Maker['random']) => void | Promise<void>
  /** Null: it is not known. */
  readonly secretOf: (subject: T) => S | null
  readonly make: (subject: T, maker: Maker) => Promise<S>
  readonly isSame: (one: S, other: S) => boolean
  /** `urgency`: whether somebody waits. Throws when the configuration makes no sense. */
  readonly target: (mount: MountView, subject: T, next: S, urgency: 'foreground' | 'background') => Target<S>
  /** Seconds that all steps may take together. Throws when the configuration makes no sense. */
  readonly seconds: (mount: MountView, subject: T) => number
}

export interface Begun<T, S> {
  readonly subject: T
  readonly next: S
  readonly isResumed: boolean
}

type Asked = Maker & Pick<Call<never, never>, 'store' | 'mount' | 'now'>

const graceSeconds = 5

/** The first step: writes the successor down. Throws `bad_request` when somebody is at it this moment. */
export async function intend<T extends Rotating<S>, S>(keeper: Keeper<T, S>, store: Transaction, subject: T, maker: Maker & { readonly now: number }, seconds: number): Promise<Begun<T, S>> {
  const { successor, rotation } = subject
  if (successor !== null && successor.until > maker.now) throw badRequest(`a rotation of ${JSON.stringify(subject.name)} is under way`)
  const next = successor?.secret ?? (await keeper.make(subject, maker))
  const until = maker.now + (seconds + graceSeconds) * 1000
  await keeper.write(store, subject, { successor: { secret: next, until }, rotation: { ...rotation, nextAt: until } }, maker.random)
  return { subject, next, isResumed: successor !== null }
}

/** The third step: writes down what is true now. Somebody who changed the subject meanwhile knows better. */
export async function settle<T extends Rotating<S>, S>(keeper: Keeper<T, S>, store: Transaction, name: RotatingName, next: S, outcome: Outcome, { now, random }: { readonly now: number; readonly random: Maker['random'] }): Promise<void> {
  const subject = await keeper.read(store, name)
  const successor = subject?.successor ?? null
  if (subject === null || successor === null || !keeper.isSame(successor.secret, next)) return
  if (outcome.state === 'done') return await keeper.write(store, subject, { secret: successor.secret, successor: null, rotation: succeeded(subject, now) }, random)
  const isOpen = outcome.state === 'open'
  await keeper.write(store, subject, { successor: isOpen ? { ...successor, until: now } : null, rotation: failedOnce(subject, outcome.failure, isOpen, now) }, random)
}

async function noteNext<T extends Rotating<S>, S>(keeper: Keeper<T, S>, store: Transaction, name: RotatingName, next: S, completed: S, random: Maker['random']): Promise<void> {
  const subject = await keeper.read(store, name)
  if (subject?.successor == null || !keeper.isSame(subject.successor.secret, next)) throw badRequest(`${JSON.stringify(name.name)} was changed meanwhile`)
  await keeper.write(store, subject, { successor: { ...subject.successor, secret: completed } }, random)
}

function succeeded<S>({ schedule }: Rotating<S>, now: number): Rotation {
  return { lastAt: now, nextAt: schedule === null ? 0 : nextAfter(schedule, now, now), failure: '', failures: 0 }
}

function failedOnce<S>({ schedule, rotation }: Rotating<S>, failure: string, isOpen: boolean, now: number): Rotation {
  const again = schedule === null && !isOpen ? 0 : retryAfter(isOpen ? null : schedule, rotation, now)
  return { ...rotation, nextAt: again, failure: failure.slice(0, 500), failures: rotation.failures + 1 }
}

interface Options {
  /** When none of them was changed: what is left of what was only made for it. */
  readonly dropped?: (store: Transaction) => void | Promise<void>
  readonly answer?: Data
}

/** The rotation of something as an operation. */
export const rotating = <T extends Rotating<S>, S>(keeper: Keeper<T, S>, call: Asked, subject: T, options: Options = {}): Promise<Outside> => rotatingAll(keeper, call, [subject], options)

/** The rotation of several, each of which is done or not by itself; the first that is not is what whoever asked is told. */
export async function rotatingAll<T extends Rotating<S>, S>(keeper: Keeper<T, S>, call: Asked, subjects: readonly T[], { dropped, answer }: Options = {}): Promise<Outside> {
  const seconds = subjects.reduce((sum, subject) => sum + keeper.seconds(call.mount, subject), 0)
  const jobs: Job<T, S>[] = []
  for (const subject of subjects) jobs.push({ ...(await intend(keeper, call.store, subject, call, seconds)), outcome: { state: 'open', failure: 'the time for it was over' } })
  const settleAll = async ({ store, now }: AfterActCall): Promise<void> => {
    for (const { subject, next, outcome } of jobs) await settle(keeper, store, subject, next, outcome, { now, random: call.random })
  }
  return outside({
    withinSeconds: seconds,
    async act(act) {
      for (const job of jobs) job.outcome = await carryOutJob(keeper, call, job, act)
      const refusal = jobs.map(({ outcome }) => refusalOf(outcome)).find((found) => found !== null)
      if (refusal != null) throw refusal
    },
    async finish(after) {
      await settleAll(after)
      return answer ?? null
    },
    async failed(after) {
      if (jobs.every(({ outcome }) => outcome.state === 'unchanged')) await dropped?.(after.store)
      await settleAll(after)
    },
  })
}

interface Job<T, S> extends Begun<T, S> {
  outcome: Outcome
}

function carryOutJob<T extends Rotating<S>, S>(keeper: Keeper<T, S>, { mount, random }: Asked, { subject, next, isResumed }: Job<T, S>, { signal, note }: ActCall): Promise<Outcome> {
  const target = keeper.target(mount, subject, next, 'foreground')
  return carryOut(target, { old: keeper.secretOf(subject), next, isResumed }, { signal, note: (secret) => note(({ store }) => noteNext(keeper, store, subject, next, secret, random)) })
}

const dueMax = 32

/** Rotates what is due, and finds out about what a crash left open. */
export function rotationChore<T extends Rotating<S>, S>(keeper: Keeper<T, S>): Chore {
  return {
    name: 'rotation',
    everySeconds: 1,
    async run(call) {
      const entries = await call.store.list(schedulePrefix, { limit: dueMax })
      const due = entries.filter((entry) => parseScheduleName(entry).at <= call.now)
      await Promise.all(due.map((entry) => rotateDue(keeper, call, entry)))
    },
  }
}

async function rotateDue<T extends Rotating<S>, S>(keeper: Keeper<T, S>, call: ChoreCall, entry: string): Promise<void> {
  const { at, ...name } = parseScheduleName(entry)
  try {
    await rotateNow(keeper, call, name, at)
  } catch (error) {
    await noteFailure(keeper, call, name, textOfError(error))
  } finally {
    // One that lies, or is of something that is gone: whatever is written gets a new one.
    await call.change(async (store) => {
      if ((await keeper.read(store, name))?.rotation.nextAt !== at) store.delete(schedulePrefix + entry)
    })
  }
}

async function rotateNow<T extends Rotating<S>, S>(keeper: Keeper<T, S>, { change, mount, now, random, makePassword, signal }: ChoreCall, name: RotatingName, at: number): Promise<void> {
  const begun = await change(async (store) => {
    const subject = await keeper.read(store, name)
    if (subject === null || subject.rotation.nextAt !== at) return null
    const seconds = keeper.seconds(mount, subject)
    return { seconds, ...(await intend(keeper, store, subject, { random, makePassword, now }, seconds)) }
  })
  if (begun === null) return
  const { subject, next, isResumed, seconds } = begun
  const limit = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)])
  const note = (secret: S): Promise<void> => change((store) => noteNext(keeper, store, name, next, secret, random))
  const outcome = await carryOut(keeper.target(mount, subject, next, 'background'), { old: keeper.secretOf(subject), next, isResumed }, { signal: limit, note })
  await change((store) => settle(keeper, store, name, next, outcome, { now, random }))
}

/** What could not even begin: the password policy is gone, or the configuration makes no sense any more. */
async function noteFailure<T extends Rotating<S>, S>(keeper: Keeper<T, S>, { change, now, random }: ChoreCall, name: RotatingName, failure: string): Promise<void> {
  await change(async (store) => {
    const subject = await keeper.read(store, name)
    if (subject !== null) await keeper.write(store, subject, { rotation: failedOnce(subject, failure, subject.successor !== null, now) }, random)
  })
}
