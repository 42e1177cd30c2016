/** The client: five verbs over paths, and helpers for what nearly every program does. Instances are immutable and cheap to derive. */
import { parseEnvelope, parseErrors, type Secret } from './envelope.ts'
import { ClientError } from './errors.ts'
import { stringifyExact } from './exact-json.ts'
import { kvV1, kvV2, type KvV1, type KvV2 } from './kv.ts'
import type { BodyOptions, Verbs } from './contract.ts'
import { encodePath, encodeQuery } from './path.ts'
import { sysApi, type SysApi } from './sys.ts'
import { tokenApi, type TokenApi } from './token.ts'
import { exchange, refusal, type FetchLike, type RawAnswer } from './transport.ts'

export interface ClientOptions {
  /** Default `http://127.0.0.1:8200`. `unix:///path` needs `nodeFetch`. */
  readonly address?: string
  readonly token?: string
  readonly namespace?: string
  /** Sent with every request, in addition to the client's own. */
  readonly headers?: Readonly<Record<string, string>>
  /** Retries of 412, of 5xx but 501, and of reads that found no server. Default 2. */
  readonly maxRetries?: number
  /** Milliseconds before the first retry; doubles. Default 500. */
  readonly retryDelayMs?: number
  /** For one request with all its retries. Default 60,000; 0 is no limit. */
  readonly timeoutMs?: number
  /** Default: the global `fetch`. */
  readonly fetch?: FetchLike
  /** Numbers in `data` arrive as `ExactNumber`, digit by digit as stored. Default false. */
  readonly exactNumbers?: boolean
  /** Whether one redirect is followed (to an active node). Default true. */
  readonly redirects?: boolean
}

export interface Client extends Verbs {
  readonly address: string
  kv(mount: string, version: 1): KvV1
  kv(mount: string, version?: 2): KvV2
  readonly token: TokenApi
  readonly sys: SysApi
  withToken(token: string): Client
  withNamespace(namespace: string): Client
}

const defaults = {
  address: 'http://127.0.0.1:8200',
  token: '',
  namespace: '',
  headers: {},
  maxRetries: 2,
  retryDelayMs: 500,
  timeoutMs: 60_000,
  exactNumbers: false,
  redirects: true,
} as const

/** Throws `TypeError` for an address that is no URL. No request is made. */
export function createClient(options: ClientOptions = {}): Client {
  const settings = { ...defaults, fetch: globalThis.fetch as FetchLike, ...options }
  const address = normalAddress(settings.address)

  const request = async (method: string, path: string, call: BodyOptions = {}): Promise<RawAnswer> =>
    exchange({
      method,
      address,
      target: `/v1/${encodePath(path)}${encodeQuery(call.query)}`,
      headers: headersFor(settings, call),
      body: bodyOf(call.body),
      signal: call.signal,
      timeoutMs: call.timeoutMs ?? settings.timeoutMs,
      maxRetries: call.maxRetries ?? settings.maxRetries,
      retryDelayMs: settings.retryDelayMs,
      fetch: settings.fetch,
      redirects: settings.redirects,
    })

  async function call<T>(method: string, path: string, call: BodyOptions = {}): Promise<Secret<T> | null> {
    const answer = await request(method, path, call)
    return resolveAnswer<T>(answer, method, settings.exactNumbers, headersFor(settings, call))
  }

  const client: Client = {
    address,
    request,
    read: (path, call_) => call('GET', path, call_),
    list: (path, { after, limit, ...rest } = {}) => call('GET', path, { ...rest, query: { list: true, after, limit, ...rest.query } }),
    write: (path, data = {}, call_) => call('PUT', path, { ...call_, body: data }),
    patch: (path, data, call_) => call('PATCH', path, { ...call_, body: data, contentType: 'application/merge-patch+json' }),
    delete: (path, call_) => call('DELETE', path, call_),
    unwrap: (token, call_) => call('PUT', 'sys/wrapping/unwrap', { ...call_, ...(token === undefined ? {} : { body: { token } }) }),
    kv: ((mount: string, version: 1 | 2 = 2) => (version === 1 ? kvV1(client, mount) : kvV2(client, mount))) as Client['kv'],
    get token() {
      return tokenApi(client)
    },
    get sys() {
      return sysApi(client)
    },
    withToken: (token) => createClient({ ...options, token }),
    withNamespace: (namespace) => createClient({ ...options, namespace }),
  }
  return Object.freeze(client)
}

/** A 404 that carries data (a deleted version) or warnings is an answer; one that carries none is null. Throws `ClientError`. */
function resolveAnswer<T>(answer: RawAnswer, method: string, exact: boolean, headers: Record<string, string>): Secret<T> | null {
  const ok = answer.status >= 200 && answer.status < 300
  if (!ok && answer.status !== 404) throw refusal(answer, method, parseErrors(answer.text), headers)
  if (answer.text.trim() === '') return null
  const errors = parseErrors(answer.text)
  if (!ok && errors !== null) {
    if (errors.length > 0) throw refusal(answer, method, errors, headers)
    return null
  }
  try {
    const secret = parseEnvelope<T>(answer.text, exact)
    return ok || secret.data !== null || secret.warnings.length > 0 ? secret : null
  } catch {
    throw new ClientError({ code: 'bad_answer', status: answer.status, errors: ['the answer is no JSON object'], method, url: answer.url })
  }
}

function headersFor(settings: Omit<ClientOptions, 'fetch'>, call: BodyOptions): Record<string, string> {
  const token = call.token === undefined ? settings.token : call.token
  const namespace = call.namespace ?? settings.namespace
  const hasBody = bodyOf(call.body) !== undefined
  return {
    'X-Vault-Request': 'true',
    ...settings.headers,
    ...(hasBody ? { 'Content-Type': call.contentType ?? 'application/json' } : {}),
    ...(token ? { 'X-Vault-Token': token } : {}),
    ...(namespace ? { 'X-Vault-Namespace': namespace } : {}),
    ...(call.wrapTtl === undefined ? {} : { 'X-Vault-Wrap-TTL': String(call.wrapTtl) }),
    ...call.headers,
  }
}

const bodyOf = (body: unknown): string | undefined =>
  body === undefined ? undefined : typeof body === 'string' ? body : stringifyExact(body)

function normalAddress(address: string): string {
  if (address.startsWith('unix://')) return address.replace(/\/+$/, '')
  const url = new URL(address)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError('the address must begin with http://, https:// or unix://')
  return `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`
}
