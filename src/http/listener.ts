/** A listener: one address on which requests are accepted, from its start to the last answer. */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { bind, boundAddress, nameOf, type BoundAddress } from './bind.ts'
import { createBodyReader } from './body.ts'
import { handleClientErrors, rawAnswer } from './client-errors.ts'
import { openConnection, type Connection } from './connection.ts'
import { createAnswerWriter, type AnswerWriter, type CustomHeaders } from './encode.ts'
import { createExchangeHandler, type ExchangeHandler, type WireHost } from './exchange.ts'
import type { ListenerSettings } from './listener-settings.ts'
import { socketEvents } from './takeover.ts'
import { readSecureContext, serverOptions } from './tls.ts'

const headBytesMax = 16 * 1024
/** How often node:http looks for requests that take too long: milliseconds. */
const checkInterval = 5000

function connectionOptions({ requestDurationMax, headDurationMax, idleDurationMax }: ListenerSettings): ServerOptions {
  return {
    keepAliveTimeout: idleDurationMax,
    headersTimeout: Math.min(headDurationMax, requestDurationMax),
    requestTimeout: requestDurationMax,
    connectionsCheckingInterval: Math.min(checkInterval, headDurationMax, requestDurationMax),
    maxHeaderSize: headBytesMax,
    noDelay: true,
  }
}

/** Starts a listener. Throws an `Error` whose text names the address or the file at fault. */
export async function startListener(settings: ListenerSettings, host: WireHost): Promise<Listener> {
  const listener = await makeListener(settings, host)
  await listener.open()
  return listener
}

/** A listener that accepts nothing by itself: another process does, and hands the connections over to `take`. */
export async function attachListener(settings: ListenerSettings, host: WireHost): Promise<Listener> {
  const listener = await makeListener(settings, host)
  listener.attach()
  return listener
}

async function makeListener(settings: ListenerSettings, host: WireHost): Promise<Listener> {
  const options = connectionOptions(settings)
  const server =
    settings.tls === null
      ? createServer(options)
      : createTlsServer({ ...options, ...serverOptions(settings.tls, await readSecureContext(settings.tls)) })
  // Headers are limited by their bytes; a limit of their number would drop those beyond it in silence.
  server.maxHeadersCount = 0
  return new Listener(server, settings, host)
}

export class Listener {
  readonly #server: Server | TlsServer
  readonly #settings: ListenerSettings
  readonly #host: WireHost
  readonly #handler: ExchangeHandler
  readonly #writer: AnswerWriter
  /** As node:http sees them: for TLS, what is inside. */
  readonly #connections = new WeakMap<Duplex, Connection>()
  /** The sockets of those connections. */
  readonly #sockets = new Set<Socket>()
  /** As the network sees them: for TLS, what is outside, from before the handshake on. */
  readonly #accepted = new Set<Socket>()
  #stopping: Promise<void> | null = null

  constructor(server: Server | TlsServer, settings: ListenerSettings, host: WireHost) {
    this.#server = server
    this.#settings = settings
    this.#host = host
    const writer = createAnswerWriter(settings.fixedHeaders, settings.customHeaders)
    this.#writer = writer
    this.#handler = createExchangeHandler(host, { ...settings, writer, bodies: createBodyReader(settings.limits) })
    const accepted = settings.tls === null ? 'connection' : 'secureConnection'
    server.prependListener(accepted, (socket: Socket) => this.#open(socket))
    server.prependListener('connection', (socket: Socket) => {
      if (this.#accepted.has(socket)) return
      this.#track(this.#accepted, socket)
      if (host.connections?.take(socket) === false) this.#refuse(socket)
    })
    server.on('request', (message: IncomingMessage, response: ServerResponse) => this.#answer(message, response, false))
    server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => this.#answer(message, response, true))
    server.on('connect', (_message: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => null).end(rawAnswer({ writer, now: host.now }, 405, []))
    })
    handleClientErrors(server, {
      writer,
      now: host.now,
      findConnection: (socket) => this.#connections.get(socket),
      restart: ({ socket }) => server.emit(accepted, socket),
    })
  }

  /** For `startListener`. */
  async open(): Promise<void> {
    const { address } = this.#settings
    await bind(this.#server, address)
    // A failed accept (no more file descriptors) concerns one connection.
    this.#server.on('error', (error) => this.#host.report(`cannot accept a connection on ${nameOf(address)}`, error))
  }

  /** For `attachListener`: without this event node:http does not watch over the time that requests take. */
  attach(): void {
    this.#server.emit('listening')
  }

  /** Serves a connection that another process has accepted. */
  take(socket: Socket): void {
    // As sockets are that a server accepts itself: who has sent all and closes that half still gets the answer.
    socket.allowHalfOpen = true
    this.#server.emit('connection', socket)
  }

  get address(): BoundAddress {
    return boundAddress(this.#server)
  }

  /** How many connections are open, handshakes included. */
  get connectionCount(): number {
    return this.#accepted.size
  }

  /** Reads the TLS files again, for connections to come. Throws as the start does; then the old ones stay in use. */
  async reload(): Promise<void> {
    const { tls } = this.#settings
    if (tls === null) return
    const context = await readSecureContext(tls)
    const server = this.#server as TlsServer
    const ticketKeys = server.getTicketKeys()
    server.setSecureContext(context)
    // A new context has keys of its own: clients keep their sessions only with the old ones.
    server.setTicketKeys(ticketKeys)
  }

  /** For answers to come: Vault reads `custom_response_headers` again together with the TLS files. */
  setCustomHeaders(custom: CustomHeaders): void {
    this.#writer.setCustom(custom)
  }

  /** Replaces the 48 bytes that session tickets are sealed with: the same in all processes behind one address. */
  setTicketKeys(keys: Buffer): void {
    if (this.#settings.tls !== null) (this.#server as TlsServer).setTicketKeys(keys)
  }

  /**
   * Accepts nothing more, lets requests in flight finish, and resolves when the last connection is closed. What is left after
   * `deadline` milliseconds is cut.
   */
  stop(deadline: number): Promise<void> {
    this.#stopping ??= this.#drain(deadline)
    return this.#stopping
  }

  async #drain(deadline: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy()
    this.#server.closeIdleConnections()
    // Connections whose answer was promised to be kept alive become idle one by one.
    const sweep = setInterval(() => this.#server.closeIdleConnections(), sweepInterval)
    const timer = setTimeout(() => {
      for (const socket of [...this.#sockets, ...this.#accepted]) socket.destroy()
    }, deadline)
    await closed
    await Promise.all([...this.#accepted].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    clearInterval(sweep)
    clearTimeout(timer)
  }

  #track(sockets: Set<Socket>, socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    if (this.#stopping !== null) socket.destroy()
  }

  /** Told before anything is read of it; within TLS nothing can be told yet. */
  #refuse(socket: Socket): void {
    if (this.#settings.tls !== null) return void socket.destroy()
    socket.on('error', () => null).end(rawAnswer({ writer: this.#writer, now: this.#host.now }, 503, ['too many connections; try again']))
    socket.destroySoon()
  }

  /** A socket comes twice when `list-verb.ts` restarts it. */
  #open(socket: Socket): void {
    if (this.#connections.has(socket)) return
    this.#track(this.#sockets, socket)
    this.#connections.set(socket, openConnection(socket, socketEvents))
  }

  #answer(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const connection = this.#connections.get(message.socket)
    if (connection === undefined) {
      message.socket.destroy()
      return
    }
    if (this.#stopping !== null) response.shouldKeepAlive = false
    this.#handler(connection, message, response, awaitsContinue)
  }
}

const sweepInterval = 50
