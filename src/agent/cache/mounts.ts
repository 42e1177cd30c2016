/** Which secret a path names, as the server says of its mounts. */
import type { Forward, ProxyRequest } from '../proxy/message.ts'
import type { Entry } from './entries.ts'
import { secretIn } from './told.ts'

interface MountFacts {
  readonly type?: unknown
  readonly path?: unknown
  readonly options?: { readonly version?: unknown } | null
}

/** Null where it is no secret of KV, or the token may not know. */
export async function secretAt(forward: Forward, { token, namespace, path, signal }: ProxyRequest): Promise<Entry['secret']> {
  const question = { method: 'GET', verb: 'read', path: `sys/internal/ui/mounts/${path}`, query: '', namespace, token, headers: {}, body: null, signal } as const
  const answer = await forward(question).catch(() => null)
  const { type, path: mount, options } = ((answer === null ? null : secretIn(answer))?.data ?? {}) as MountFacts
  if ((type !== 'kv' && type !== 'generic') || typeof mount !== 'string' || !path.startsWith(mount)) return null
  const inner = path.slice(mount.length)
  if (options?.version !== '2') return { mount, name: inner }
  return inner.startsWith('data/') ? { mount, name: inner.slice('data/'.length) } : null
}
