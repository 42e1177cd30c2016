/** Namespaces are part of every route; so far the root is the only one there is. */
import { ApiError } from '../kit/errors.ts'
import type { WireRequest } from './wire.ts'

export function checkNamespace(wire: WireRequest): void {
  if (wire.namespace !== '') throw new ApiError('not_found', `namespace ${JSON.stringify(wire.namespace)} not found`)
}
