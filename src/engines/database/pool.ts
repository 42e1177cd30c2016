/**
 * The connections to one database: never more than allowed, each for no longer than allowed, and none that has died while it was idle. Requests go
 * before what the server does by itself, which leaves one connection to them, however much there is to revoke.
 */
import { NothingDone } from '../../kit/outside.ts'
import { textOf, Unreachable, type Session } from './driver.ts'
import type { Limits } from './details.ts'

export type Urgency = 'foreground' | 'background'

interface Waiting {
  readonly urgency: Urgency
  readonly resolve: () => void
}

/** An idle connection is closed after that long, so that a mount that is gone, or a server that is sealed, leaves none open. */
const idleSeconds = 60
const waitingMax = 1_000

/** One that was used a moment ago is not asked whether it still lives: it would have said, and the question costs as much as each statement. */
const freshMs = 1_000

interface Kept {
  readonly session: Session
  readonly timer: NodeJS.Timeout
  isFresh: boolean
}

export class Pool {
  readonly #open: (signal: AbortSignal) => Promise<Session>
  readonly #limits: Limits
  readonly #idle: Kept[] = []
  readonly #old = new WeakSet<Session>()
  readonly #inUse = new Set<Session>()
  #waiting: Waiting[] = []
  #taken = { foreground: 0, background: 0 }
  #isClosed = false

  constructor(open: (signal: AbortSignal) => Promise<Session>, limits: Limits) {
    this.#open = open
    this.#limits = limits
  }

  /** Runs `work` on a connection; it fails with `bad_gateway` when its time is over or `signal` aborts. Throws `NothingDone` when there is no connection to be had. */
  async use<T>(urgency: Urgency, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    await this.#enter(urgency, signal)
    try {
      const session = await this.#take(signal)
      return await this.#run(session, signal, work)
    } finally {
      this.#leave(urgency)
    }
  }

  /** Closes what is idle now, and the rest when it is given back. */
  close(): void {
    this.#isClosed = true
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer)
      session.close()
    }
  }

  /** Closes everything at once: what is under way fails. */
  abandon(): void {
    this.close()
    for (const session of this.#inUse) session.close()
  }

  async #enter(urgency: Urgency, signal: AbortSignal): Promise<void> {
    if (this.#mayEnter(urgency)) return void (this.#taken[urgency] += 1)
    if (this.#waiting.length >= waitingMax) throw new Unreachable('too many requests wait for a connection to the database')
    await this.#wait(urgency, signal)
  }

  /** Whoever lets one go counts the one that it wakes up. */
  #wait(urgency: Urgency, signal: AbortSignal): Promise<void> {
    const { openMax, connectSeconds } = this.#limits
    return new Promise((resolve, reject) => {
      const give = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== mine)
        reject(new Unreachable(`all ${openMax} connections to the database are in use`))
      }
      const timer = setTimeout(give, connectSeconds * 1000)
      const mine: Waiting = {
        urgency,
        resolve: () => {
          clearTimeout(timer)
          signal.removeEventListener('abort', give)
          resolve()
        },
      }
      signal.addEventListener('abort', give, { once: true })
      this.#waiting.push(mine)
    })
  }

  #mayEnter(urgency: Urgency): boolean {
    const { openMax } = this.#limits
    const { foreground, background } = this.#taken
    if (foreground + background >= openMax) return false
    return urgency === 'foreground' || background < Math.max(1, openMax - 1)
  }

  #leave(urgency: Urgency): void {
    this.#taken[urgency] -= 1
    for (const kind of ['foreground', 'background'] as const) {
      const next = this.#waiting.find((waiting) => waiting.urgency === kind)
      if (next === undefined || !this.#mayEnter(kind)) continue
      this.#waiting = this.#waiting.filter((other) => other !== next)
      this.#taken[kind] += 1
      return next.resolve()
    }
  }

  async #take(signal: AbortSignal): Promise<Session> {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      clearTimeout(kept.timer)
      const { session, isFresh } = kept
      if (session.isOpen() && !this.#old.has(session) && (isFresh || (await isAlive(session, signal, this.#limits)))) return session
      session.close()
    }
    const session = await inTime(this.#open, signal, this.#limits)
    const { lifetimeSeconds } = this.#limits
    if (lifetimeSeconds > 0) setTimeout(() => this.#old.add(session), lifetimeSeconds * 1000).unref()
    return session
  }

  async #run<T>(session: Session, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    this.#inUse.add(session)
    const stop = (): void => session.close()
    const timer = setTimeout(stop, this.#limits.operationSeconds * 1000)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    try {
      return await work(session)
    } catch (error) {
      // It may be in the middle of something.
      session.close()
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      this.#inUse.delete(session)
      this.#keep(session)
    }
  }

  #keep(session: Session): void {
    if (!session.isOpen()) return
    if (this.#isClosed || this.#old.has(session) || this.#idle.length >= this.#limits.idleMax) return session.close()
    const timer = setTimeout(() => this.#drop(session), idleSeconds * 1000)
    timer.unref()
    const kept: Kept = { session, timer, isFresh: true }
    setTimeout(() => (kept.isFresh = false), freshMs).unref()
    this.#idle.push(kept)
  }

  #drop(session: Session): void {
    const at = this.#idle.findIndex((kept) => kept.session === session)
    if (at >= 0) this.#idle.splice(at, 1)
    session.close()
  }
}

async function isAlive(session: Session, signal: AbortSignal, { connectSeconds }: Limits): Promise<boolean> {
  const timer = setTimeout(() => session.close(), connectSeconds * 1000)
  try {
    await session.check()
    return !signal.aborted
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}

/** Opens one within the time for it. Throws `NothingDone`, whatever the driver throws. */
export async function inTime(open: (signal: AbortSignal) => Promise<Session>, signal: AbortSignal, { connectSeconds }: Limits): Promise<Session> {
  const late = AbortSignal.timeout(connectSeconds * 1000)
  try {
    return await open(AbortSignal.any([signal, late]))
  } catch (error) {
    if (late.aborted) throw new Unreachable(`the database did not answer within ${connectSeconds} seconds`, { cause: error })
    if (error instanceof NothingDone) throw error
    throw new Unreachable(textOf(error), { cause: error })
  }
}
