/** Names a request by what decides its answer. */
import { createHash } from 'node:crypto'
import type { ProxyRequest } from '../proxy/message.ts'

/** Headers that say who asks and how it is traced, not what is asked for. */
const withoutWeight: ReadonlySet<string> = new Set(['accept', 'accept-language', 'baggage', 'cache-control', 'pragma', 'traceparent', 'tracestate', 'user-agent', 'x-correlation-id', 'x-request-id', 'x-vault-request'])

/** Two requests have the same key only if they are equal in method, place, token, headers that count, and body. Nothing can be read out of it. */
export function keyOf({ method, namespace, path, query, token, headers, body }: ProxyRequest): string {
  const counting = Object.entries(headers).filter(([name]) => !withoutWeight.has(name)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const hash = createHash('sha256').update(JSON.stringify([method, namespace, path, query, token, counting]))
  if (body !== null) hash.update(body)
  return hash.digest('base64url')
}
