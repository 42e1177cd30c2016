/**
 * Changes outside of the store: a user of a database, a credential of another system. An operation may run twice, and a crash may come at any
 * line, so such a change is never made while an operation runs. The operation returns what it means to do. That is committed first, as an intent;
 * then it is done, once; then a second commit says that it was done. Whoever finds an intent whose time is over undoes it.
 */
import { ApiError } from './errors.ts'
import type { Data, LeaseTerms, Reply } from './result.ts'
import type { Transaction } from './store.ts'

export interface ActCall {
  /** Aborts when the time is over. From then on `act` must change nothing any more: what may have been done is about to be undone. */
  readonly signal: AbortSignal
  /** When the lease will end, in milliseconds since 1970; 0 where none was asked for. */
  readonly expiresAt: number
  /**
   * Commits something midway: what the other system has told, and must not be lost, whatever becomes of the rest. Throws when the mount is gone, or
   * when `work` does.
   */
  readonly note: (work: (call: AfterActCall) => Promise<void>) => Promise<void>
}

/** `store` is the mount's own, in a unit of work that may run again. */
export interface AfterActCall {
  readonly store: Transaction
  readonly now: number
}

interface OutsideFields {
  /**
   * The secret that `act` makes. Its lease is committed before, as pending: its kind must be able to revoke it whether or not `act` has come to do
   * anything, and is asked to when `act` fails, when the server dies, or when whoever asked is gone meanwhile.
   * Without one, what the operation wrote is the intent, and the engine's own chores find it.
   */
  readonly lease?: LeaseTerms
  /** How long `act` may take. */
  readonly withinSeconds: number
  /** Makes the change. Runs once at most, holding nothing. Throws `NothingDone` when it knows that nothing was changed. */
  readonly act: (call: ActCall) => Promise<void>
  /** Says what is answered, and writes what is true now. */
  readonly finish: (call: AfterActCall) => Promise<null | Data | Reply> | null | Data | Reply
  /** Writes what is known after `act` or the second commit failed. The caller gets the error all the same. */
  readonly failed?: (call: AfterActCall, error: unknown) => Promise<void>
}

/** A class only so that it cannot be mistaken for data. */
export class Outside {
  readonly fields: OutsideFields
  constructor(fields: OutsideFields) {
    this.fields = fields
  }
}

export const outside = (fields: OutsideFields): Outside => new Outside(fields)

/** Nothing was changed outside, for certain: the intent is dropped, and nobody is asked to undo it. */
export class NothingDone extends ApiError {}
