/**
 * Rotation is a state machine. The new secret is written down before anybody else hears of it; then the database is told; then somebody logs in with it;
 * and only then the old one is forgotten. Wherever that stops, both are on record, and looking who can log in says how far it came: so it is resumed
 * after a crash at any line, and taken back when the new secret does not work.
 */
import { ApiError, badRequest } from '../../kit/errors.ts'
import { NothingDone } from '../../kit/outside.ts'
import type { Transaction } from '../../kit/store.ts'
import { credentialOf, makeSecret, type Maker } from './credentials.ts'
import { guarded } from './creds.ts'
import { textOf } from './driver.ts'
import type { Urgency } from './pool.ts'
import { probe, type Database } from './pools.ts'
import type { Rotation, Secret } from './records.ts'
import { nextAfter, retryAfter } from './schedule.ts'
import { readSubject, writeSubject, type Subject, type SubjectName } from './subject.ts'

/** What is to be done, now that it is written down. */
export interface Plan {
  readonly subject: Subject
  readonly next: Secret
  /** Somebody was at it before: nobody knows how far it came. */
  readonly isResumed: boolean
}

export type Outcome =
  | { readonly state: 'done' }
  /** The old secret is the right one. */
  | { readonly state: 'unchanged'; readonly failure: string }
  /** Nobody knows which is: both stay until somebody does. */
  | { readonly state: 'open'; readonly failure: string }

/** Two more looks who can log in, and taking back what does not work. */
const phases = 4
const graceSeconds = 5

/** Seconds that `carryOut` may take. */
export const rotationSeconds = ({ withinSeconds }: Pick<Database, 'withinSeconds'>): number => withinSeconds * phases

/** The first step: writes the successor down. Throws `bad_request` when somebody is at it this moment. */
export async function intend(store: Transaction, subject: Subject, maker: Maker & { readonly now: number }, seconds: number): Promise<Plan> {
  const { successor, rotation } = subject
  if (successor !== null && successor.until > maker.now) throw badRequest(`a rotation of ${JSON.stringify(subject.name)} is under way`)
  const { connection: { passwordPolicy }, credentialType, credentialConfig } = subject
  const next = successor?.secret ?? (await makeSecret(maker, credentialType, credentialConfig, passwordPolicy))
  const until = maker.now + (seconds + graceSeconds) * 1000
  writeSubject(store, subject, { successor: { secret: next, until }, rotation: { ...rotation, nextAt: until } }, maker.random)
  return { subject, next, isResumed: successor !== null }
}

/** The second step, outside of any commit. Never throws. */
export async function carryOut(database: Database, plan: Plan, urgency: Urgency, signal: AbortSignal): Promise<Outcome> {
  const { subject, next, isResumed } = plan
  const known = [subject.secret, next]
  if (isResumed && (await looksLike(database, subject, next, signal)) === 'works') return { state: 'done' }
  try {
    await guarded(subject.connection, known, () => setSecret(database, subject, next, urgency, signal))
  } catch (error) {
    return await afterFailure(database, plan, error, signal)
  }
  return await verified(database, plan, urgency, signal)
}

const setSecret = ({ pool }: Database, { username, statements }: Subject, secret: Secret, urgency: Urgency, signal: AbortSignal): Promise<void> =>
  pool.use(urgency, signal, (session) => session.setCredential(username, credentialOf(secret), statements))

type Looks = 'works' | 'refused' | { readonly unknown: string }

async function looksLike(database: Database, { username }: Subject, { password }: Secret, signal: AbortSignal): Promise<Looks> {
  return password === undefined ? { unknown: 'there is no password to try' } : await probe(database, { username, password }, signal)
}

/** The database has not said yes. That it refused something is no proof that it changed nothing: not every one has transactions for this. */
async function afterFailure(database: Database, { subject, next, isResumed }: Plan, error: unknown, signal: AbortSignal): Promise<Outcome> {
  const failure = textOf(error)
  if (error instanceof NothingDone && !isResumed) return { state: 'unchanged', failure }
  const looks = await looksLike(database, subject, next, signal)
  if (looks === 'works') return { state: 'done' }
  const isOld = hasPassword(subject) ? (await looksLike(database, subject, subject.secret, signal)) === 'works' : looks === 'refused'
  return { state: isOld ? 'unchanged' : 'open', failure }
}

/** Not that of an account that was taken over as it was. */
const hasPassword = ({ secret }: Subject): boolean => secret.password !== undefined

/** The database has said yes; whether it is so is seen by logging in. */
async function verified(database: Database, { subject, next }: Plan, urgency: Urgency, signal: AbortSignal): Promise<Outcome> {
  const looks = await looksLike(database, subject, next, signal)
  if (looks === 'works') return { state: 'done' }
  // An account that may not log in from here, or has no password, cannot be tried; the administrator could be, a moment ago.
  if (looks !== 'refused') return subject.kind === 'static' ? { state: 'done' } : { state: 'open', failure: `the new password could not be tried: ${looks.unknown}` }
  const failure = 'the database took the new password, but refuses a login with it'
  if (!hasPassword(subject)) return { state: 'unchanged', failure }
  await setSecret(database, subject, subject.secret, urgency, signal).catch(() => undefined)
  const old = await looksLike(database, subject, subject.secret, signal)
  return old === 'works' ? { state: 'unchanged', failure: `${failure}; the old one works` } : { state: 'open', failure: `${failure}, and the old one does not work either` }
}

/** The third step: writes down what is true now. Somebody who changed the subject meanwhile knows better. */
export async function settle(store: Transaction, { kind, name }: SubjectName, next: Secret, outcome: Outcome, { now, random }: { readonly now: number; readonly random: Maker['random'] }): Promise<void> {
  const subject = await readSubject(store, { kind, name })
  if (subject === null || subject.successor === null || !isSame(subject.successor.secret, next)) return
  if (outcome.state === 'done') return writeSubject(store, subject, { secret: next, successor: null, rotation: succeeded(subject, now) }, random)
  const isOpen = outcome.state === 'open'
  const rotation = failed(subject, outcome.failure, isOpen, now)
  writeSubject(store, subject, { successor: isOpen ? { secret: next, until: now } : null, rotation }, random)
}

const isSame = (one: Secret, other: Secret): boolean => one.password === other.password && one.privateKey === other.privateKey

const succeeded = ({ schedule }: Subject, now: number): Rotation =>
  ({ lastAt: now, nextAt: schedule === null ? 0 : nextAfter(schedule, now, now), failure: '', failures: 0 })

export function failed({ schedule, rotation }: Pick<Subject, 'schedule' | 'rotation'>, failure: string, isOpen: boolean, now: number): Rotation {
  const again = schedule === null && !isOpen ? 0 : retryAfter(isOpen ? null : schedule, rotation, now)
  return { ...rotation, nextAt: again, failure: failure.slice(0, 500), failures: rotation.failures + 1 }
}

/** What whoever asked for a rotation is told. */
export function refusalOf(outcome: Outcome): ApiError | null {
  if (outcome.state === 'done') return null
  const later = outcome.state === 'open' ? '; it is tried again by itself, and until then both passwords are kept' : ''
  return new ApiError(outcome.state === 'open' ? 'bad_gateway' : 'bad_request', `error setting credentials: ${outcome.failure}${later}`)
}
