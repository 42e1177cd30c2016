/** One request through the agent: whose token it gets, what the answer may say of the agent's own token, and what a failure looks like. */
import { parseExact, stringifyExact, isExactObject, type ExactObject } from '../../../client/src/exact-json.ts'
import { isClientError } from '../../../client/src/errors.ts'
import { errorsAnswer } from '../../http/answers.ts'
import { ApiError } from '../../kit/errors.ts'
import type { WireRequest, WireResponse } from '../../request/wire.ts'
import { reasonOf } from '../auth/keeper.ts'
import type { TokenRule } from '../config/listener.ts'
import type { AgentHost } from '../host.ts'
import type { Metrics } from '../metrics.ts'
import { fieldOf } from './fields.ts'
import { isJson, isPassedOn, type Forward, type ProxyAnswer, type ProxyRequest } from './message.ts'
import { streamThrough, type Upstream } from './upstream.ts'

export interface ProxyWorld {
  readonly upstream: Upstream
  readonly forward: Forward
  readonly rule: TokenRule
  /** The agent's own token; '' before it has logged in. */
  readonly ownToken: () => string
  readonly host: AgentHost
  readonly metrics: Metrics
  /** Of a body, in bytes. */
  readonly bodyBytesMax: number
}

/** What goes on, or is too large to be held: passed through as it comes, without retries. */
const isStreamed = (path: string): boolean => /^sys\/(?:monitor|storage\/raft\/snapshot(?:-force)?|pprof\/.*|events\/.*)$/.test(path)

export async function serveProxied(world: ProxyWorld, wire: WireRequest): Promise<WireResponse> {
  const { host, metrics } = world
  const own = world.ownToken()
  const token = world.rule === 'force' ? own : wire.token || (world.rule === 'default' ? own : '')
  host.log('debug', 'proxy', `${wire.method} ${wire.path}`)
  try {
    if (isStreamed(wire.path)) return streamed(await streamThrough(world.upstream, proxied(wire, token, null), wire.upload))
    const request = proxied(wire, token, await bodyOf(wire, world.bodyBytesMax))
    const answer = await world.forward(request)
    metrics.count(answer.status < 400 ? 'proxy.success' : 'proxy.client_error')
    if (answer.cached !== undefined) metrics.count(answer.cached.ageSeconds === null ? 'cache.miss' : 'cache.hit')
    if (answer.status === 403 && token === '' && world.rule !== 'own') return notYet
    return sent(world.rule === 'own' ? answer : withoutOwnToken(answer, request, own))
  } catch (error) {
    if (error instanceof ApiError) throw error
    metrics.count('proxy.error')
    if (!isClientError(error)) throw error
    host.log('warn', 'proxy', `no answer from the server: ${reasonOf(error)}`)
    return errorsAnswer(error.code === 'timeout' ? 504 : 502, [`failed to get the response: ${reasonOf(error)}`])
  }
}

const notYet: WireResponse = { ...errorsAnswer(503, ['the agent has not logged in yet']), headers: [['Retry-After', '1']] }

function proxied(wire: WireRequest, token: string, body: Uint8Array | null): ProxyRequest {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(wire.headers)) if (value !== undefined && isPassedOn(name)) headers[name] = typeof value === 'string' ? value : value.join(', ')
  const { method, verb, path, query, namespace, client } = wire
  return { method, verb, path, query, namespace, token, headers, body, signal: client.signal }
}

/** Of a write as it was sent, byte by byte. Throws `ApiError` for one that is too large. */
async function bodyOf({ upload, jsonText, raw }: WireRequest, bytesMax: number): Promise<Uint8Array | null> {
  if (upload === null) return jsonText === null ? raw : Buffer.from(jsonText)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of upload) {
    size += chunk.length
    if (size > bytesMax) throw new ApiError('body_too_large', `request body is larger than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const typeOf = (headers: ProxyAnswer['headers']): string => headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? ''
const besidesType = (headers: ProxyAnswer['headers']): ProxyAnswer['headers'] => headers.filter(([name]) => name.toLowerCase() !== 'content-type')

const sent = ({ status, headers, body, cached }: ProxyAnswer): WireResponse => ({ status, headers: [...besidesType(headers), ...cacheHeaders(cached)], contentType: typeOf(headers), body: body.length === 0 ? null : body })

/** As Vault's agent names them; `Age` is of RFC 9111 §5.1. */
function cacheHeaders(cached: ProxyAnswer['cached']): ProxyAnswer['headers'] {
  if (cached === undefined) return []
  return cached.ageSeconds === null ? [['X-Cache', 'MISS']] : [['X-Cache', 'HIT'], ['Age', String(cached.ageSeconds)]]
}

const streamed = ({ status, headers, stream }: Awaited<ReturnType<typeof streamThrough>>): WireResponse => ({ status, headers: besidesType(headers), contentType: typeOf(headers), body: null, stream })

const ownPaths: ReadonlySet<string> = new Set(['auth/token/lookup-self', 'auth/token/renew-self'])
const namedPaths: ReadonlySet<string> = new Set(['auth/token/lookup', 'auth/token/renew'])

/** Whoever may use the agent's token does not get to see it: what is said of it has neither its id nor its accessor. */
function withoutOwnToken(answer: ProxyAnswer, request: ProxyRequest, own: string): ProxyAnswer {
  if (own === '' || answer.status !== 200 || !isJson(answer) || !isAboutOwn(request, own)) return answer
  const told = parseExact(Buffer.from(answer.body).toString('utf8'))
  if (!isExactObject(told)) return answer
  const { data, auth } = told
  const redacted: ExactObject = { ...told }
  if (isExactObject(data)) redacted['data'] = Object.fromEntries(Object.entries(data).filter(([name]) => name !== 'id' && name !== 'accessor'))
  if (isExactObject(auth)) redacted['auth'] = { ...auth, client_token: '', accessor: '' }
  return { ...answer, body: Buffer.from(stringifyExact(redacted)) }
}

function isAboutOwn(request: ProxyRequest, own: string): boolean {
  const { token } = request
  // A namespace may stand before it.
  const path = request.path.replace(/^.*\/(?=auth\/token\/)/s, '')
  if (ownPaths.has(path)) return token === own
  if (path.startsWith('auth/token/lookup/') || path.startsWith('auth/token/renew/')) return path.endsWith(`/${own}`)
  if (!namedPaths.has(path)) return false
  const named = fieldOf(request, 'token')
  return named === own || (named === '' && token === own)
}
