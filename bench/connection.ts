/**
 * One keep-alive connection of the load generator: sends a prepared request, waits for the whole answer, sends the next. It reads as
 * little of an answer as it can (status, length), because on a small machine the generator takes from the server what it uses.
 */
import { connect, type Socket } from 'node:net'
import { addLatency, type Histogram } from './histogram.ts'

/** A second request built from the answer to the first: `{capture}` in the text becomes what the pattern caught. */
export interface FollowUp {
  readonly capture: string
  readonly request: string
}

export interface Plan {
  readonly host: string
  readonly port: number
  /** Whole requests, sent one after another, in a circle. */
  readonly requests: readonly string[]
  readonly followUp?: FollowUp
}

export interface Tally {
  count: number
  errors: number
  /** Status or reason of the first error. */
  firstError: string
  readonly latencies: Histogram
}

const bufferSize = 128 * 1024
const headEnd = Buffer.from('\r\n\r\n')
const lastChunk = Buffer.from('0\r\n\r\n')

/** Bytes of the body that follow a head; null: chunked, read until the last chunk. */
function bodyLength(head: string, status: number): number | null {
  if (status === 204 || status === 304) return 0
  const found = /\r\ncontent-length: *(\d+)/i.exec(head)
  return found ? Number(found[1]) : /\r\ntransfer-encoding: *chunked/i.test(head) ? null : 0
}

export class Connection {
  private readonly plan: Plan
  private readonly requests: readonly Buffer[]
  private readonly tally: Tally
  private readonly isOver: () => boolean
  private readonly caught: RegExp | null
  private next: number
  private socket: Socket | undefined
  private sentAt = 0n
  private isFollowing = false
  /** Bytes of an answer that did not come in one piece. */
  private held: Buffer | null = null
  private finish: () => void = () => undefined

  constructor(plan: Plan, first: number, tally: Tally, isOver: () => boolean) {
    this.plan = plan
    this.requests = plan.requests.map((request) => Buffer.from(request))
    this.next = first
    this.tally = tally
    this.isOver = isOver
    this.caught = plan.followUp ? new RegExp(plan.followUp.capture) : null
  }

  /** Runs until `isOver`; resolves when the connection is closed. */
  run(): Promise<void> {
    return new Promise((resolve) => {
      this.finish = resolve
      this.open()
    })
  }

  private open(): void {
    const { host, port } = this.plan
    const onread = { buffer: Buffer.allocUnsafe(bufferSize), callback: (size: number, buffer: Uint8Array) => this.read(buffer as Buffer, size) }
    const socket = connect({ host, port, noDelay: true, onread }, () => this.send())
    this.socket = socket
    socket.on('error', (error) => this.fail(error.message))
    socket.on('close', () => {
      if (this.isOver()) return this.finish()
      this.held = null
      this.isFollowing = false
      setTimeout(() => this.open(), 10)
    })
  }

  private fail(reason: string): void {
    this.tally.errors++
    this.tally.firstError ||= reason
  }

  private send(): void {
    if (this.isOver()) return void this.socket?.destroy()
    this.isFollowing = false
    this.sentAt = process.hrtime.bigint()
    const request = this.requests[this.next++ % this.requests.length]
    if (request) this.socket?.write(request)
  }

  private read(chunk: Buffer, size: number): boolean {
    const data = this.held ? Buffer.concat([this.held, chunk.subarray(0, size)]) : chunk.subarray(0, size)
    const end = data.indexOf(headEnd)
    if (end < 0) return this.hold(data)
    const status = Number(data.toString('latin1', 9, 12))
    const length = bodyLength(data.toString('latin1', 0, end), status)
    const isWhole = length === null ? data.subarray(-lastChunk.length).equals(lastChunk) : data.length >= end + 4 + length
    if (!isWhole) return this.hold(data)
    this.held = null
    this.finishAnswer(status, data.subarray(end + 4))
    return true
  }

  private hold(data: Buffer): boolean {
    this.held = Buffer.from(data)
    return true
  }

  private finishAnswer(status: number, body: Buffer): void {
    if (status < 200 || status > 299) this.fail(`${status} ${body.toString('latin1', 0, 200)}`)
    else if (this.caught && !this.isFollowing) return this.follow(body)
    else {
      this.tally.count++
      addLatency(this.tally.latencies, Number(process.hrtime.bigint() - this.sentAt) / 1000)
    }
    this.send()
  }

  private follow(body: Buffer): void {
    const captured = this.caught?.exec(body.toString('latin1'))?.[1]
    if (captured === undefined) {
      this.fail(`nothing to follow in ${body.toString('latin1', 0, 200)}`)
      return this.send()
    }
    this.isFollowing = true
    this.socket?.write((this.plan.followUp?.request ?? '').replace('{capture}', captured))
  }
}
