/** How a credential is rotated: by the steps of its recipe, in the order of `src/kit/rotation/machine.ts`. */
import { randomName } from '../../crypto/name-template.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { NothingDone } from '../../kit/outside.ts'
import { textOfError, type Looks, type Target } from '../../kit/rotation/machine.ts'
import { reschedule, type RotatingName } from '../../kit/rotation/record.ts'
import type { Change, Keeper, Maker, Rotating } from '../../kit/rotation/rotator.ts'
import type { Transaction } from '../../kit/store.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { runStep, StepFailed } from './call.ts'
import { recipeOf, type Recipe, type StepName } from './recipe.ts'
import { keys, services, type Key, type Previous, type Secret, type Service } from './records.ts'
import type { Known } from './template.ts'

export const keyName = (name: string): RotatingName => ({ kind: 'key', name })
/** The index of when which old credential is to be taken away. */
export const retirePrefix = 'retire/'

export interface Subject extends Rotating<Secret> {
  readonly key: Key
  readonly service: Service
}

/** Null: it is not there, or its service is not. */
export async function readSubject(store: Transaction, { name }: RotatingName): Promise<Subject | null> {
  const key = await keys.read(store, name)
  const service = key === null ? null : await services.read(store, key.service)
  if (key === null || service === null) return null
  return { ...keyName(name), key, service, schedule: key.schedule, rotation: key.rotation, successor: key.successor }
}

function writeSubject(store: Transaction, { name, key, service }: Subject, change: Change<Secret>): void {
  reschedule(store, keyName(name), key.rotation.nextAt, change.rotation?.nextAt ?? key.rotation.nextAt)
  // One of before is taken away by the rotation that begins: from now on nobody is given it.
  const left = key.previous !== null && key.successor === null && change.successor != null ? { ...key.previous, until: 0 } : key.previous
  const previous = change.secret === undefined ? left : previousOf(key, service, change.rotation?.lastAt ?? 0)
  writeKey(store, name, key, { ...key, ...change, previous })
}

/** Also moves the entry of what is to be taken away. */
export function writeKey(store: Transaction, name: string, before: Key, after: Key): void {
  reschedule(store, keyName(name), before.previous?.nextAt ?? 0, after.previous?.nextAt ?? 0, retirePrefix)
  keys.write(store, after, name)
}

function previousOf({ secret }: Key, { overlapSeconds, recipe }: Service, now: number): Previous | null {
  if (secret === null || (overlapSeconds === 0 && recipeOf(recipe).steps.finish.length === 0)) return null
  const until = now + overlapSeconds * 1000
  return { secret, until, nextAt: until, failure: '', failures: 0 }
}

export const keeper: Keeper<Subject, Secret> = {
  read: readSubject,
  write: writeSubject,
  secretOf: ({ key }) => key.secret,
  make: ({ service }, maker) => makeSecret(recipeOf(service.recipe), maker),
  isSame: (one, other) => one.id === other.id,
  seconds: (_, { service }) => secondsOf(service),
  target: (_, subject) => targetOf(subject),
}

async function makeSecret({ generated, steps }: Recipe, { random, makePassword }: Maker): Promise<Secret> {
  const values = generated === null ? {} : { [generated.name]: generated.policy === '' ? randomName(generated.length, random) : await makePassword(generated.policy) }
  return { id: uuidOf(random(16)), values, isMade: steps.create.length === 0 }
}

/** How long all may take: each step once, and a test of each credential before and after. */
export function secondsOf({ recipe, timeoutSeconds }: Service): number {
  const { recover, create, set, test, finish, undo } = recipeOf(recipe).steps
  const calls = recover.length + create.length + 2 * set.length + 4 * test.length + finish.length + 2 * undo.length
  return calls * timeoutSeconds
}

type Run = (step: StepName, known: Known, signal: AbortSignal) => Promise<Readonly<Record<string, string>>>

function runnerOf({ name, key, service }: Pick<Subject, 'name' | 'key' | 'service'>): Run {
  const { steps } = recipeOf(service.recipe)
  return (step, known, signal) => runStep(service, step, steps[step], { name, param: key.params, secret: service.secrets, ...known }, signal)
}

function targetOf(subject: Subject): Target<Secret> {
  const { key, service } = subject
  const { steps, refused } = recipeOf(service.recipe)
  const run = runnerOf(subject)
  const current = key.secret?.values ?? {}
  const changing = (pending: Secret): Known => ({ rotation_id: pending.id, current, pending: pending.values })
  const undo = (pending: Secret, signal: AbortSignal) => run('undo', changing(pending), signal)
  return {
    complete: (secret, signal) => complete(subject, secret, { run, changing, undo }, signal),
    set: async (secret, signal) => void (await run('set', changing(secret), signal).catch(notSet)),
    looks: ({ id, values }, signal) => looksOf(run('test', { rotation_id: id, tested: values }, signal), refused),
    async takeBack(old, next, signal) {
      if (steps.undo.length > 0) await undo(next, signal)
      else if (steps.create.length === 0) await run('set', { ...changing(old), rotation_id: next.id }, signal)
    },
    // One that the service makes may work before it may do what `set` lets it do.
    isProvenByWorking: steps.create.length === 0 || steps.set.length === 0,
    standsBeside: steps.create.length > 0,
    isBelieved: false,
  }
}

interface Ways {
  readonly run: Run
  readonly changing: (pending: Secret) => Known
  readonly undo: (pending: Secret, signal: AbortSignal) => Promise<unknown>
}

/** What an older rotation has left goes first: services often have room for two. */
async function complete(subject: Subject, secret: Secret, ways: Ways, signal: AbortSignal): Promise<Secret> {
  const { key: { previous, secret: current }, successor } = subject
  if (previous !== null) await retire(subject, previous.secret, current, signal).catch((error: unknown) => gone(`the credential of before could not be taken away: ${textOfError(error)}`, error))
  if (secret.isMade) return secret
  if (successor !== null) await ways.run('recover', ways.changing(secret), signal)
  try {
    const values = await ways.run('create', ways.changing(secret), signal)
    return { ...secret, values: { ...secret.values, ...values }, isMade: true }
  } catch (error) {
    return await notCreated(secret, error, ways, signal)
  }
}

const gone = (message: string, cause: unknown): never => {
  throw new NothingDone(cause instanceof ApiError ? cause.code : 'bad_gateway', message, { cause })
}

/** What was refused midway is removed at once, as far as it is known; what nobody knows of is left to `recover`. */
async function notCreated(secret: Secret, error: unknown, { undo }: Ways, signal: AbortSignal): Promise<never> {
  if (!(error instanceof StepFailed)) throw error
  const { isFirstCall, isUnsent, isRefusal, kept } = error.failure
  if (isFirstCall && (isUnsent || isRefusal)) return gone(error.message, error)
  const isUndone = isRefusal && (await undo({ ...secret, values: { ...secret.values, ...kept } }, signal).then(() => true, () => false))
  if (isUndone) return gone(error.message, error)
  throw error
}

/** Whether it was changed is only known for certain where nothing has left; else it is looked at. */
const notSet = (error: unknown): never => {
  if (error instanceof StepFailed && error.failure.isFirstCall && error.failure.isUnsent) return gone(error.message, error)
  throw error
}

async function looksOf(test: Promise<unknown>, refused: readonly number[]): Promise<Looks> {
  try {
    await test
    return 'works'
  } catch (error) {
    if (error instanceof StepFailed && refused.includes(error.failure.status)) return 'refused'
    return { unknown: textOfError(error) }
  }
}

/** Takes an old credential away; may be done again. */
export async function retire(subject: Pick<Subject, 'name' | 'key' | 'service'>, old: Secret, current: Secret | null, signal: AbortSignal): Promise<void> {
  await runnerOf(subject)('finish', { rotation_id: current?.id ?? '', current: current?.values ?? {}, previous: old.values }, signal)
}

/** Throws `bad_request`. */
export async function resolveSubject(store: Transaction, name: string): Promise<Subject> {
  const found = await readSubject(store, keyName(name))
  if (found === null) throw badRequest(`there is no key ${JSON.stringify(name)}, or its service is gone`)
  return found
}

/** Throws `bad_request` when a credential that was given is not one that works. */
export async function checkGiven(subject: Subject, given: Secret): Promise<void> {
  const looks = await targetOf(subject).looks(given, new AbortController().signal)
  if (looks !== 'works') throw badRequest(`values could not be verified: ${looks === 'refused' ? 'the service refuses them' : looks.unknown}`)
}
