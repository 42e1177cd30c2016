/** Sends lines in datagrams. Nothing is kept: what cannot be sent at once is gone. */
import { createSocket, type Socket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { within } from '../kit/within.ts'
import { datagramsOf } from './lines.ts'
import type { Receiver } from './settings.ts'
import { codeOf, Trouble, type Say } from './trouble.ts'

/** The name of the receiver is resolved again after so many sendings, and after each that failed. */
const sendingsOfSocket = 30
const closeMs = 1_000

export class UdpWay {
  readonly #receiver: Receiver
  readonly #trouble: Trouble
  #socket: Socket | null = null
  #sendings = 0
  #isBusy = false
  #isClosed = false
  #underway: Promise<void> = Promise.resolve()

  constructor(receiver: Receiver, say: Say) {
    this.#receiver = receiver
    this.#trouble = new Trouble(say)
  }

  send(lines: readonly string[]): void {
    this.#trouble.next()
    if (this.#isBusy) return this.#trouble.failed('the name of its host is still being looked up')
    this.#isBusy = true
    this.#underway = this.#deliver(lines).catch((error: unknown) => this.#fail(error)).finally(() => (this.#isBusy = false))
  }

  /** Resolves once what was given is sent, or a second is over. */
  async close(): Promise<void> {
    await within(this.#underway, closeMs, undefined)
    this.#isClosed = true
    this.#drop()
  }

  async #deliver(lines: readonly string[]): Promise<void> {
    const { datagrams, leftOut } = datagramsOf(lines)
    const socket = await this.#open()
    for (const datagram of datagrams) await new Promise<void>((resolve, reject) => socket.send(datagram, (error) => (error ? reject(error) : resolve())))
    if (leftOut > 0) this.#trouble.failed('a line with its tags is longer than a datagram')
  }

  async #open(): Promise<Socket> {
    this.#sendings += 1
    if (this.#socket !== null && this.#sendings <= sendingsOfSocket) return this.#socket
    this.#drop()
    const { host, port } = this.#receiver
    const { address, family } = await lookup(host, { verbatim: false })
    if (this.#isClosed) throw new Error('closed')
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4').unref()
    this.#socket = socket
    this.#sendings = 1
    // Only a connected one hears that nobody listens there, which may be told later.
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).on('error', reject).on('error', (error) => socket === this.#socket && this.#fail(error)).connect(port, address))
    return socket
  }

  #fail(error: unknown): void {
    if (!this.#isClosed) this.#trouble.failed(codeOf(error))
    this.#drop()
  }

  #drop(): void {
    this.#socket?.close()
    this.#socket = null
  }
}
