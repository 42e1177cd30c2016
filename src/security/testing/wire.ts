/**
 * Requests as attackers write them: method, target and headers as they come over the wire, decoded by the very code that decodes them
 * there.
 */
import { decodeHead } from '../../http/decode.ts'
import { ApiError } from '../../kit/errors.ts'
import type { Json } from '../../kit/json.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'

export interface Sent {
  readonly token?: string | null
  readonly data?: Json
  readonly headers?: Readonly<Record<string, string>>
  readonly from?: string
}

export interface Got {
  readonly status: number
  readonly text: string
}

/** `target` is what follows `/v1/`, percent-encoded as it is sent. What the wire refuses is an answer as well. */
export async function send(
  server: ServeHarness, method: string, target: string, { token = server.rootToken, data, headers = {}, from }: Sent = {}
): Promise<Got> {
  const types: Record<string, string> = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {}
  try {
    const head = decodeHead(method, `/v1/${target}`, { ...types, ...headers, ...(token === null ? {} : { 'x-vault-token': token }) })
    return await server.request(head.verb, head.path, {
      token: head.token,
      data: data ?? head.data ?? undefined,
      headers: { ...headers, 'x-vault-namespace': head.namespace },
      ...(from === undefined ? {} : { from }),
    } as Parameters<ServeHarness['request']>[2])
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return { status: error.status, text: error.message }
  }
}

/** A token with one policy, whose text is given. */
export async function tokenWith(server: ServeHarness, policy: string, more: Readonly<Record<string, Json>> = {}): Promise<string> {
  const name = `test-${server.core.host.uuid()}`
  await server.ok('write', `sys/policies/acl/${name}`, { data: { policy } })
  const { auth } = await server.ok('write', 'auth/token/create', { data: { policies: [name], ...more } })
  return String(auth?.['client_token'])
}

export const clientToken = (answer: {
  readonly auth: Readonly<Record<string, unknown>> | null,
}): string => String(answer.auth?.['client_token'])
