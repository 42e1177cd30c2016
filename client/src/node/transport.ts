/**
 * A `fetch` over node:http and node:https: client certificates, private authorities, unix sockets, proxies, and an answer that can be
 * read as it grows. It starts in a few milliseconds, where the global `fetch` of Node takes about seventy.
 */
import * as http from 'node:http'
import type { FetchAnswer, FetchInit, FetchLike } from '../transport.ts'
import type { ProxyChoice } from './proxy.ts'

export interface TlsOptions {
  /** PEM. Replaces the system's authorities. */
  readonly ca?: string | readonly string[]
  readonly cert?: string
  readonly key?: string
  /** The name to expect and to send as SNI, instead of the address's host. */
  readonly serverName?: string
  /** Accepts any certificate. */
  readonly insecure?: boolean
}

export interface NodeFetchOptions {
  readonly tls?: TlsOptions
  readonly proxy?: ProxyChoice
  /** Keep connections for later requests. Default false: a command ends sooner without. */
  readonly keepAlive?: boolean
}

/** Throws nothing itself; the promises of the function it returns reject with what the socket says. */
export function nodeFetch(options: NodeFetchOptions = {}): FetchLike {
  const open = nodeStream(options)
  return async (url, init) => collected(await open(url, init))
}

export interface StreamInit extends FetchInit {
  /** In place of `body`: sent as it comes, never all of it in memory. When it throws, the request fails. */
  readonly upload?: AsyncIterable<Uint8Array>
}

/** Like `nodeFetch`, but the answer is the stream itself (`statusCode`, `headers`, and the body to iterate over). */
export function nodeStream(options: NodeFetchOptions = {}): (url: string, init: StreamInit) => Promise<http.IncomingMessage> {
  const agents: Agents = new Map()
  return async (url, init) => {
    const target = targetOf(url)
    const make = target.secure ? (await import('node:https')).request : http.request
    const connection = await connectionFor(target, options, init.signal, agents)
    return new Promise((resolve, reject) => {
      const body = typeof init.body === 'string' ? Buffer.from(init.body) : init.body
      const headers = body === undefined ? init.headers : { ...init.headers, 'Content-Length': String(body.byteLength) }
      const merged = { ...target.request, ...connection, headers: { ...headers, ...connection.headers } }
      const request = make({ method: init.method, ...merged }, resolve)
      const abort = (): void => void request.destroy(new Error('aborted'))
      if (init.signal.aborted) abort()
      init.signal.addEventListener('abort', abort, { once: true })
      request.once('error', reject)
      request.once('close', () => init.signal.removeEventListener('abort', abort))
      if (init.upload === undefined) request.end(body)
      // A server that refuses answers before it has everything: that answer counts, not the connection that it then closes.
      else void send(init.upload, request).catch(reject)
    })
  }
}

/** Loaded when it is needed: most commands send no file. */
async function send(upload: AsyncIterable<Uint8Array>, request: http.ClientRequest): Promise<void> {
  const [{ Readable }, { pipeline }] = await Promise.all([import('node:stream'), import('node:stream/promises')])
  await pipeline(Readable.from(upload, { objectMode: true, highWaterMark: 1 }), request)
}

interface Target {
  readonly secure: boolean
  readonly url: URL | null
  readonly request: http.RequestOptions
}

/** `unix:///run/x.sock/v1/path` names the socket up to the first `/v1/`. */
function targetOf(url: string): Target {
  if (!url.startsWith('unix://')) {
    const parsed = new URL(url)
    const request = { host: parsed.hostname.replace(/^\[|\]$/g, ''), port: parsed.port || undefined, path: rawTarget(url) }
    return { secure: parsed.protocol === 'https:', url: parsed, request }
  }
  const split = url.indexOf('/v1/', 'unix://'.length)
  return { secure: false, url: null, request: { socketPath: url.slice('unix://'.length, split), path: url.slice(split) } }
}

/** The target as it was written: the URL parser would fold `//` and dots. */
const rawTarget = (url: string): string => {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  return start < 0 ? '/' : url.slice(start)
}

type Agents = Map<string, http.Agent>

async function connectionFor(target: Target, options: NodeFetchOptions, signal: AbortSignal, agents: Agents): Promise<http.RequestOptions> {
  const tls = target.secure ? tlsSettings(options.tls ?? {}) : {}
  const proxy = target.url === null ? null : (options.proxy?.(target.url) ?? null)
  if (proxy !== null && target.url !== null) {
    const { throughProxy } = await import('./proxy.ts')
    return { ...tls, ...(await throughProxy(proxy, target.url, tls, signal)) }
  }
  return { ...tls, agent: options.keepAlive ? await keptAgent(target.secure, agents) : false }
}

async function keptAgent(secure: boolean, agents: Agents): Promise<http.Agent> {
  const name = String(secure)
  const known = agents.get(name)
  if (known !== undefined) return known
  const agent = secure ? new (await import('node:https')).Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true })
  agents.set(name, agent)
  return agent
}

function tlsSettings(tls: TlsOptions): Record<string, unknown> {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: tls.insecure !== true,
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  }
}

/** By events: an iterator over the stream costs half a millisecond more. */
function collected(answer: http.IncomingMessage): Promise<FetchAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    answer.on('data', (chunk: Buffer) => chunks.push(chunk))
    answer.once('error', reject)
    answer.once('end', () => resolve(answerOf(answer, Buffer.concat(chunks))))
  })
}

const answerOf = (answer: http.IncomingMessage, whole: Buffer): FetchAnswer => ({
  status: answer.statusCode ?? 0,
  headers: { get: (name) => headerOf(answer, name) },
  arrayBuffer: async () => whole.buffer.slice(whole.byteOffset, whole.byteOffset + whole.byteLength) as ArrayBuffer,
})

function headerOf(answer: http.IncomingMessage, name: string): string | null {
  const value = answer.headers[name.toLowerCase()]
  return value === undefined ? null : Array.isArray(value) ? value.join(', ') : value
}

