/**
 * The way of entries into one device: a queue, batches, a deadline for each entry, the chain, and what to do when the device fails. Lanes
 * know nothing of each other, so a device that hangs or fails holds up nobody but itself.
 */
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { Host } from '../host.ts'
import { batchLinesMax, bodyOf, Chain, hashLine, sizeOf, type AuditSigner, type CheckpointFacts, type LongBody } from './chain.ts'
import type { DeviceConfig } from './config.ts'
import { lineText, reasonOf, WriteFailure, type AuditDevice, type ChainEnd, type Line, type Opening, type Torn } from './devices/device.ts'
import type { AuditEntry } from './entry.ts'
import type { Redactor } from './redact.ts'

export interface LaneOptions {
  /** Of the device, as in `sys/audit`. */
  readonly path: string
  readonly config: Pick<DeviceConfig, 'deadlineMs' | 'prefix'>
  readonly device: AuditDevice
  readonly redactor: Redactor
  readonly signer: AuditSigner | null
  readonly host: Pick<Host, 'now' | 'later' | 'log'>
  /** Names that no other chain has, over all processes and times. */
  readonly chainId: () => string
  readonly checkpoints?: CheckpointPace
}

/** After so many lines, and so long after the first line that no checkpoint covers. */
export interface CheckpointPace {
  readonly lines: number
  readonly ms: number
}

/** Signing costs 25 us: a thousandth of that for each line. What a crash leaves unproven is at most five seconds of traffic. */
const defaultPace: CheckpointPace = { lines: 1000, ms: 5000 }

/** `failing`: the last attempt failed. `hanging`: an attempt has exceeded its deadline and has not ended. */
export type LaneState = 'idle' | 'ok' | 'failing' | 'hanging'

export interface LaneStatus {
  readonly path: string
  readonly state: LaneState
  /** Entries written, entries that were not, entries waiting. */
  readonly written: number
  readonly failed: number
  readonly waiting: number
  /** Text of the last failure, null when there was none. */
  readonly lastError: string | null
  /** Milliseconds since 1970. */
  readonly lastErrorAt: number | null
}

interface Item {
  readonly body: string | LongBody
  /** Number of the tick at which it has waited too long. Ticks, not times: the clock may jump. */
  readonly expiresAt: number
  readonly settle: (error: Error | null) => void
  isSettled: boolean
}

/** Characters or bytes that may wait, and that are written at once. */
const waitingMax = 64 * 1024 * 1024
const batchMax = 4 * 1024 * 1024
const ticksPerDeadline = 4

export class Lane {
  readonly path: string
  redactor: Redactor
  readonly #options: LaneOptions
  readonly #pace: CheckpointPace
  #waiting: Item[] = []
  #waitingSize = 0
  #flying: readonly Item[] = []
  #tick = 0
  #stopTicking: (() => void) | null = null
  #isRunning = false
  #isHanging = false
  #isClosed = false
  /** Work besides entries: open, reopen, write a checkpoint. */
  #wants = { open: true, reopen: false, checkpoint: false }
  #stopTimer: (() => void) | null = null
  #chain: Chain | null = null
  #opening: Opening | null = null
  /** The end of the last chain as far as it is known to be written. */
  #confirmed: ChainEnd | null = null
  #torn: Torn | null = null
  #missed = 0
  #written = 0
  #failed = 0
  #failure: { readonly reason: string; readonly at: number } | null = null
  #state: LaneState = 'idle'
  #idle: (() => void)[] = []

  constructor(options: LaneOptions) {
    this.path = options.path
    this.redactor = options.redactor
    this.#options = options
    this.#pace = options.checkpoints ?? defaultPace
  }

  /** Resolves when the device has the entry, rejects when it has not within the deadline. */
  write(entry: AuditEntry): Promise<void> {
    try {
      const body = this.redactor.render(entry)
      if (typeof body === 'string') return this.#enqueue(body)
      // What takes long is done before the entry waits: the deadline is for the device.
      return body.then((made) => bodyOf(this.#options.config.prefix, made)).then((made) => this.#enqueue(made))
    } catch (error) {
      return Promise.reject(new Error('the entry cannot be written', { cause: error }))
    }
  }

  /** Opens the device and writes the start of the chain, without waiting for the first entry. */
  start(): Promise<void> {
    this.#wants.open = true
    return this.#within(this.#untilIdle())
  }

  /** Closes what is open and opens it again: after a rotation. Resolves when that is done, or has failed. */
  reopen(): Promise<void> {
    this.#wants.reopen = true
    return this.#within(this.#untilIdle())
  }

  /** Writes what waits, ends the chain and closes the device; gives up at the deadline. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const finish = async (): Promise<void> => {
      await this.#untilIdle()
      await this.#endChain()
      await this.#options.device.close()
    }
    await this.#within(finish())
    this.#stopTimer?.()
    this.#stopTicking?.()
    const error = new Error('the device was closed before it took the entry')
    for (const item of [...this.#flying, ...this.#waiting.splice(0)]) item.settle(error)
  }

  /** Waits for the work, but not for a device that hangs. */
  async #within(work: Promise<void>): Promise<void> {
    let cancel = (): void => {}
    const deadline = new Promise<void>((resolve) => void (cancel = this.#options.host.later(this.#options.config.deadlineMs, resolve)))
    await Promise.race([work, deadline])
    cancel()
  }

  status(): LaneStatus {
    return {
      path: this.path,
      state: this.#isHanging ? 'hanging' : this.#state,
      written: this.#written,
      failed: this.#failed,
      waiting: this.#waiting.length + this.#flying.length,
      lastError: this.#failure?.reason ?? null,
      lastErrorAt: this.#failure?.at ?? null,
    }
  }

  #enqueue(body: string | LongBody): Promise<void> {
    const refusal = this.#refusal()
    if (refusal !== null) {
      this.#failed++
      this.#missed++
      return Promise.reject(new Error(refusal))
    }
    return new Promise((resolve, reject) => {
      const item: Item = {
        body,
        expiresAt: this.#tick + ticksPerDeadline + 1,
        isSettled: false,
        settle: (error) => this.#settle(item, error, resolve, reject),
      }
      this.#waiting.push(item)
      this.#waitingSize += sizeOf(body)
      this.#startTicking()
      this.#run()
    })
  }

  #refusal(): string | null {
    if (this.#isClosed) return 'the device is being closed'
    if (this.#isHanging) return `the device has not answered for ${this.#options.config.deadlineMs} ms`
    return this.#waitingSize > waitingMax ? 'too many entries wait for the device' : null
  }

  #settle(item: Item, error: Error | null, resolve: () => void, reject: (error: Error) => void): void {
    if (item.isSettled) return
    item.isSettled = true
    if (error === null) {
      this.#written++
      resolve()
    } else {
      this.#failed++
      this.#missed++
      reject(error)
    }
  }

  /** Runs as long as anybody waits, and stops by itself. */
  #startTicking(): void {
    this.#stopTicking ??= this.#options.host.later(Math.ceil(this.#options.config.deadlineMs / ticksPerDeadline), () => {
      this.#stopTicking = null
      this.#tick++
      this.#expire()
      if (this.#waiting.length > 0 || this.#flying.length > 0) this.#startTicking()
    })
  }

  #expire(): void {
    const error = new Error(`not written within ${this.#options.config.deadlineMs} ms`)
    const isLate = (item: Item | undefined): item is Item => item !== undefined && item.expiresAt <= this.#tick
    if (isLate(this.#flying[0]) && !this.#isHanging) {
      this.#isHanging = true
      this.#noteFailure(error)
    }
    for (const item of this.#flying) if (isLate(item)) item.settle(error)
    const late = this.#waiting.findIndex((item) => !isLate(item))
    for (const item of this.#waiting.splice(0, late < 0 ? this.#waiting.length : late)) {
      this.#waitingSize -= sizeOf(item.body)
      item.settle(error)
    }
  }

  #untilIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#run()
    })
  }

  /** One batch at a time. It begins at the end of a turn of the event loop, so that it holds all that the turn brings. */
  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    setImmediate(() => void this.#work())
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0 || this.#wants.open || this.#wants.reopen || this.#wants.checkpoint) {
      // Where several come at once more are on their way, and what costs is the writing, not the lines.
      if (this.#waiting.length > 1) await endOfTurn()
      this.#flying = this.#takeBatch()
      await this.#deliver(this.#flying)
      ;[this.#flying, this.#isHanging] = [[], false]
      // Those who were just told go on with their requests, and their next entries belong to this batch, too.
      await endOfTurn()
    }
    this.#isRunning = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #takeBatch(): Item[] {
    let size = 0
    let count = 0
    while (count < this.#waiting.length && count < batchLinesMax && size < batchMax) size += sizeOf(this.#waiting[count++]?.body ?? '')
    this.#waitingSize -= size
    return this.#waiting.splice(0, count)
  }

  /** Never rejects. What fails is tried once more with the device opened anew, as long as somebody waits for it. */
  async #deliver(batch: readonly Item[]): Promise<void> {
    let rest = batch
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#attempt(rest)
        this.#noteSuccess()
        return
      } catch (error) {
        if (error instanceof Undelivered) rest = rest.slice(error.delivered)
        await this.#drop(error instanceof Undelivered ? error.failure : null)
        if (attempt === 1 && rest.some((item) => !item.isSettled)) continue
        const reason = new Error(reasonOf(error instanceof Undelivered ? error.failure : error), { cause: error })
        for (const item of rest) item.settle(reason)
        this.#noteFailure(reason)
        return
      }
    }
  }

  async #attempt(batch: readonly Item[]): Promise<void> {
    const wantsCheckpoint = this.#wants.checkpoint
    this.#wants = { open: false, reopen: this.#wants.reopen, checkpoint: false }
    await this.#renew()
    const opening = await this.#options.device.open()
    const lines: Line[] = []
    const chain = this.#chain !== null && opening === this.#opening ? this.#chain : this.#begin(opening, lines)
    const lead = lines.length
    for (const { body } of batch) lines.push(typeof body === 'string' ? chain.line(body) : chain.longLine(body))
    if (chain.sinceCheckpoint > 0 && (wantsCheckpoint || chain.isCheckpointDue)) lines.push(chain.checkpoint('interval', this.#facts()))
    if (lines.length > 0) await this.#hand(chain, lines, lead, batch)
    for (const item of batch) item.settle(null)
  }

  async #hand(chain: Chain, lines: readonly Line[], lead: number, batch: readonly Item[]): Promise<void> {
    try {
      await this.#options.device.write(lines)
    } catch (error) {
      const failure = error instanceof WriteFailure ? error : new WriteFailure(error)
      const last = lines[failure.whole - 1]
      const { end } = chain
      if (last !== undefined && end !== null) {
        this.#confirmed = { id: end.id, seq: end.seq - (lines.length - failure.whole), hash: hashLine(lineText(last).replace(/^\n|\n$/g, '')) }
        if (lead > 0) this.#missed = 0
      }
      const delivered = Math.min(Math.max(failure.whole - lead, 0), batch.length)
      for (const item of batch.slice(0, delivered)) item.settle(null)
      throw new Undelivered(failure, delivered)
    }
    this.#confirmed = chain.end
    if (lead > 0) this.#torn = null
    if (lead > 0 || chain.sinceCheckpoint === 0) this.#missed = 0
    if (chain.sinceCheckpoint > 0) this.#startTimer()
  }

  /** A new chain for what was just opened. Its start fixes how the chains before it ended. */
  #begin(opening: Opening, lines: Line[]): Chain {
    const { chainId, signer, config } = this.#options
    const chain = new Chain({ id: chainId(), prefix: config.prefix, signer, everyLines: this.#pace.lines })
    const own = this.#confirmed
    const previous = [...(own === null ? [] : [own]), ...opening.ends.filter((end) => end.hash !== own?.hash)]
    const torn = [this.#torn, opening.torn].filter((piece) => piece !== null).filter((piece, i, all) => all.findIndex(({ hash }) => hash === piece.hash) === i)
    const start = chain.start(this.#facts(), { previous, torn })
    lines.push(torn.length === 0 ? start : `\n${start}`)
    this.#chain = chain
    this.#opening = opening
    return chain
  }

  #facts(): CheckpointFacts {
    return { time: this.#options.host.now(), size: this.#options.device.size(), missed: this.#missed }
  }

  /** Closes what is no longer what it should be. */
  async #renew(): Promise<void> {
    if (this.#opening === null) {
      this.#wants.reopen = false
      return
    }
    const stale = await this.#options.device.staleness(this.#wants.reopen)
    if (stale === null && !this.#wants.reopen) return
    this.#wants.reopen = false
    if (stale !== null) this.#options.host.log('warn', 'audit', `audit device ${staleTexts[stale]}; it is opened again`, { device: this.path })
    if (stale !== 'cut') await this.#endChain()
    await this.#drop(null)
  }

  async #endChain(): Promise<void> {
    const chain = this.#chain
    this.#stopTimer?.()
    this.#stopTimer = null
    if (chain === null || this.#opening === null) return
    this.#chain = null
    try {
      await this.#options.device.write([chain.checkpoint('end', this.#facts())])
      ;[this.#confirmed, this.#missed] = [chain.end, 0]
    } catch {
      // It was closed because it does not work: the start of the next chain names how far this one came.
    }
  }

  async #drop(failure: WriteFailure | null): Promise<void> {
    this.#chain = null
    this.#opening = null
    this.#torn = failure?.torn ?? this.#torn
    await this.#options.device.close()
  }

  #startTimer(): void {
    this.#stopTimer ??= this.#options.host.later(this.#pace.ms, () => {
      this.#stopTimer = null
      if (this.#isClosed) return
      this.#wants.checkpoint = true
      this.#run()
    })
  }

  #noteSuccess(): void {
    if (this.#state === 'failing') this.#options.host.log('info', 'audit', 'audit device works again', { device: this.path })
    this.#state = 'ok'
  }

  #noteFailure(error: Error): void {
    if (this.#state !== 'failing') this.#options.host.log('error', 'audit', 'audit device fails', { device: this.path, reason: error.message })
    this.#state = 'failing'
    this.#failure = { reason: error.message, at: this.#options.host.now() }
  }
}

const staleTexts = { moved: 'no longer finds its file under its name', cut: 'finds its file truncated', lost: 'lost its connection' } as const

/** A write failed after so many entries of the batch were written. */
class Undelivered extends Error {
  readonly failure: WriteFailure
  readonly delivered: number
  constructor(failure: WriteFailure, delivered: number) {
    super(failure.message, { cause: failure })
    this.failure = failure
    this.delivered = delivered
  }
}
