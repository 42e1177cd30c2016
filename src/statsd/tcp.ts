/** Sends lines over a connection that is opened again at the next sending when it broke. */
import { connect, type Socket } from 'node:net'
import { within } from '../kit/within.ts'
import type { Receiver } from './settings.ts'
import { codeOf, Trouble, type Say } from './trouble.ts'

/** What waits for a receiver that is slow, or not there yet. More is dropped, with the connection. */
export const waitingBytesMax = 1024 * 1024
const connectMs = 5_000
const closeMs = 1_000

export class TcpWay {
  readonly #receiver: Receiver
  readonly #trouble: Trouble
  #socket: Socket | null = null
  #isClosed = false

  constructor(receiver: Receiver, say: Say) {
    this.#receiver = receiver
    this.#trouble = new Trouble(say)
  }

  send(lines: readonly string[]): void {
    this.#trouble.next()
    const socket = (this.#socket ??= this.#open())
    const text = lines.map((line) => `${line}\n`).join('')
    if (socket.writableLength + Buffer.byteLength(text) <= waitingBytesMax) return void socket.write(text)
    this.#trouble.failed('it does not read them')
    socket.destroy()
  }

  /** Resolves once what was given is sent, or a second is over. */
  async close(): Promise<void> {
    this.#isClosed = true
    const socket = this.#socket
    if (socket === null) return
    await within(new Promise((resolve) => socket.once('close', resolve).end()), closeMs, undefined)
    socket.destroy()
  }

  #open(): Socket {
    const { host, port } = this.#receiver
    const socket = connect({ host, port, noDelay: true }).setTimeout(connectMs, () => socket.destroy(new Error('it does not answer'))).unref()
    const failed = (why: string): void => {
      if (!this.#isClosed) this.#trouble.failed(why)
    }
    // What it says means nothing, but its end is only seen by reading.
    return socket.resume().once('connect', () => socket.setTimeout(0)).on('error', (error) => failed(codeOf(error))).once('close', (hasFailed) => {
      if (!hasFailed) failed('it closed the connection')
      if (this.#socket === socket) this.#socket = null
    })
  }
}
