/** Refusals and failures as answers. What is not an `ApiError` is a bug: the caller learns nothing of it, the log everything but secrets. */
import type { Core } from '../core/core.ts'
import { ApiError, Conflict, placeOfFailure } from '../kit/errors.ts'
import { outcome, answerOf, type Outcome } from './answer.ts'
import type { WireRequest, WireResponse } from './wire.ts'

/** Several Vault texts come as a list of one, in this form. */
export const asList = (text: string): string => `1 error occurred:\n\t* ${text}\n\n`

export function refusalOutcome(core: Core, wire: WireRequest, error: unknown): Outcome {
  // A commit beside the unit of work, which tries again, met another.
  if (error instanceof Conflict) return refusalOutcome(core, wire, new ApiError('overloaded', 'the same data are being changed; try again', { cause: error }))
  if (!(error instanceof ApiError)) {
    logBug(core, wire, error)
    return outcome({ status: 500, errors: ['internal error'] })
  }
  if (error.detail !== undefined) core.host.log(error.status >= 500 ? 'error' : 'debug', 'request', error.message, { request: wire.id, detail: error.detail })
  const hint = error.data?.['hint']
  if (typeof hint === 'string') return outcome({ status: error.status, warnings: [hint] })
  return outcome({ status: error.status, errors: error.message === '' ? [] : [error.message], data: error.data ?? null, isOverloaded: error.code === 'overloaded' })
}

/** For failures outside of the audited part. */
export const refusalOf = (core: Core, wire: WireRequest, error: unknown): WireResponse => answerOf(wire.id, refusalOutcome(core, wire, error))

function logBug(core: Core, wire: WireRequest, error: unknown): void {
  // The message of a foreign error may quote what it was given; its type and the place do not.
  const name = error instanceof Error ? error.name : typeof error
  core.host.log('error', 'request', 'unexpected failure', { request: wire.id, path: wire.path, error: name, place: placeOfFailure(error) })
}
