/** One request from its head to its answer: the order of the wire's own steps, and `serve` in the middle. */
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from '../kit/errors.ts'
import type { JsonObject } from '../kit/json.ts'
import type { ClientGone, OpenEndpoint, Serve, WireRequest, WireResponse, WireVerb } from '../request/wire.ts'
import { errorAnswer, errorsAnswer } from './answers.ts'
import { discardBody, hasBody, type BodyLimits, type BodyReader } from './body.ts'
import type { ConnectionLimit } from './connection-limit.ts'
import { certificatesOf, type Connection } from './connection.ts'
import { judgeOrigin, type CorsSettings } from './cors.ts'
import { decodeHead, isApiTarget, targetOf, type RequestHead } from './decode.ts'
import type { AnswerWriter, HeaderList } from './encode.ts'
import { findForwarded, type ForwardedSettings } from './forwarded.ts'

/** What the wire needs of the rest of the server. */
export interface WireHost {
  readonly serve: Serve
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** The settings in force; null while none are stored. Asked for every request that names an origin. */
  readonly cors: () => CorsSettings | null
  /** Told what went wrong inside: bugs, failures of the network. Never a mistake of a client. `error` may name internals. */
  readonly report: (problem: string, error: unknown) => void
  /**
   * Says no (an answer) or nothing (null) before the body is read: rate limits, overload. The request has everything but `data` of
   * a write. Throws `ApiError` as well as it answers.
   */
  readonly admit?: (request: WireRequest) => WireResponse | null | Promise<WireResponse | null>
  /** Of all listeners of this process together; absent: none. */
  readonly connections?: ConnectionLimit
  /** Paths whose writes are handed on as `upload`, unread and without the limit of bodies. */
  readonly isUpload?: (path: string) => boolean
  /** What needs no token on this listener; nothing when absent. Requests carry it. */
  readonly open?: ReadonlySet<OpenEndpoint>
  /** The path below `/v1/` that a path below `/.well-known/` stands for; null for none. Both still encoded. */
  readonly wellKnown?: (path: string) => Promise<string | null>
  /** Everything that is not below `/v1/`: user interface, ACME challenges. Null: 404. */
  readonly outside?: (request: OutsideRequest) => Promise<WireResponse | null>
}

export interface OutsideRequest {
  readonly method: string
  /** Path and query as they were sent. */
  readonly target: string
  readonly headers: IncomingHttpHeaders
  /** The whole body, within the limits of the listener. Throws what `BodyReader.read` throws. */
  readBody(): Promise<Uint8Array>
}

export interface ExchangeSettings {
  readonly writer: AnswerWriter
  readonly bodies: BodyReader
  readonly limits: BodyLimits
  readonly forwarded: ForwardedSettings | null
  /** Milliseconds after which the signal of a request is aborted. */
  readonly requestDurationMax: number
}

/** What came in, and what is known about how to answer it. */
interface Exchange {
  readonly message: IncomingMessage
  readonly response: ServerResponse
  readonly connection: Connection
  readonly method: string
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1), and was not told so yet. */
  awaitsContinue: boolean
  headers: HeaderList
}

export type ExchangeHandler = (connection: Connection, message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean) => void

/** The function that answers requests. It never throws, and every request gets an answer. */
export function createExchangeHandler(host: WireHost, settings: ExchangeSettings): ExchangeHandler {
  return (connection, message, response, awaitsContinue) => {
    const method = connection.pendingMethod ?? message.method ?? ''
    connection.pendingMethod = null
    connection.lastRequest = message
    connection.lastResponse = response
    const exchange: Exchange = { message, response, connection, method, awaitsContinue, headers: echoedHeaders(message.headers) }
    const respond = (answer: WireResponse): void => sendAnswer(host, settings, exchange, answer)
    const fail = (error: unknown): void => {
      if (!(error instanceof ApiError) || error.code !== 'body_too_large' || exchange.awaitsContinue) respond(answerTo(host, error))
      else void discardBody(message, settings.limits.bodyBytesMax).then(() => respond(answerTo(host, error)))
    }
    try {
      begin(host, settings, exchange)?.then(respond, fail)
    } catch (error) {
      fail(error)
    }
  }
}

/** The steps in their order. Null when the client's origin decided the answer already. */
function begin(host: WireHost, settings: ExchangeSettings, exchange: Exchange): Promise<WireResponse> | null {
  const { message, method } = exchange
  const { headers } = message
  if (headers.origin !== undefined) {
    const verdict = judgeOrigin(host.cors(), method, headers)
    exchange.headers = [...exchange.headers, ...verdict.headers]
    if (verdict.answer) {
      sendAnswer(host, settings, exchange, verdict.answer)
      return null
    }
  }
  const target = targetOf(message.url ?? '')
  if (target.startsWith(wellKnownPrefix) && host.wellKnown !== undefined) return serveWellKnown(host, settings, exchange, target)
  if (isApiTarget(target)) return serveTarget(host, settings, exchange, target)
  return answerOutside(host, { method, target, headers, readBody: () => readOutside(settings, exchange) })
}

const wellKnownPrefix = '/.well-known/'

/** What stands there is another name for a path of the API, and is served as that. */
async function serveWellKnown(host: WireHost, settings: ExchangeSettings, exchange: Exchange, target: string): Promise<WireResponse> {
  const [path = '', query] = target.slice(wellKnownPrefix.length).split(/\?(.*)/s)
  const place = (await host.wellKnown?.(path)) ?? null
  return place === null ? errorsAnswer(404, []) : await serveTarget(host, settings, exchange, `/v1/${place}${query === undefined ? '' : `?${query}`}`)
}

function serveTarget(host: WireHost, settings: ExchangeSettings, exchange: Exchange, target: string): Promise<WireResponse> {
  const { message, method } = exchange
  const { headers } = message
  const remoteAddress = clientAddress(settings.forwarded, exchange)
  const head = decodeHead(method, target, headers)
  const request = new HttpRequest(exchange, head, remoteAddress, host, settings.requestDurationMax)
  const refusal = host.admit?.(request)
  if (refusal instanceof Promise) return refusal.then((answer) => answer ?? proceed(host, settings, exchange, request))
  if (refusal) return Promise.resolve(refusal)
  return proceed(host, settings, exchange, request)
}

function proceed(host: WireHost, settings: ExchangeSettings, exchange: Exchange, request: HttpRequest): Promise<WireResponse> {
  const bringsBody = (request.verb === 'write' || request.verb === 'patch') && hasBody(exchange.message)
  return bringsBody ? serveBody(host, settings, exchange, request) : host.serve(request)
}

async function serveBody(host: WireHost, settings: ExchangeSettings, exchange: Exchange, request: HttpRequest): Promise<WireResponse> {
  const { message, response } = exchange
  const isUpload = request.verb === 'write' && host.isUpload?.(request.path) === true
  if (!isUpload) settings.bodies.checkLength(message)
  if (exchange.awaitsContinue) response.writeContinue()
  exchange.awaitsContinue = false
  if (isUpload) request.upload = message
  else {
    const body = await settings.bodies.decode(message)
    request.data = body.data
    request.jsonText = body.jsonText
    request.raw = body.raw
  }
  return host.serve(request)
}

function readOutside({ bodies }: ExchangeSettings, exchange: Exchange): Promise<Uint8Array> {
  bodies.checkLength(exchange.message)
  if (exchange.awaitsContinue) exchange.response.writeContinue()
  exchange.awaitsContinue = false
  return bodies.read(exchange.message)
}

async function answerOutside(host: WireHost, request: OutsideRequest): Promise<WireResponse> {
  return (await host.outside?.(request)) ?? errorsAnswer(404, [])
}

function answerTo(host: WireHost, error: unknown): WireResponse {
  if (!(error instanceof ApiError) || error.code === 'internal') host.report('a request failed', error)
  return errorAnswer(error)
}

function sendAnswer(host: WireHost, { writer }: ExchangeSettings, exchange: Exchange, answer: WireResponse): void {
  const { response } = exchange
  // Whether the body still follows is up to the client now, so nobody knows what the next bytes mean: the connection ends with this answer.
  if (exchange.awaitsContinue) response.shouldKeepAlive = false
  try {
    writer.write(response, answer, exchange.headers)
  } catch (error) {
    host.report('an answer could not be sent', error)
    if (response.headersSent) response.destroy()
    else writer.write(response, errorAnswer(error), [])
  }
}

const noHeaders: HeaderList = []

/** The namespace of the request is repeated in the answer, as it was sent. */
function echoedHeaders(headers: IncomingHttpHeaders): HeaderList {
  const namespace = headers['x-vault-namespace']
  return typeof namespace === 'string' && namespace !== '' ? [['X-Vault-Namespace', namespace]] : noHeaders
}

function clientAddress(settings: ForwardedSettings | null, { connection, message }: Exchange): string {
  if (settings === null) return connection.remoteAddress
  const header = message.headers['x-forwarded-for']
  const forwarded = findForwarded(settings, connection.remoteAddress, typeof header === 'string' ? header : header?.join(','))
  if (forwarded !== null) return forwarded
  // Nobody further in may take a header for true that was not believed here.
  delete message.headers['x-forwarded-for']
  delete message.headersDistinct['x-forwarded-for']
  return connection.remoteAddress
}

const nothingOpen: ReadonlySet<OpenEndpoint> = new Set()

/** A request as the layers above see it. What few of them ask for is made when they ask. */
class HttpRequest implements WireRequest {
  readonly id = randomUUID()
  readonly verb: WireVerb
  readonly method: string
  readonly path: string
  readonly namespace: string
  readonly token: string | null
  readonly query: string
  readonly remoteAddress: string
  readonly receivedAt: number
  readonly open: ReadonlySet<OpenEndpoint>
  data: JsonObject | null
  jsonText: string | null = null
  raw: Uint8Array | null = null
  upload: AsyncIterable<Uint8Array> | null = null
  readonly #exchange: Exchange
  readonly #durationMax: number
  #client: ClientGone | null = null
  constructor(exchange: Exchange, head: RequestHead, remoteAddress: string, host: WireHost, durationMax: number) {
    this.verb = head.verb
    this.method = exchange.method
    this.path = head.path
    this.namespace = head.namespace
    this.token = head.token
    this.query = head.query
    this.remoteAddress = remoteAddress
    this.receivedAt = host.now()
    this.open = host.open ?? nothingOpen
    this.data = head.data
    this.#exchange = exchange
    this.#durationMax = durationMax
  }
  get headers(): IncomingHttpHeaders {
    return this.#exchange.message.headers
  }
  headerValues(name: string): readonly string[] {
    const { message } = this.#exchange
    // The distinct headers are put together when they are first read: not for a header that did not come.
    return message.headers[name] === undefined ? [] : (message.headersDistinct[name] ?? [])
  }
  get wrapTtl(): string | null {
    return this.#header('x-vault-wrap-ttl')
  }
  get wrapFormat(): string | null {
    return this.#header('x-vault-wrap-format')
  }
  get remotePort(): number {
    return this.#exchange.connection.remotePort
  }
  get isTls(): boolean {
    return this.#exchange.connection.isTls
  }
  clientCertificate(): Uint8Array | null {
    return this.clientCertificates()[0] ?? null
  }
  clientCertificates(): readonly Uint8Array[] {
    return certificatesOf(this.#exchange.connection)
  }
  get client(): ClientGone {
    this.#client ??= createClientGone(this.#exchange.response, this.#durationMax)
    return this.#client
  }
  #header(name: string): string | null {
    const value = this.#exchange.message.headers[name]
    return typeof value === 'string' && value !== '' ? value : null
  }
}

function createClientGone(response: ServerResponse, durationMax: number): ClientGone {
  let controller: AbortController | null = null
  const isGone = (): boolean => response.destroyed && !response.writableFinished
  return {
    get gone() {
      return isGone()
    },
    get signal() {
      controller ??= watchClient(response, isGone, durationMax)
      return controller.signal
    },
  }
}

function watchClient(response: ServerResponse, isGone: () => boolean, durationMax: number): AbortController {
  const controller = new AbortController()
  if (isGone()) controller.abort(new Error('the client is gone'))
  const timer = setTimeout(() => controller.abort(new Error('the request took too long')), durationMax)
  timer.unref()
  response.once('close', () => {
    clearTimeout(timer)
    if (isGone()) controller.abort(new Error('the client is gone'))
  })
  return controller
}
