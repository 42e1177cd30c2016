/**
 * Keeps workers running and what they have in common: addresses, counts of rate limits, levels of the log. It holds no key: a worker that starts gets
 * the key of one that serves, and the ceremonies around the keys take place in the worker that has served for longest.
 */
import { randomBytes } from 'node:crypto'
import { RateCounter } from '../../core/quotas.ts'
import type { Figures } from '../../core/telemetry.ts'
import { ApiError } from '../../kit/errors.ts'
import { within } from '../../kit/within.ts'
import type { ServerConfig } from '../config/config.ts'
import type { Log } from '../log.ts'
import type { Mode } from '../mode.ts'
import { steadyNow } from '../host.ts'
import { drainMs } from '../limits.ts'
import type { ServerProcess } from '../process.ts'
import { Acceptor } from './acceptor.ts'
import { LogBook } from './log-book.ts'
import type { AskedOfWorker, Begin, Call, Reload } from './messages.ts'
import { Openings } from './openings.ts'
import { Restarts, startWorker, type Answers, type WorkerHandle } from './staff.ts'

/** For what every worker must do; one that takes longer is ended, which does it as well. */
const everyoneMs = 10_000
/** For ending the transaction of the store that it is in, which its own deadline ends before. */
const holdMs = 40_000
/** For figures, which can do without one. */
const figuresMs = 2_000
/** A worker that does not answer for so many looks is ended. */
const lookMs = 5_000
const unansweredMax = 3
/** A connection that a worker has not confirmed for so long never came there: it answers looks. */
const lostMs = 10_000
/** Of node:tls. */
const ticketKeysLength = 48
/** What unsealing and the first answers of a start take. */
const firstAloneMs = 200
/** Beyond the time for requests that are under way. */
const closeMs = 5_000

export class Supervisor {
  readonly acceptor: Acceptor
  readonly #mode: Mode
  readonly #log: Log
  readonly #fail: (reason: Error) => void
  readonly #book: LogBook
  readonly #counter = new RateCounter()
  readonly #restarts = new Restarts()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #openings = new Openings((workers) => this.#each(workers, 'hold', null, () => true, holdMs))
  /** In the order of their starts. */
  #workers: WorkerHandle[] = []
  #config: ServerConfig
  /** Of the lock of the storage: each worker keeps one, so that no other server begins before all of them have ended. */
  #lockCopy: object | null = null
  /** Grows with each sealing, so that no key from before one is given out after it. */
  #sealings = 0
  #isSealedOnPurpose = false
  /** Whoever unseals by a seal, and tries again while that is out of reach. */
  #unsealer: WorkerHandle | null = null
  #isStopping = false

  constructor(mode: Mode, process: ServerProcess, log: Log, fail: (reason: Error) => void) {
    this.#mode = mode
    this.#config = mode.config
    this.#log = log
    this.#fail = fail
    this.#book = new LogBook(log, process.out, () => this.#open())
    this.acceptor = new Acceptor((error) => log.write('error', 'http', 'cannot accept a connection', { error: error.message }))
  }

  prepareFirst(): WorkerHandle {
    return this.#start()
  }

  /** Throws an `Error` with a line for the operator. `config` has the addresses in use, `lockCopy` is of the lock of the storage. */
  async openFirst(worker: WorkerHandle, config: ServerConfig, lockCopy: object | null): Promise<void> {
    this.#config = withTicketKeys(config)
    this.#lockCopy = lockCopy
    await Promise.race([this.#openWorker(worker, true), worker.ended.then((how) => Promise.reject(new Error(`the first worker ended (${how})`)))])
    this.#follow(worker)
    this.#every(lookMs, () => this.#look())
  }

  /** Starts the other workers, a moment later: whoever waited for the server is answered before they take the processor. */
  fill(count: number): void {
    for (const worker of this.#ready()) this.#tell(worker)
    this.#after(firstAloneMs, () => {
      for (let number = 2; number <= count; number++) this.#add(number)
    })
  }

  async isSealed(): Promise<boolean> {
    const [first] = this.#ready()
    const rootKey = await first?.link.ask('exportKey', null)
    rootKey?.fill(0)
    return rootKey === null
  }

  reload(reload: Reload | null): void {
    if (reload !== null) this.#config = withReloaded(this.#config, reload)
    for (const worker of this.#open()) worker.link.tell('reload', reload)
  }

  /** Accepts nothing more; every worker ends what is under way, and itself. */
  async stop(): Promise<void> {
    this.#isStopping = true
    for (const timer of this.#timers) clearTimeout(timer)
    this.acceptor.close()
    await Promise.all(this.#workers.map((worker) => this.#stopWorker(worker)))
  }

  readonly #answers: Answers = (worker) => ({
    opening: () => this.#openings.begin(worker),
    opened: () => this.#openings.opened(worker),
    seal: () => this.#seal(),
    shareKey: () => this.#shareKey(worker),
    perform: (call) => this.#perform(call),
    count: ({ address, limit }) => this.#counter.take(address, limit, steadyNow()),
    figures: async () => [...(await this.figures(worker)).values()].filter((figures) => figures !== null),
    remember: ({ token, address }) => {
      this.#mode.remember(token, address)
      return null
    },
    log: (line) => this.#book.write(line),
    watched: (line) => this.#book.show(line, worker),
    level: (change) => this.#book.change(change, worker),
    watching: (isWatching) => this.#book.setWatching(worker, isWatching),
    taken: (id) => {
      this.acceptor.taken(worker, id)
      return null
    },
    fatal: ({ text }) => {
      this.#fail(new Error(text))
      return null
    },
  })

  #start(number = 1): WorkerHandle {
    const worker = startWorker(number, this.#answers, (one) => {
      this.acceptor.remove(one)
      this.#openings.gone(one)
      this.#book.forget(one)
      this.#workers = this.#workers.filter((other) => other !== one)
      for (const other of this.#open()) other.link.tell('gone', { processId: one.processId })
      if (one === this.#unsealer) this.#unsealer = null
      void this.#findUnsealer()
    })
    this.#workers.push(worker)
    return worker
  }

  #add(number: number): void {
    if (this.#isStopping) return
    const worker = this.#start(number)
    this.#follow(worker)
    this.#openWorker(worker, false).then(() => this.#tell(worker)).catch((error: unknown) => {
      if (worker.state !== 'gone') this.#log.write('error', 'workers', 'a worker could not start', { worker: number, error: error instanceof Error ? error.message : 'unknown' })
      worker.child.kill('SIGKILL')
    })
  }

  #tell({ number, child }: WorkerHandle): void {
    this.#log.write('info', 'workers', 'a worker serves', { worker: number, pid: child.pid ?? 0 })
  }

  /** Replaces it when it ends. */
  #follow(worker: WorkerHandle): void {
    void worker.ended.then((how) => {
      if (this.#isStopping) return
      const waitMs = this.#restarts.next(how, worker.readyAt === null ? null : steadyNow() - worker.readyAt)
      if (waitMs === null) return this.#fail(new Error(`workers end as soon as they are started (${how}): giving up`))
      this.#log.write('error', 'workers', 'a worker ended and is replaced', { worker: worker.number, how, pid: worker.child.pid ?? 0, wait_ms: waitMs })
      this.#after(waitMs, () => this.#add(worker.number))
    })
  }

  async #openWorker(worker: WorkerHandle, isFirst: boolean): Promise<void> {
    const begin: Begin = { config: this.#config, kind: this.#mode.opening, processId: worker.processId, isFirst, levels: this.#book.levels }
    if (this.#lockCopy !== null) worker.keep(this.#lockCopy)
    check(await worker.link.ask('begin', begin))
    if (this.#hasEnded(worker)) throw new Error('it has ended')
    worker.state = 'open'
    this.#book.welcome(worker)
    await this.#unsealLike(worker, isFirst)
    if (this.#hasEnded(worker)) throw new Error('it has ended')
    worker.state = 'ready'
    worker.readyAt = steadyNow()
    this.acceptor.add(worker)
    if (!isFirst) await this.#findUnsealer()
  }

  /** While the server is sealed and nobody wants that, one worker asks its seal: when that one ends, another one goes on. */
  async #findUnsealer(): Promise<void> {
    const [next] = this.#ready()
    if (next === undefined || this.#unsealer !== null || this.#isSealedOnPurpose || this.#isStopping) return
    this.#unsealer = next
    const sealings = this.#sealings
    // Who ends meanwhile is followed by the next one.
    if (!(await this.isSealed().catch(() => false)) || this.#hasEnded(next)) return
    const { problem } = await next.link.ask('prepare', null).catch(() => ({ problem: null }))
    if (problem !== null) this.#log.write('error', 'workers', 'a worker could not unseal the server', { worker: next.number, error: problem })
    if (sealings !== this.#sealings) await this.#each([next], 'seal', null, () => true)
    else await this.#shareKey(next).catch(() => null)
  }

  /** Whoever waited for something meanwhile must ask: nothing may be handed to a process that is gone. */
  #hasEnded(worker: WorkerHandle): boolean {
    return !this.#workers.includes(worker)
  }

  /** With the key of one that has it; by its own seal where nobody is there to ask, unless the server was sealed. */
  async #unsealLike(worker: WorkerHandle, isFirst: boolean): Promise<void> {
    let wasGiven = false
    for (const other of this.#ready()) wasGiven ||= await this.#passKey(other, [worker]).catch(() => false)
    // Those that were asked may have ended over it.
    if (wasGiven || (this.#ready().length > 0 && !isFirst) || this.#isSealedOnPurpose) return
    this.#unsealer = worker
    check(await worker.link.ask('prepare', null))
  }

  /** Gives the key of a worker to others. False: it has none, or the server was sealed meanwhile. */
  async #passKey(from: WorkerHandle, to: readonly WorkerHandle[]): Promise<boolean> {
    const sealings = this.#sealings
    const rootKey = await from.link.ask('exportKey', null)
    if (rootKey === null) return false
    try {
      if (sealings !== this.#sealings) return false
      await this.#each(to, 'unseal', { rootKey }, ({ problem }) => problem === null || sealings !== this.#sealings)
      return sealings === this.#sealings
    } finally {
      rootKey.fill(0)
    }
  }

  async #seal(): Promise<null> {
    this.#sealings += 1
    this.#isSealedOnPurpose = true
    await this.#each(this.#workers, 'seal', null, () => true)
    return null
  }

  async #shareKey(from: WorkerHandle): Promise<null> {
    const wasShared = await this.#passKey(from, this.#open().filter((worker) => worker !== from))
    if (wasShared) this.#isSealedOnPurpose = false
    return null
  }

  /** Asks all of them. Who does not answer in time, or not as it must, is ended; resolves when each has done it or is gone. */
  async #each<N extends 'seal' | 'unseal' | 'hold'>(workers: readonly WorkerHandle[], name: N, body: AskedOfWorker[N][0], isRight: (answer: AskedOfWorker[N][1]) => boolean, ms = everyoneMs): Promise<void> {
    await Promise.all(workers.map(async (worker) => {
      const isDone = await within(worker.link.ask(name, body).then(isRight), ms, false).catch(() => false)
      if (isDone) return
      if (worker.state !== 'gone') this.#log.write('error', 'workers', `a worker could not ${name}, and is ended`, { worker: worker.number })
      worker.child.kill('SIGKILL')
      await worker.ended
    }))
  }

  /** What each process but that one has counted, by its id; null: it did not answer in time. */
  async figures(asking: WorkerHandle | null = null): Promise<ReadonlyMap<string, Figures | null>> {
    const others = this.#ready().filter((worker) => worker !== asking)
    const found = await Promise.all(others.map(async ({ processId, link }) => [processId, await within(link.ask('figures', null), figuresMs, null).catch(() => null)] as const))
    return new Map([['supervisor', supervisorFigures(this.#ready().length)], ...found])
  }

  /** Passes shares on, and keeps none. */
  async #perform(call: Call): Promise<unknown> {
    try {
      return await this.#keeper().link.ask('perform', call)
    } finally {
      for (const given of call.given) if (given instanceof Uint8Array) given.fill(0)
    }
  }

  /** Where the ceremonies are. */
  #keeper(): WorkerHandle {
    const [oldest] = this.#ready()
    if (oldest === undefined) throw new ApiError('overloaded', 'no worker serves at the moment; try again')
    return oldest
  }

  #look(): void {
    for (const worker of this.#open()) {
      const lost = worker.unanswered === 0 ? this.acceptor.drop(worker, lostMs) : 0
      if (lost > 0) this.#log.write('error', 'workers', 'a worker was handed connections that it did not get: too few file descriptors (ulimit -n)', { worker: worker.number, connections: lost })
      worker.unanswered += 1
      if (worker.unanswered > unansweredMax) {
        this.#log.write('error', 'workers', 'a worker does not answer, and is ended', { worker: worker.number })
        worker.child.kill('SIGKILL')
      } else void worker.link.ask('ping', null).then(() => (worker.unanswered = 0), () => undefined)
    }
  }

  async #stopWorker(worker: WorkerHandle): Promise<void> {
    const isOpen = worker.state === 'open' || worker.state === 'ready'
    if (isOpen) worker.link.tell('stop', null)
    else worker.child.kill('SIGKILL')
    if ((await within(worker.ended, drainMs + closeMs, null)) !== null) return
    worker.child.kill('SIGKILL')
    await worker.ended
  }

  #ready(): WorkerHandle[] {
    return this.#workers.filter(({ state }) => state === 'ready')
  }

  #open(): WorkerHandle[] {
    return this.#workers.filter(({ state }) => state === 'ready' || state === 'open')
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }

  #every(ms: number, work: () => void): void {
    this.#after(ms, () => {
      work()
      this.#every(ms, work)
    })
  }
}

function check({ problem }: { readonly problem: string | null }): void {
  if (problem !== null) throw new Error(problem)
}

/** The same for all workers, so that each of them can resume a session that another one began. */
function withTicketKeys(config: ServerConfig): ServerConfig {
  const listeners = config.listeners.map((listener) => {
    const { tls } = listener.settings
    return tls === null ? listener : { ...listener, settings: { ...listener.settings, tls: { ...tls, ticketKeys: randomBytes(ticketKeysLength) } } }
  })
  return { ...config, listeners }
}

function withReloaded(config: ServerConfig, { headers, level }: Reload): ServerConfig {
  const listeners = config.listeners.map((listener, i) => ({ ...listener, settings: { ...listener.settings, customHeaders: headers[i] ?? listener.settings.customHeaders } }))
  return { ...config, listeners, log: { ...config.log, level } }
}

function supervisorFigures(workers: number): Figures {
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const gauges = { process_resident_memory_bytes: rss, nodejs_heap_used_bytes: heapUsed, process_cpu_seconds_total: (user + system) / 1e6, coffer_workers: workers }
  return { requests: new Map(), counters: new Map(), inFlight: new Map(), gauges }
}
