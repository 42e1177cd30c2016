/**
 * Accepts connections and hands each to a worker, in turn. Only the supervisor is bound to the addresses, so they are free the instant it is gone,
 * and no connection waits in a worker that is. A connection that a worker has not confirmed when it ends goes to another one: a worker confirms
 * before it reads, so nothing of it is lost.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { bind, boundAddress, type BoundAddress } from '../../http/bind.ts'
import type { ListenAddress } from '../../http/listener-settings.ts'
import { steadyNow } from '../host.ts'
import type { Handover } from './messages.ts'

/** A worker, as far as connections go. */
export interface Taker {
  /** Connections that it has not confirmed yet. */
  readonly pending: Map<number, Waiting>
  readonly hand: (handover: Handover, socket: Socket) => void
}

interface Waiting {
  readonly socket: Socket
  readonly listener: number
  /** When it was handed over last, by `steadyNow`. */
  handedAt: number
}

export class Acceptor {
  readonly #servers: Server[] = []
  readonly #takers: Taker[] = []
  readonly #report: (error: Error) => void
  #waiting: Waiting[] = []
  #count = 0
  #isClosed = false

  /** `report`: a connection could not be accepted. */
  constructor(report: (error: Error) => void) {
    this.#report = report
  }

  /** Throws an `Error` whose text names the address. */
  async open(addresses: readonly ListenAddress[]): Promise<readonly BoundAddress[]> {
    for (const [listener, address] of addresses.entries()) {
      const server = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) => this.#accept({ socket, listener, handedAt: 0 }))
      this.#servers.push(server)
      await bind(server, address)
      server.on('error', this.#report)
    }
    return this.#servers.map(boundAddress)
  }

  add(taker: Taker): void {
    this.#takers.push(taker)
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) this.#give(one)
  }

  /** Nothing more goes there; what it has not confirmed goes to others. */
  remove(taker: Taker): void {
    const index = this.#takers.indexOf(taker)
    if (index >= 0) this.#takers.splice(index, 1)
    const left = [...taker.pending.values()]
    taker.pending.clear()
    for (const one of left) this.#give(one)
  }

  /** The worker has the connection. */
  taken(taker: Taker, id: number): void {
    // Closes this process's hold on it, not the connection.
    taker.pending.get(id)?.socket.destroy()
    taker.pending.delete(id)
  }

  /** Closes what the worker was handed so many milliseconds ago and has not confirmed: a process without file descriptors loses them. Returns how many. */
  drop(taker: Taker, olderThanMs: number): number {
    const lost = [...taker.pending].filter(([, { handedAt }]) => handedAt < steadyNow() - olderThanMs)
    for (const [id] of lost) this.taken(taker, id)
    return lost.length
  }

  /** Accepts nothing more. */
  close(): void {
    this.#isClosed = true
    for (const server of this.#servers) if (server.listening) server.close()
    for (const { socket } of this.#waiting) socket.destroy()
    this.#waiting = []
  }

  #accept(waiting: Waiting): void {
    // Otherwise both processes keep books about it, and send each other notes.
    Reflect.set(waiting.socket, 'server', null)
    waiting.socket.on('error', () => null)
    this.#give(waiting)
  }

  /** To the worker with the fewest that it has not confirmed; among equals, in turn. One that hangs gets no more than one. */
  #give(waiting: Waiting): void {
    if (this.#isClosed) return void waiting.socket.destroy()
    const taker = this.#takers.reduce<Taker | null>((best, one) => (best === null || one.pending.size < best.pending.size ? one : best), null)
    if (taker === null) return void this.#waiting.push(waiting)
    this.#takers.push(...this.#takers.splice(this.#takers.indexOf(taker), 1))
    this.#count += 1
    waiting.handedAt = steadyNow()
    taker.pending.set(this.#count, waiting)
    taker.hand({ connection: this.#count, listener: waiting.listener }, waiting.socket)
  }
}
