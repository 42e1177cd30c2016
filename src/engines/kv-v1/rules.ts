/** Rules of KV version 1. */
import { parseDuration } from '../../kit/duration.ts'
import type { JsonObject } from '../../kit/json.ts'

/**
 * When the reader should come back: what the writer put into `ttl`, or else into its old name `lease`; without either, or when it
 * is no duration, the default of the mount. Seconds; nothing expires by it, and Vault sets no bounds to it.
 */
export function leaseSecondsOf(data: JsonObject, defaultSeconds: number): number {
  const name = Object.hasOwn(data, 'ttl') ? 'ttl' : 'lease'
  if (!Object.hasOwn(data, name)) return defaultSeconds
  try {
    return parseDuration(data[name])
  } catch {
    return defaultSeconds // the fields are the writer's own: they need not be a duration
  }
}
