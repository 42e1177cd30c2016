/**
 * What stands between a listener and the core: the gate, behind which requests wait while the server starts (listeners open first, so that a
 * taken port is found before anything is made), and the rules of a listener for `sys/metrics`.
 */
import { ConnectionLimit } from '../http/connection-limit.ts'
import type { WireHost } from '../http/exchange.ts'
import { answerOf, outcome } from '../request/answer.ts'
import { admit } from '../request/quotas.ts'
import { serve } from '../request/serve.ts'
import { findWellKnown } from '../request/well-known.ts'
import type { WireRequest, WireResponse } from '../request/wire.ts'
import { inFlightReply, metricsReply } from '../system/sys/observe.ts'
import { isSnapshotUpload } from '../system/sys/snapshots.ts'
import type { Core } from '../core/core.ts'
import type { Reply } from '../kit/result.ts'
import type { ListenerConfig } from './config/listeners.ts'
import { describeError, type Log } from './log.ts'

type Answering = (core: Core, request: WireRequest) => Promise<WireResponse>

/** Closed until `open` is called. */
export class Gate {
  core: Core | null = null
  readonly #opened: Promise<Core>
  #open: (core: Core) => void = () => undefined

  constructor() {
    this.#opened = new Promise((resolve) => (this.#open = resolve))
  }

  open(core: Core): void {
    this.core = core
    this.#open(core)
  }

  /** Answers through `answering`, now or as soon as the gate opens. */
  pass(answering: Answering, request: WireRequest): Promise<WireResponse> {
    return this.core === null ? this.#opened.then((core) => answering(core, request)) : answering(this.core, request)
  }
}

/** Of all listeners of a process together. */
export const connectionLimit = (log: Log): ConnectionLimit => new ConnectionLimit((problem) => log.write('warn', 'http', problem))

export function wireHostFor(listener: ListenerConfig, gate: Gate, now: () => number, log: Log, connections: ConnectionLimit): WireHost {
  const answering = answeringFor(listener)
  return {
    serve: (request) => gate.pass(answering, request),
    admit: (request) => (gate.core === null ? null : admit(gate.core, request)),
    isUpload: isSnapshotUpload,
    now,
    connections,
    cors: () => gate.core?.live.last().cors ?? null,
    open: listener.open,
    wellKnown: async (path) => (gate.core === null || listener.metrics === 'only' ? null : await findWellKnown(gate.core, path)),
    outside: async ({ method, target }) => (listener.metrics !== 'only' && method === 'GET' && target === '/' ? toConsole : null),
    report: (problem, error) => log.write('error', 'http', problem, describeError(error)),
  }
}

/** As Vault does; the console itself comes later. */
const toConsole: WireResponse = { status: 307, headers: [['Location', '/ui/']], contentType: 'text/html; charset=utf-8', body: '<a href="/ui/">Temporary Redirect</a>.\n\n' }
const nothingHere: WireResponse = { status: 404, body: '{"errors":[]}' }

/** Most listeners have no rule of their own, and cost nothing here. */
function answeringFor({ open, metrics }: ListenerConfig): Answering {
  if (metrics === 'like others' && !open.has('metrics') && !open.has('in-flight-req')) return serve
  return async (core, request) => {
    const isMetrics = request.path === 'sys/metrics'
    if (metrics !== 'like others' && isMetrics !== (metrics === 'only')) return nothingHere
    if (request.verb !== 'read' || request.namespace !== '') return await serve(core, request)
    if (isMetrics && open.has('metrics')) return plainAnswer(request, await metricsReply(core, formatOf(request), core.host.now()))
    if (request.path === 'sys/in-flight-req' && open.has('in-flight-req')) return plainAnswer(request, await inFlightReply(core))
    return await serve(core, request)
  }
}

function formatOf({ data }: WireRequest): string {
  const format = data !== null && Object.hasOwn(data, 'format') ? data['format'] : ''
  return typeof format === 'string' ? format : 'given twice'
}

const plainAnswer = ({ id }: WireRequest, { fields: { status = 200, raw } }: Reply): WireResponse => answerOf(id, outcome({ status, raw: raw ?? null }))
