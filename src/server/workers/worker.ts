/** A worker: serves every request from the shared store. Its connections, and the key, come from the supervisor. */
import type { Socket } from 'node:net'
import type { Core } from '../../core/core.ts'
import type { Ceremonies } from '../../core/keys.ts'
import { attachListener, type Listener } from '../../http/listener.ts'
import { figuresOf } from '../../system/sys/observe.ts'
import { connectionLimit, Gate, wireHostFor } from '../front.ts'
import { realHost, realNow } from '../host.ts'
import { drainMs } from '../limits.ts'
import { describeError } from '../log.ts'
import { openingOf, type Opening } from '../opening.ts'
import { oneLine } from '../process.ts'
import { describeReload, reopen, setHeaders } from '../run.ts'
import { unsealAtStart } from '../unsealing.ts'
import { openWorld, type HeldStore, type World } from '../world.ts'
import { workerCrew, type WorkerLink } from './crew.ts'
import { Link } from './link.ts'
import { workerLog, type WorkerLog } from './log.ts'
import type { AskedOfSupervisor, AskedOfWorker, Begin, Call, Handover, Outcome } from './messages.ts'
import { unpacked } from './packing.ts'

/** What a worker may touch of its process. */
export interface WorkerProcess {
  readonly send: (message: object) => void
  readonly exit: (code: number) => void
}

interface Running {
  readonly begin: Begin
  readonly world: World
  readonly opening: Opening
  readonly listeners: readonly Listener[]
}

/** Closed by the end of the process alone. */
const kept = new Set<object>()

export class Worker {
  readonly #process: WorkerProcess
  readonly #link: WorkerLink
  readonly #log: WorkerLog
  #running: Running | null = null
  #store: HeldStore | null = null
  #isStopping = false

  constructor(process: WorkerProcess) {
    this.#process = process
    this.#link = new Link<AskedOfSupervisor, AskedOfWorker>(process.send, {
      begin: (begin) => outcomeOf(() => this.#begin(begin)),
      prepare: () => outcomeOf(() => this.#prepare()),
      unseal: ({ rootKey }) => outcomeOf(() => this.#core().barrier.unseal(rootKey).finally(() => rootKey.fill(0))),
      exportKey: () => (this.#core().barrier.isSealed ? null : this.#core().barrier.exportRootKey()),
      seal: () => this.#seal(),
      perform: (call) => perform(this.#core().own, call),
      figures: () => figuresOf(this.#core()),
      ping: () => null,
      reload: (reload) => this.#reload(reload),
      level: (change) => this.#log.change(change),
      watched: (isWatched) => this.#log.setWatched(isWatched),
      line: (line) => this.#log.pass(line),
      gone: ({ processId }) => this.#gone(processId),
      hold: () => this.#hold(),
      goOn: () => this.#goOn(),
      stop: () => this.#stop(),
    })
    this.#log = workerLog(this.#link)
  }

  /** A message of the supervisor, perhaps with a connection. */
  receive(message: unknown, socket: Socket | undefined): void {
    if (socket === undefined) return this.#link.receive(message)
    if ('keep' in (message as object)) return void kept.add(socket)
    const { connection, listener } = message as Handover
    // Before anything is read, so that the supervisor knows whose it is.
    this.#link.tell('taken', connection)
    this.#link.flush()
    this.#running?.listeners[listener]?.take(socket)
  }

  report(error: unknown): void {
    this.#log.log.write('error', 'core', 'unhandled failure', describeError(error))
  }

  #core(): Core {
    if (this.#running === null) throw new Error('the worker has not begun')
    return this.#running.world.core
  }

  /** The listeners first: a certificate that does not work is found before anything is made. */
  async #begin(begin: Begin): Promise<void> {
    const { config, isFirst, processId } = begin
    this.#log.begin(config.log, begin.levels)
    const { log } = this.#log
    const host = realHost(log.write)
    const [gate, connections] = [new Gate(), connectionLimit(log)]
    const listeners = await Promise.all(config.listeners.map((one) => attachListener(one.settings, wireHostFor(one, gate, realNow, log, connections))))
    const opening = openingOf(begin.kind, config, async (token, address) => void (await this.#link.ask('remember', { token, address })), realNow)
    const onStop = (reason: Error): void => this.#link.tell('fatal', { text: oneLine(reason) })
    const world = await openWorld(config, {
      host, logControl: this.#log.control, onStop, sealOf: (barrier) => sealFor(opening, isFirst, barrier, this.#log), crew: workerCrew(this.#link), isFirst, processId, opening: (open) => this.#opening(open),
    })
    this.#running = { begin, world, opening, listeners }
    gate.open(world.core)
  }

  /** Of the store: the others hold meanwhile, and this one with them from then on. */
  async #opening<T extends HeldStore>(open: () => Promise<T>): Promise<T> {
    await this.#link.ask('opening', null)
    try {
      const store = await open()
      this.#store = store
      return store
    } finally {
      this.#link.tell('opened', null)
    }
  }

  async #hold(): Promise<null> {
    await this.#store?.hold()
    return null
  }

  #goOn(): null {
    this.#store?.goOn()
    return null
  }

  async #prepare(): Promise<void> {
    const { begin, opening, world } = this.#running as Running
    await (begin.isFirst ? opening.prepare(world.core) : unsealAtStart(world.core))
  }

  #seal(): null {
    this.#running?.world.forget()
    return null
  }

  #reload(reload: AskedOfWorker['reload'][0]): null {
    if (this.#running === null) return null
    const { world, listeners } = this.#running
    if (reload === null) {
      reopen(world.core, listeners, (error) => this.#log.log.write('error', 'core', 'reload failed', describeReload(error)))
      return null
    }
    this.#log.log.levels.setInitial(reload.level)
    setHeaders(listeners, reload.headers)
    return null
  }

  #gone(processId: string): null {
    this.#running?.world.noteGone(processId)
    return null
  }

  #stop(): null {
    if (this.#isStopping) return null
    this.#isStopping = true
    void this.#shutDown().finally(() => this.#process.exit(0))
    return null
  }

  async #shutDown(): Promise<void> {
    if (this.#running === null) return
    const { world, listeners } = this.#running
    await Promise.all(listeners.map((listener) => listener.stop(drainMs)))
    await world.close()
    this.#link.flush()
  }
}

/** A worker that replaces another one serves also when its seal is out of reach: the key comes from the others. */
async function sealFor(opening: Opening, isFirst: boolean, barrier: Parameters<Opening['seal']>[0], { log }: WorkerLog): ReturnType<Opening['seal']> {
  try {
    return await opening.seal(barrier)
  } catch (error) {
    if (isFirst) throw error
    log.write('warn', 'core', 'the seal cannot be reached', { error: oneLine(error) })
    return null
  }
}

async function outcomeOf(work: () => Promise<void>): Promise<Outcome> {
  try {
    await work()
    return { problem: null }
  } catch (error) {
    return { problem: oneLine(error) }
  }
}

function perform(own: Ceremonies, { ceremony, method, given }: Call): Promise<unknown> {
  const target: object = own[ceremony]
  return Reflect.apply(Reflect.get(target, method) as (...given: unknown[]) => Promise<unknown>, target, given.map(unpacked))
}
