/** The server as verbs see it: requests that print themselves instead when asked to, and answers with exact numbers. */
import type { Client } from '../../client/src/client.ts'
import { parseErrors } from '../../client/src/envelope.ts'
import { ClientError } from '../../client/src/errors.ts'
import { encodePath, encodeQuery, type Query } from '../../client/src/path.ts'
import { refusal, type RawAnswer } from '../../client/src/transport.ts'
import { joinPath } from './paths.ts'
import { parseSecret, type WireSecret } from './secret.ts'

export interface Call {
  readonly query?: Query | undefined
  readonly body?: unknown
  readonly contentType?: string
  /** Instead of the session's token; '' sends none. */
  readonly token?: string
  readonly namespace?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A request that only prepares another: sent even when requests are to be printed, and never wrapped. */
  readonly preflight?: boolean
  /** False: not wrapped even with -wrap-ttl. */
  readonly wrap?: boolean
}

export interface PlannedRequest {
  readonly method: string
  readonly address: string
  readonly path: string
  readonly query: Query | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export interface ApiOptions {
  readonly client: Client
  /** '' when there is none. */
  readonly token: string
  readonly headers: Readonly<Record<string, string>>
  readonly namespace: string
  /** Such as `5m0s`, or undefined. */
  readonly wrapTtl: string | undefined
  /** Sends, and resolves with the answer while it still grows. */
  readonly open: (url: string, headers: Readonly<Record<string, string>>, upload?: AsyncIterable<Uint8Array>) => Promise<StreamedAnswer>
  /** Called instead of sending; it throws. */
  readonly instead: ((request: PlannedRequest) => never) | undefined
}

export interface StreamedAnswer {
  readonly status: number
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface Api {
  readonly address: string
  readonly token: string
  /** Sends, and resolves with the answer whatever its status. Throws `ClientError` when there is none. */
  send(method: string, path: string, call?: Call): Promise<RawAnswer>
  /** Like `send`, but throws `ClientError` for an answer that refuses. */
  sendOk(method: string, path: string, call?: Call): Promise<RawAnswer>
  /** Null where nothing is stored. A 404 with data (a deleted version) or with warnings is an answer. */
  read(path: string, call?: Call): Promise<WireSecret | null>
  list(path: string, call?: Call): Promise<WireSecret | null>
  /** Null for an answer without a body. */
  write(path: string, body: unknown, call?: Call): Promise<WireSecret | null>
  /** Like `write`; some paths are documented with POST. */
  post(path: string, body: unknown, call?: Call): Promise<WireSecret | null>
  patch(path: string, body: unknown, call?: Call): Promise<WireSecret | null>
  delete(path: string, call?: Call): Promise<WireSecret | null>
  /** An answer that does not end by itself. Throws `ClientError` when there is none. */
  stream(path: string, call?: Call): Promise<StreamedAnswer>
  /** Writes a body of any size, as it comes. Throws `ClientError` for an answer that refuses. */
  upload(path: string, body: AsyncIterable<Uint8Array>): Promise<void>
  withToken(token: string): Api
}

export function createApi(options: ApiOptions): Api {
  const send = async (method: string, given: string, call: Call = {}): Promise<RawAnswer> => {
    const path = joinPath(given)
    const headers = headersFor(options, path, call)
    if (options.instead !== undefined && call.preflight !== true) {
      options.instead({ method, address: options.client.address, path, query: call.query, headers, body: call.body })
    }
    return options.client.request(method, path, {
      token: call.token ?? options.token,
      headers,
      ...(call.query === undefined ? {} : { query: call.query }),
      ...(call.body === undefined ? {} : { body: call.body }),
      ...(call.contentType === undefined ? {} : { contentType: call.contentType }),
    })
  }
  const sendExpecting = async (method: string, path: string, call: Call, missing: 'null' | 'error'): Promise<WireSecret | null> => {
    const answer = await send(method, path, call)
    if (answer.status >= 200 && answer.status < 300) return parseAnswer(answer, method)
    const stored = answer.status === 404 ? parseAnswer(answer, method) : null
    if (stored !== null && (stored.data !== null || (stored.warnings ?? []).length > 0) && missing === 'null') return stored
    if (answer.status === 404 && missing === 'null') return null
    throw refused(answer, method, call, options, stored?.warnings ?? null)
  }
  return {
    address: options.client.address,
    token: options.token,
    send,
    async sendOk(method, path, call = {}) {
      const answer = await send(method, path, call)
      if (answer.status < 200 || answer.status >= 300) throw refused(answer, method, call, options)
      return answer
    },
    read: (path, call = {}) => sendExpecting('GET', path, call, 'null'),
    list: (path, call = {}) => sendExpecting('GET', path, { ...call, query: { list: true, ...call.query } }, 'null'),
    write: (path, body, call = {}) => sendExpecting('PUT', path, { ...call, body }, 'error'),
    post: (path, body, call = {}) => sendExpecting('POST', path, { ...call, body }, 'error'),
    patch: (path, body, call = {}) => sendExpecting('PATCH', path, { ...call, body, contentType: mergePatch }, 'error'),
    delete: (path, call = {}) => sendExpecting('DELETE', path, call, 'error'),
    stream: (path, call = {}) => {
      const headers = headersFor(options, path, call)
      const planned = { method: 'GET', address: options.client.address, path, query: call.query, headers, body: undefined }
      options.instead?.(planned)
      return options.open(urlOf(planned), planned.headers)
    },
    async upload(path, body) {
      const headers = headersFor(options, path, { wrap: false })
      const planned = { method: 'POST', address: options.client.address, path, query: undefined, headers, body: undefined }
      options.instead?.(planned)
      const { status, chunks } = await options.open(urlOf(planned), { ...headers, 'Content-Type': 'application/gzip' }, body)
      const parts: Uint8Array[] = []
      for await (const chunk of chunks) parts.push(chunk)
      const bytes = Buffer.concat(parts)
      if (status >= 300) throw refused({ status, headers: { get: () => null }, bytes, text: bytes.toString(), url: urlOf(planned) }, 'POST', {}, options)
    },
    withToken: (token) => createApi({ ...options, token }),
  }
}

const mergePatch = 'application/merge-patch+json'

function headersFor(options: ApiOptions, path: string, call: Call): Record<string, string> {
  const token = call.token ?? options.token
  const namespace = call.namespace ?? options.namespace
  // What is sent to be wrapped comes back wrapped in any case.
  const wrapTtl = options.wrapTtl ?? (path === 'sys/wrapping/wrap' ? '5m' : undefined)
  const wrapped = wrapTtl !== undefined && call.wrap !== false && call.preflight !== true
  return {
    'X-Vault-Request': 'true',
    ...options.headers,
    ...(namespace === '' ? {} : { 'X-Vault-Namespace': namespace }),
    ...(token === '' ? {} : { 'X-Vault-Token': token }),
    ...(wrapped ? { 'X-Vault-Wrap-TTL': wrapTtl } : {}),
    ...call.headers,
  }
}

function parseAnswer(answer: RawAnswer, method: string): WireSecret | null {
  try {
    return parseSecret(answer.text)
  } catch {
    const errors = ['the answer is no JSON object: is this address a Vault API server?']
    throw new ClientError({ code: 'bad_answer', status: answer.status, errors, method, url: answer.url })
  }
}

type Warnings = readonly string[] | null

/**
 * The error of an answer that refuses, with the query in its URL: whoever reads it has typed it. `warnings` are the reason where the
 * answer names no error (a write to a path that only looks like one of a versioned engine).
 */
function refused(answer: RawAnswer, method: string, call: Call, options: ApiOptions, warnings: Warnings = null): ClientError {
  const secrets = options.token === '' ? {} : { 'X-Vault-Token': call.token ?? options.token }
  return refusal({ ...answer, url: answer.url + encodeQuery(call.query) }, method, warnings ?? parseErrors(answer.text), secrets)
}

/** The URL of a planned request. */
export const urlOf = (request: PlannedRequest): string =>
  `${request.address}/v1/${encodePath(request.path)}${encodeQuery(request.query)}`
