/** One run of a server in this process alone, from its configuration to its exit code. */
import { randomUUID } from 'node:crypto'
import type { Barrier } from '../barrier/barrier.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import type { Core } from '../core/core.ts'
import type { CustomHeaders } from '../http/encode.ts'
import { startListener, type Listener } from '../http/listener.ts'
import { figuresOf } from '../system/sys/observe.ts'
import { headersFor, withBound } from './bound.ts'
import { watchClock } from './clock-watch.ts'
import type { ServerConfig } from './config/config.ts'
import { connectionLimit, Gate, wireHostFor } from './front.ts'
import { realHost } from './host.ts'
import { drainMs } from './limits.ts'
import { lockStorage } from './lock-storage.ts'
import { createLog, describeError, logControl, type Log } from './log.ts'
import { oneLine, startFailure, stopSignal, writePid, type ServerProcess } from './process.ts'
import { startSending, type Sending } from './sending.ts'
import { openWorld, type World } from './world.ts'

export interface Started {
  readonly core: Core
  /** As configured, with the ports that the system chose for port 0. */
  readonly config: ServerConfig
}

/** Dev mode, the first start and a configured server differ in these alone. */
export interface Steps {
  /** The automatic seal, or null for shares. */
  readonly seal: (barrier: Barrier, config: ServerConfig) => Promise<Seal | null>
  /** Runs while requests wait: initialises, unseals. */
  readonly prepare: (started: Started) => Promise<void>
  /** What to print once the server answers. */
  readonly announce: (started: Started) => void
  /** The configuration anew, on SIGHUP; null where there are no files. */
  readonly reread: (() => Promise<ServerConfig>) | null
}

interface Running extends Started {
  readonly listeners: readonly Listener[]
  readonly sending: Sending
  /** In order. */
  readonly closing: readonly (() => Promise<void>)[]
}

/** Resolves with the exit code when the server has stopped. Every failure to start is one line. */
export async function runServer(config: ServerConfig, process: ServerProcess, steps: Steps): Promise<number> {
  const log = createLog(config.log, process.now, process.out)
  let running: Running | null = null
  const stopped = stopSignal(process, () => void (running !== null && reload(running, steps, log)))
  process.onFailure((error) => log.write('error', 'core', 'unhandled failure', describeError(error)))
  try {
    running = await start(config, log, steps, (reason) => stopped.fail(reason))
  } catch (error) {
    stopped.end()
    process.err(startFailure(oneLine(error)))
    return 1
  }
  steps.announce(running)
  const reason = await stopped.reason
  log.write(reason.isFailure ? 'error' : 'info', 'core', reason.text)
  await shutDown(running)
  if (reason.isFailure) process.err(`The server has stopped: ${reason.text}\n`)
  return reason.isFailure ? 1 : 0
}

/** The listeners come first: a taken port is found before a folder, a key or a token is made. Whatever was opened is closed when a later step fails. */
async function start(given: ServerConfig, log: Log, steps: Steps, onStop: (reason: Error) => void): Promise<Running> {
  for (const warning of given.warnings) log.write('warn', 'config', warning)
  const host = realHost(log.write)
  const gate = new Gate()
  const undo: (() => Promise<void>)[] = [watchClock(log.write, host.now)]
  try {
    const listeners: Listener[] = []
    const connections = connectionLimit(log)
    for (const listener of given.listeners) {
      const opened = await startListener(listener.settings, wireHostFor(listener, gate, host.now, log, connections))
      listeners.push(opened)
      undo.unshift(() => opened.stop(0))
    }
    const config = withBound(given, listeners.map(({ address }) => address))
    const lock = await lockStorage(config.storage)
    undo.unshift(async () => await lock?.release())
    const around = { host, logControl: logControl(log), onStop, sealOf: (barrier: Barrier) => steps.seal(barrier, config), crew: null, isFirst: true, processId: randomUUID() }
    const world: World = await openWorld(config, around)
    undo.unshift(() => world.close())
    await steps.prepare({ core: world.core, config })
    undo.push(await writePid(config.pidFile))
    const sending = await startSending(config, async () => new Map([['', figuresOf(world.core)]]), log)
    undo.unshift(() => sending.stop())
    gate.open(world.core)
    return { core: world.core, config, listeners, sending, closing: undo }
  } catch (error) {
    for (const close of undo) await close()
    throw error
  }
}

async function shutDown({ listeners, closing }: Running): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.stop(drainMs)))
  for (const close of closing) await close()
}

/** SIGHUP: certificates, headers, the level of the log and where figures go are read anew, audit files opened anew. What fails is logged, and what was in use stays. */
function reload({ core, listeners, config, sending }: Running, { reread }: Steps, log: Log): void {
  log.write('info', 'core', 'reloading configuration, certificates and audit files')
  const failed = (error: unknown): void => log.write('error', 'core', 'reload failed', describeReload(error))
  reopen(core, listeners, failed)
  reread?.().then((anew) => {
    log.levels.setInitial(anew.log.level)
    setHeaders(listeners, headersFor(config.listeners, anew.listeners))
    return sending.change(anew.sending)
  }).catch(failed)
}

/** Certificates and audit files. */
export function reopen(core: Core, listeners: readonly Listener[], failed: (error: unknown) => void): void {
  for (const listener of listeners) listener.reload().catch(failed)
  core.audit.reopen().catch(failed)
}

export function setHeaders(listeners: readonly Listener[], headers: readonly (CustomHeaders | null)[]): void {
  for (const [i, found] of headers.entries()) if (found !== null) listeners[i]?.setCustomHeaders(found)
}

/** What reading certificates throws names files and settings only. */
export const describeReload = (error: unknown): { error: string } => ({ error: oneLine(error) })
