/** The processes of the workers: started, followed, replaced when they end, given up when they only ever end. */
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Taker } from './acceptor.ts'
import { forkWorker, takeAhead } from './fork.ts'
import { Link } from './link.ts'
import type { AskedOfSupervisor, AskedOfWorker } from './messages.ts'

export type Answers = (worker: WorkerHandle) => { readonly [N in keyof AskedOfSupervisor]: (body: AskedOfSupervisor[N][0]) => AskedOfSupervisor[N][1] | Promise<AskedOfSupervisor[N][1]> }

/** `open`: its store is; `ready`: it serves. */
export type WorkerState = 'starting' | 'open' | 'ready' | 'gone'

export interface WorkerHandle extends Taker {
  readonly number: number
  readonly processId: string
  readonly child: ChildProcess
  readonly link: Link<AskedOfWorker, AskedOfSupervisor>
  /** Gives it something that it keeps until it ends. */
  readonly keep: (handle: object) => void
  /** Resolves with how it ended, once nothing more can come of it. */
  readonly ended: Promise<string>
  state: WorkerState
  /** By `steadyNow`; null: it never was. */
  readyAt: number | null
  /** Looks since it answered the last one. */
  unanswered: number
}

const own = fileURLToPath(import.meta.url)
/** Beside this file, also where both are bundled. */
const workerFile = join(dirname(own), `worker-main${extname(own)}`)

/** Forks a worker, or takes the one that was forked ahead. `leaving` is called when its channel closes. */
export function startWorker(number: number, answers: Answers, leaving: (worker: WorkerHandle) => void): WorkerHandle {
  const child = takeAhead() ?? forkWorker(workerFile)
  const send = (message: object, socket?: Socket): void => {
    if (child.connected) child.send(message, socket, { keepOpen: true }, () => undefined)
  }
  const link: WorkerHandle['link'] = new Link<AskedOfWorker, AskedOfSupervisor>((message) => send(message), lateAnswers(() => answers(worker)))
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `code ${code}` : signal))
    child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  const closed = Promise.race([new Promise<void>((resolve) => child.once('disconnect', resolve)), exited.then(() => drained(child))])
  const worker: WorkerHandle = {
    number, child, link, processId: randomUUID(), state: 'starting', readyAt: null, unanswered: 0, pending: new Map(),
    hand: send,
    keep: (handle) => send({ keep: true }, handle as Socket),
    ended: Promise.all([exited, closed]).then(([how]) => how),
  }
  child.on('message', (message) => link.receive(message))
  void closed.then(() => {
    worker.state = 'gone'
    link.close()
    leaving(worker)
    // A process that closes its channel has no business any more.
    child.kill('SIGKILL')
  })
  return worker
}

const drainedMs = 1_000

/** What a process said last may still be on its way. Node does not tell of the end of a channel on which a connection was being handed over. */
async function drained(child: ChildProcess): Promise<void> {
  const deadline = setTimeout(() => child.disconnect(), drainedMs)
  while (child.connected) await new Promise((resolve) => setTimeout(resolve, drainedMs / 200))
  clearTimeout(deadline)
}

/** The answers need the worker, which needs the link. */
function lateAnswers(of: () => ReturnType<Answers>): ReturnType<Answers> {
  return new Proxy({} as ReturnType<Answers>, { get: (_, name) => Reflect.get(of(), name) as unknown })
}

/** What happens when workers end by themselves, again and again. */
const earlyMs = 10_000
const earlyEndsMax = 10
const backoffMs = { first: 100, most: 2_000 }

/** Decides how long to wait for the next start, and when to give up. */
export class Restarts {
  #early = 0
  #waitMs = 0

  /** A worker ended `livedMs` after it was ready (null: it never was). Milliseconds until the next one may start; null: it is of no use. */
  next(how: string, livedMs: number | null): number | null {
    // Who kills workers from outside is not stopped by giving up.
    const isOwnFault = how !== 'SIGKILL' || livedMs === null
    const isEarly = livedMs === null || livedMs < earlyMs
    this.#early = isOwnFault && isEarly ? this.#early + 1 : 0
    if (this.#early >= earlyEndsMax) return null
    const before = this.#waitMs
    this.#waitMs = isEarly ? Math.min(Math.max(before * 2, backoffMs.first), backoffMs.most) : 0
    return before
  }
}
