/** As much of Redis' protocol (RESP2) as managing users needs: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

export type RespValue = string | number | null | readonly RespValue[]

/** The server said no. */
export class RespError extends Error {
  override readonly name = 'RespError'
}

/** An answer is never this long: whoever sends more is no Redis. */
const answerMax = 4 * 1024 * 1024
const depthMax = 8

export interface RespPlace {
  readonly host: string
  readonly port: number
  /** Null: in the clear. */
  readonly tls: ConnectionOptions | null
}

export class RespClient {
  readonly #socket: Socket
  #buffer = Buffer.alloc(0)
  readonly #waiting: { resolve: (value: RespValue) => void; reject: (error: Error) => void }[] = []
  isOpen = true

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** Throws what the socket does. */
  static open({ host, port, tls }: RespPlace, signal: AbortSignal): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = tls === null ? connectPlain({ host, port }) : connectTls({ host, port, ...tls })
      const stop = (): void => void socket.destroy(new Error('given up'))
      const fail = (error: Error): void => {
        signal.removeEventListener('abort', stop)
        reject(error)
      }
      socket.once('error', fail)
      socket.once(tls === null ? 'connect' : 'secureConnect', () => {
        signal.removeEventListener('abort', stop)
        socket.off('error', fail)
        resolve(new RespClient(socket))
      })
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
    })
  }

  /** Throws `RespError`, or what became of the connection. */
  command(...args: readonly string[]): Promise<RespValue> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(new Error('the connection is closed'))
      this.#waiting.push({ resolve, reject })
      const parts = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`)
      this.#socket.write(`*${args.length}\r\n${parts.join('')}`)
    })
  }

  close(): void {
    this.#fail(new Error('the connection was closed'))
  }

  #fail(error: Error): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    if (this.#buffer.length > answerMax) return this.#fail(new Error('an answer is too long'))
    try {
      for (;;) {
        const found = readValue(this.#buffer, 0, 0)
        if (found === null) return
        this.#buffer = this.#buffer.subarray(found.next)
        const asked = this.#waiting.shift()
        if (found.value instanceof RespError) asked?.reject(found.value)
        else asked?.resolve(found.value)
      }
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error('unreadable'))
    }
  }
}

interface Found {
  readonly value: RespValue | RespError
  readonly next: number
}

/** Null: there is more to come. Throws when it is not this protocol. */
function readValue(buffer: Buffer, at: number, depth: number): Found | null {
  const end = buffer.indexOf('\r\n', at)
  if (end < 0) return null
  const [kind, text, next] = [String.fromCharCode(buffer[at] ?? 0), buffer.toString('utf8', at + 1, end), end + 2]
  switch (kind) {
    case '+': return { value: text, next }
    case '-': return { value: new RespError(text), next }
    case ':': return { value: Number(text), next }
    case '$': return readBulk(buffer, lengthOf(text), next)
    case '*': return readArray(buffer, lengthOf(text), next, depth)
    default: throw new Error('the other side does not speak the protocol of Redis')
  }
}

function lengthOf(text: string): number {
  if (!/^(?:-1|\d{1,7})$/.test(text)) throw new Error('a length is malformed')
  return Number(text)
}

function readBulk(buffer: Buffer, length: number, at: number): Found | null {
  if (length < 0) return { value: null, next: at }
  return buffer.length < at + length + 2 ? null : { value: buffer.toString('utf8', at, at + length), next: at + length + 2 }
}

function readArray(buffer: Buffer, length: number, at: number, depth: number): Found | null {
  if (length < 0) return { value: null, next: at }
  if (depth === depthMax) throw new Error('an answer is nested too deeply')
  const items: RespValue[] = []
  let next = at
  for (let i = 0; i < length; i++) {
    const found = readValue(buffer, next, depth + 1)
    if (found === null) return null
    items.push(found.value instanceof RespError ? found.value.message : found.value)
    next = found.next
  }
  return { value: items, next }
}
