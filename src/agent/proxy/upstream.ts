/** The way to the server: whole answers with retries, and streams for what goes on or is large. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { StreamInit } from '../../../client/src/node/transport.ts'
import { encodePath } from '../../../client/src/path.ts'
import { exchange, type FetchLike } from '../../../client/src/transport.ts'
import { isPassedBack, type Forward, type ProxyAnswer, type ProxyRequest } from './message.ts'

export interface Upstream {
  /** Without a slash at its end. */
  readonly address: string
  /** Sent where a request names none; '' is the root. */
  readonly namespace: string
  readonly open: (url: string, init: StreamInit) => Promise<IncomingMessage>
  readonly maxRetries: number
  /** For one request with its retries, in milliseconds; 0 is no limit. */
  readonly timeoutMs: number
}

/** Before the first retry; it doubles. */
const retryDelayMs = 250

export const forwardTo = (upstream: Upstream): Forward => async (request) => {
  let headers: ProxyAnswer['headers'] = []
  const fetch: FetchLike = async (url, init) => {
    const message = await upstream.open(url, init)
    headers = headersBack(message)
    return {
      status: message.statusCode ?? 0,
      headers: { get: (name) => oneOf(message.headers, name) },
      arrayBuffer: async () => {
        const bytes = Buffer.concat(await message.toArray())
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
      },
    }
  }
  const { method, body, signal } = request
  const { address, maxRetries, timeoutMs } = upstream
  const { status, bytes } = await exchange({ method, address, target: targetOf(request), headers: headersTo(upstream, request), body: body ?? undefined, signal, timeoutMs, maxRetries, retryDelayMs, fetch, redirects: true })
  return { status, headers, body: bytes }
}

export interface StreamedAnswer {
  readonly status: number
  readonly headers: ProxyAnswer['headers']
  readonly stream: AsyncIterable<Uint8Array>
}

/** One attempt, with bodies that are never whole in memory. Throws what the socket says. */
export async function streamThrough(upstream: Upstream, request: ProxyRequest, upload: AsyncIterable<Uint8Array> | null): Promise<StreamedAnswer> {
  const init = { method: request.method, headers: headersTo(upstream, request), signal: request.signal, redirect: 'manual' as const }
  const message = await upstream.open(upstream.address + targetOf(request), upload === null ? init : { ...init, upload })
  return { status: message.statusCode ?? 0, headers: headersBack(message), stream: message }
}

const targetOf = ({ path, query }: ProxyRequest): string => `/v1/${encodePath(path)}${query === '' ? '' : `?${query}`}`

function headersTo({ namespace }: Upstream, { headers, token }: ProxyRequest): Record<string, string> {
  return {
    'x-vault-request': 'true',
    ...(namespace === '' ? {} : { 'x-vault-namespace': namespace }),
    ...headers,
    ...(token === '' ? {} : { 'x-vault-token': token }),
  }
}

function headersBack({ rawHeaders }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = rawHeaders.slice(i, i + 2)
    if (isPassedBack(name.toLowerCase())) pairs.push([name, value])
  }
  return pairs
}

const oneOf = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name.toLowerCase()]
  return (Array.isArray(value) ? value.join(', ') : value) ?? null
}
