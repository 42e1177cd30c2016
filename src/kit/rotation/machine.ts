/**
 * Rotation is a state machine. The new secret is written down before anybody else hears of it; then the other system is told; then somebody logs in with
 * it; and only then the old one is forgotten. Wherever that stops, both are on record, and looking which of them works says how far it came: so it is
 * resumed after a crash at any line, and taken back when the new secret does not work.
 */
import { ApiError } from '../errors.ts'
import { NothingDone } from '../outside.ts'

export type Looks = 'works' | 'refused' | { readonly unknown: string }

/** What is done with secrets in the other system; nothing of it holds a commit, and each may be done again. Errors hold no secret. */
export interface Target<S> {
  /** Where the other system has a part in making the secret: what it becomes. The same object: nothing is missing. */
  readonly complete?: (secret: S, signal: AbortSignal) => Promise<S>
  readonly set: (secret: S, signal: AbortSignal) => Promise<void>
  readonly looks: (secret: S, signal: AbortSignal) => Promise<Looks>
  /** What is done with a new secret once it works, before it is the one that counts. */
  readonly activate?: (secret: S, signal: AbortSignal) => Promise<void>
  /** Undoes what was done for `next`, so that `old` is the one that works. */
  readonly takeBack: (old: S, next: S, signal: AbortSignal) => Promise<void>
  /** The new secret stands beside the old one, and stays where it is not taken back: that the old one works is no proof that it is gone. */
  readonly standsBeside?: boolean
  /** Whether a new secret that works proves that `set` was done. Default: it does. */
  readonly isProvenByWorking?: boolean
  /** Whether `set` is believed where the new secret cannot be tried. */
  readonly isBelieved: boolean
}

/** What is to be done, now that it is written down. */
export interface Plan<S> {
  /** Null: it is not known, of an account that was taken over as it was. */
  readonly old: S | null
  readonly next: S
  /** Somebody was at it before: nobody knows how far it came. */
  readonly isResumed: boolean
}

export interface Course<S> {
  readonly signal: AbortSignal
  /** Writes down what `complete` has given, before anything is done with it. */
  readonly note: (secret: S) => Promise<void>
}

export type Outcome =
  | { readonly state: 'done' }
  /** The old secret is the right one. */
  | { readonly state: 'unchanged'; readonly failure: string }
  /** Nobody knows which is: both stay until somebody does. */
  | { readonly state: 'open'; readonly failure: string }

export const textOfError = (error: unknown): string => (error instanceof Error ? error.message : 'failed')

/** The second step, outside of any commit. Never throws. */
export async function carryOut<S>(target: Target<S>, plan: Plan<S>, { signal, note }: Course<S>): Promise<Outcome> {
  const { isResumed } = plan
  let { next } = plan
  try {
    const completed = (await target.complete?.(next, signal)) ?? next
    if (completed !== next) await note(completed)
    next = completed
  } catch (error) {
    return { state: error instanceof NothingDone && !isResumed ? 'unchanged' : 'open', failure: textOfError(error) }
  }
  const made = { ...plan, next }
  const isProof = target.isProvenByWorking !== false
  if (isResumed && isProof && (await target.looks(next, signal)) === 'works') return { state: 'done' }
  try {
    await target.set(next, signal)
  } catch (error) {
    return await afterFailure(target, made, error, signal)
  }
  const outcome = await verified(target, made, signal)
  return outcome.state === 'done' ? await activated(target, made, signal) : outcome
}

/** The other system has not said yes. That it refused something is no proof that it changed nothing: not every one has transactions for this. */
async function afterFailure<S>(target: Target<S>, plan: Plan<S>, error: unknown, signal: AbortSignal): Promise<Outcome> {
  const { old, next, isResumed } = plan
  const failure = textOfError(error)
  if (target.isProvenByWorking === false) return await givenUp(target, plan, error, failure, signal)
  if (error instanceof NothingDone && !isResumed) return { state: 'unchanged', failure }
  const looks = await target.looks(next, signal)
  if (looks === 'works') return { state: 'done' }
  const isOld = old === null ? looks === 'refused' : (await target.looks(old, signal)) === 'works'
  return { state: isOld ? 'unchanged' : 'open', failure }
}

/** The other system has said yes; whether it is so is seen by logging in. */
async function verified<S>(target: Target<S>, { old, next }: Plan<S>, signal: AbortSignal): Promise<Outcome> {
  const looks = await target.looks(next, signal)
  if (looks === 'works') return { state: 'done' }
  // An account that may not log in from here cannot be tried; the administrator could be, a moment ago.
  if (looks !== 'refused') return target.isBelieved ? { state: 'done' } : { state: 'open', failure: `the new secret could not be tried: ${looks.unknown}` }
  const failure = 'the new secret was taken, but a login with it is refused'
  if (old === null) return { state: 'unchanged', failure }
  const left = await target.takeBack(old, next, signal).then(() => null, textOfError)
  if (left !== null && target.standsBeside === true) return { state: 'open', failure: `${failure}; taking it back failed: ${left}` }
  const isOld = (await target.looks(old, signal)) === 'works'
  return isOld ? { state: 'unchanged', failure: `${failure}; the old one works` } : { state: 'open', failure: `${failure}, and the old one does not work either` }
}

async function activated<S>(target: Target<S>, plan: Plan<S>, signal: AbortSignal): Promise<Outcome> {
  try {
    await target.activate?.(plan.next, signal)
    return { state: 'done' }
  } catch (error) {
    return await givenUp(target, plan, error, textOfError(error), signal)
  }
}

/** What was refused for good is taken back; what may be done, or comes right by itself, is done again later. */
async function givenUp<S>(target: Target<S>, { old, next }: Plan<S>, error: unknown, failure: string, signal: AbortSignal): Promise<Outcome> {
  const isRefused = error instanceof ApiError && error.code === 'bad_request'
  if (!isRefused || old === null) return { state: 'open', failure }
  try {
    await target.takeBack(old, next, signal)
  } catch (second) {
    return { state: 'open', failure: `${failure}; taking it back failed: ${textOfError(second)}` }
  }
  const looks = await target.looks(old, signal)
  return { state: looks === 'works' ? 'unchanged' : 'open', failure }
}

/** What whoever asked for a rotation is told. */
export function refusalOf(outcome: Outcome): ApiError | null {
  if (outcome.state === 'done') return null
  const later = outcome.state === 'open' ? '; it is tried again by itself, and until then both are kept' : ''
  return new ApiError(outcome.state === 'open' ? 'bad_gateway' : 'bad_request', `error setting credentials: ${outcome.failure}${later}`)
}
