/** What an agent listens on: requests for the server, and the few that are for the agent itself. */
import { errorsAnswer } from '../../http/answers.ts'
import type { OutsideRequest, WireHost } from '../../http/exchange.ts'
import { startListener, type Listener } from '../../http/listener.ts'
import type { WireRequest, WireResponse } from '../../request/wire.ts'
import type { AgentListener } from '../config/listener.ts'
import type { AgentMode } from '../config/settings.ts'
import { serveProxied, type ProxyWorld } from './serve.ts'

export interface Listening {
  readonly mode: AgentMode
  readonly listeners: readonly AgentListener[]
  readonly world: Omit<ProxyWorld, 'bodyBytesMax'>
  /** Ends the agent. */
  readonly quit: () => void
  /** Answers a request to clear the cache. */
  readonly clearCache: (body: Uint8Array) => WireResponse
}

/** Starts all of them, or none. Throws an `Error` that names the address or the file at fault. */
export async function startListeners(listening: Listening): Promise<Listener[]> {
  const started: Listener[] = []
  try {
    for (const listener of listening.listeners) {
      started.push(await startListener(listener.settings, hostFor(listener, listening)))
      listening.world.host.log('info', 'proxy', `listening on ${shownAddress(listener, started.at(-1))}`)
    }
  } catch (error) {
    await Promise.all(started.map((listener) => listener.stop(0)))
    throw error
  }
  return started
}

function shownAddress({ settings: { tls } }: AgentListener, listener: Listener | undefined): string {
  const bound = listener?.address
  if (bound === undefined) return ''
  if ('path' in bound) return `unix://${bound.path}`
  return `${tls === null ? 'http' : 'https'}://${bound.host.includes(':') ? `[${bound.host}]` : bound.host}:${bound.port}`
}

function hostFor(listener: AgentListener, listening: Listening): WireHost {
  const { host } = listening.world
  const world = { ...listening.world, bodyBytesMax: listener.settings.limits.bodyBytesMax }
  return {
    serve: (request) => serveProxied(world, request),
    now: host.now,
    cors: () => null,
    report: (problem, error) => host.log('error', 'proxy', `${problem}: ${error instanceof Error ? error.name : 'unknown'}`),
    admit: (request) => refusal(listener, request.headers),
    // A body goes on as it came: what is in it is the server's to judge.
    isUpload: () => true,
    outside: (request) => serveOwn(listener, listening, request),
  }
}

function refusal({ metricsOnly, requiresHeader }: AgentListener, headers: WireRequest['headers']): WireResponse | null {
  if (metricsOnly) return errorsAnswer(404, [])
  return requiresHeader && headers['x-vault-request'] !== 'true' ? errorsAnswer(412, ['missing "X-Vault-Request" header']) : null
}

async function serveOwn(listener: AgentListener, listening: Listening, request: OutsideRequest): Promise<WireResponse | null> {
  const [path = '', query = ''] = request.target.split(/\?(.*)/s)
  const name = path.startsWith(`/${listening.mode}/v1/`) ? path.slice(`/${listening.mode}/v1/`.length) : ''
  if (name === 'metrics') return metricsAnswer(listening, request, query)
  const refused = refusal(listener, request.headers)
  if (refused !== null) return refused
  if (name === 'quit') return quitAnswer(listener, listening, request.method)
  if (name !== 'cache-clear') return null
  if (request.method !== 'POST' && request.method !== 'PUT') return errorsAnswer(405, [])
  return listening.clearCache(await request.readBody())
}

function quitAnswer({ allowsQuit }: AgentListener, { quit }: Listening, method: string): WireResponse {
  if (!allowsQuit) return errorsAnswer(404, [])
  if (method !== 'POST') return errorsAnswer(405, [])
  quit()
  return { status: 200, body: null, contentType: '' }
}

function metricsAnswer({ world: { metrics, host } }: Listening, { method, headers }: OutsideRequest, query: string): WireResponse {
  if (method !== 'GET') return errorsAnswer(405, [])
  const format = new URLSearchParams(query).get('format') ?? (headers.accept?.includes('openmetrics') === true ? 'prometheus' : '')
  if (format === 'prometheus' && !metrics.isForPrometheus) return errorsAnswer(400, ['prometheus is not enabled'])
  if (format === 'prometheus') return { status: 200, body: metrics.prometheus(), contentType: 'text/plain; version=0.0.4' }
  return format === '' ? { status: 200, body: metrics.json(host.now()) } : errorsAnswer(400, [`metric response format ${JSON.stringify(format)} unknown`])
}
