/** What a verb says when a reference to a secret cannot be followed. */
import { remoteError } from './failure.ts'

/** A failure of its own for a secret or field that is not there; all else as it is. */
export function secretFailure(error: unknown): unknown {
  return error instanceof Error && ['ReferenceError', 'NoSecret'].includes(error.name) ? remoteError(error.message) : error
}
