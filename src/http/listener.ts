/** A listener: one address on which requests are accepted, from its start to the last answer. */
import { chmod, chown, lstat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { defaultJsonLimits } from '../kit/json.ts'
import { createBodyReader, type BodyLimits } from './body.ts'
import { handleClientErrors, rawAnswer } from './client-errors.ts'
import { openConnection, type Connection } from './connection.ts'
import { createAnswerWriter, type AnswerWriter, type CustomHeaders, type HeaderList } from './encode.ts'
import { createExchangeHandler, type ExchangeHandler, type WireHost } from './exchange.ts'
import type { ForwardedSettings } from './forwarded.ts'
import { socketEvents } from './takeover.ts'
import { readSecureContext, serverOptions, type TlsSettings } from './tls.ts'

export type ListenAddress =
  | { readonly host: string; readonly port: number }
  /** A unix socket. Ids are numbers as in `/etc/passwd`; null leaves owner and mode as the system makes them. */
  | { readonly path: string; readonly mode: number | null; readonly uid: number | null; readonly gid: number | null }

export interface ListenerSettings {
  readonly address: ListenAddress
  readonly tls: TlsSettings | null
  readonly forwarded: ForwardedSettings | null
  readonly limits: BodyLimits
  /** `max_request_duration`: for the arrival of a request, and until its signal is aborted. Milliseconds. */
  readonly requestDurationMax: number
  /** `http_read_header_timeout`: for the arrival of the head of a request. Milliseconds. */
  readonly headDurationMax: number
  /** `http_idle_timeout`: for which a connection without a request is kept. Milliseconds. */
  readonly idleDurationMax: number
  /** Headers of every answer, such as `X-Vault-Hostname`. */
  readonly fixedHeaders: HeaderList
  readonly customHeaders: CustomHeaders
}

const mebibyte = 1024 * 1024

/** Everything but the address. */
export const listenerDefaults: Omit<ListenerSettings, 'address'> = Object.freeze({
  tls: null,
  forwarded: null,
  limits: Object.freeze({ bodyBytesMax: 32 * mebibyte, bodiesBytesMax: 256 * mebibyte, json: defaultJsonLimits }),
  requestDurationMax: 90_000,
  headDurationMax: 10_000,
  // Longer than the idle time of the usual load balancers (60 s), so that these close first and never use a closed connection.
  idleDurationMax: 75_000,
  fixedHeaders: [],
  customHeaders: {},
})

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
  const options = connectionOptions(settings)
  const server =
    settings.tls === null
      ? createServer(options)
      : createTlsServer({ ...options, ...serverOptions(settings.tls, await readSecureContext(settings.tls)) })
  // Headers are limited by their bytes; a limit of their number would drop those beyond it in silence.
  server.maxHeadersCount = 0
  const listener = new Listener(server, settings, host)
  await listener.open()
  return listener
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
      if (!this.#accepted.has(socket)) this.#track(this.#accepted, socket)
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
    if ('path' in address) await removeStaleSocket(address.path)
    await listen(this.#server, address)
    // A failed accept (no more file descriptors) concerns one connection.
    this.#server.on('error', (error) => this.#host.report(`cannot accept a connection on ${nameOf(address)}`, error))
    if ('path' in address) await this.#own(address)
  }

  /** The address in use: the port that the system chose for port 0, the path of a unix socket. */
  get address(): { readonly host: string; readonly port: number } | { readonly path: string } {
    const bound = this.#server.address() as AddressInfo | string | null
    if (bound === null) throw new Error('the listener is stopped')
    return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
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
    clearInterval(sweep)
    clearTimeout(timer)
    await Promise.all([...this.#accepted].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
  }

  #track(sockets: Set<Socket>, socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    if (this.#stopping !== null) socket.destroy()
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

  async #own({ path, mode, uid, gid }: Extract<ListenAddress, { path: string }>): Promise<void> {
    try {
      if (uid !== null || gid !== null) await chown(path, uid ?? -1, gid ?? -1)
      if (mode !== null) await chmod(path, mode)
    } catch (error) {
      await this.stop(0)
      throw new Error(`cannot set owner and mode of the unix socket "${path}": ${codeOf(error)}`, { cause: error })
    }
  }
}

const sweepInterval = 50

const nameOf = (address: ListenAddress): string =>
  'path' in address ? `unix socket "${address.path}"` : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? `${error}`

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'no such host name',
  ENOENT: 'no such folder',
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(new Error(`cannot listen on ${nameOf(address)}: ${listenProblems[codeOf(error)] ?? error.message}`, { cause: error }))
    }
    server.once('error', fail)
    server.listen('path' in address ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

/** A process that was killed leaves its socket behind, where nobody can listen again until it is gone. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  // Anything but a socket stays; listening then says what is wrong.
  if (found?.isSocket() !== true) return
  const code = await new Promise<string>((resolve) => {
    const probe = connect(path).once('error', (error) => resolve(codeOf(error)))
    probe.once('connect', () => {
      probe.destroy()
      resolve('')
    })
  })
  if (code === 'ECONNREFUSED') await unlink(path)
}
