/** One run of a server, from its configuration to its exit code. */
import { rm, writeFile } from 'node:fs/promises'
import type { Barrier } from '../barrier/barrier.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import type { Core } from '../core/core.ts'
import { startListener, type ListenAddress, type Listener } from '../http/listener.ts'
import { ApiError } from '../kit/errors.ts'
import { ConfigError } from './config/entries.ts'
import type { ServerConfig } from './config/config.ts'
import type { ListenerConfig } from './config/listeners.ts'
import { Gate, wireHostFor } from './front.ts'
import { realHost } from './host.ts'
import { createLog, describeError, logControl, type Log } from './log.ts'
import { openWorld, type World } from './world.ts'

/** What a run may touch of the process. */
export interface ServerProcess {
  /** Never waits for a reader. */
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly now: () => number
  /** Calls `stop` on SIGINT and SIGTERM, `reload` on SIGHUP. After the returned function was called, the next of the former ends the process. */
  readonly onSignals: (stop: (signal: string) => void, reload: () => void) => () => void
  /** Told of failures that nobody has handled: bugs. The server goes on: one request must not end all others. */
  readonly onFailure: (report: (error: unknown) => void) => void
}

export interface Started {
  readonly core: Core
  /** As configured, with the ports that the system chose for port 0. */
  readonly config: ServerConfig
}

/** Dev mode, the first start and a configured server differ in these alone. */
export interface Mode {
  /** The automatic seal, or null for shares. */
  readonly seal: (barrier: Barrier) => Promise<Seal | null>
  /** Runs while requests wait: initialises, unseals. */
  readonly prepare: (started: Started) => Promise<void>
  /** What to print once the server answers. */
  readonly announce: (started: Started) => void
  /** The configuration anew, on SIGHUP; null where there are no files. */
  readonly reread: (() => Promise<ServerConfig>) | null
}

interface Running extends Started {
  readonly world: World
  readonly listeners: readonly Listener[]
}

/** Resolves with the exit code when the server has stopped. Every failure to start is one line. */
export async function runServer(config: ServerConfig, process: ServerProcess, mode: Mode): Promise<number> {
  const log = createLog(config.log, process.now, process.out)
  let running: Running | null = null
  const stopped = stopSignal(process, () => void (running !== null && reload(running, mode, log)))
  process.onFailure((error) => log.write('error', 'core', 'unhandled failure', describeError(error)))
  try {
    running = await start(config, log, mode, (reason) => stopped.fail(reason))
  } catch (error) {
    stopped.end()
    process.err(`Error starting the server: ${oneLine(error)}\n`)
    return 1
  }
  mode.announce(running)
  const reason = await stopped.reason
  log.write(reason.isFailure ? 'error' : 'info', 'core', reason.text)
  await shutDown(running)
  if (reason.isFailure) process.err(`The server has stopped: ${reason.text}\n`)
  return reason.isFailure ? 1 : 0
}

/** Texts of errors that are not our own may have several lines. */
const oneLine = (error: unknown): string => (error instanceof Error ? error.message.replaceAll(/\s*\n\s*/g, ' ') : 'unknown failure')

/** The listeners come first: a taken port is found before a folder, a key or a token is made. Whatever was opened is closed when a later step fails. */
async function start(given: ServerConfig, log: Log, mode: Mode, onStop: (reason: Error) => void): Promise<Running> {
  for (const warning of given.warnings) log.write('warn', 'config', warning)
  const host = realHost(log.write)
  const gate = new Gate()
  const undo: (() => Promise<void>)[] = []
  try {
    const listeners: Listener[] = []
    for (const listener of given.listeners) {
      const opened = await startListener(listener.settings, wireHostFor(listener, gate, host.now, log))
      listeners.push(opened)
      undo.unshift(() => opened.stop(0))
    }
    const config = { ...given, listeners: given.listeners.map((listener, i) => withBoundPort(listener, listeners[i] as Listener)) }
    const world = await openWorld(config, host, logControl(log), onStop, mode.seal)
    undo.unshift(() => world.close())
    await mode.prepare({ core: world.core, config })
    if (config.pidFile !== '') await writePid(config.pidFile)
    gate.open(world.core)
    return { core: world.core, config, world, listeners }
  } catch (error) {
    for (const close of undo) await close()
    throw error
  }
}

/** For port 0, the one that the system chose. */
function withBoundPort(listener: ListenerConfig, { address: bound }: Listener): ListenerConfig {
  const { address } = listener.settings
  if ('path' in address || 'path' in bound) return listener
  return { ...listener, settings: { ...listener.settings, address: { ...address, port: bound.port } } }
}

async function writePid(file: string): Promise<void> {
  await writeFile(file, `${globalThis.process.pid}\n`, { mode: 0o644 }).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`pid_file "${file}" cannot be written: ${error.code}`, { cause: error })
  })
}

const drainMs = 10_000

async function shutDown({ world, listeners, config }: Running): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.stop(drainMs)))
  await world.close()
  if (config.pidFile !== '') await rm(config.pidFile, { force: true })
}

/** SIGHUP: certificates, headers and the level of the log are read anew, audit files opened anew. What fails is logged, and what was in use stays. */
function reload({ core, listeners, config: { listeners: given } }: Running, { reread }: Mode, log: Log): void {
  log.write('info', 'core', 'reloading configuration, certificates and audit files')
  const failed = (error: unknown): void => log.write('error', 'core', 'reload failed', describeReload(error))
  for (const listener of listeners) listener.reload().catch(failed)
  core.audit.reopen().catch(failed)
  reread?.().then((config) => {
    log.levels.setInitial(config.log.level)
    for (const { settings } of config.listeners) {
      const i = given.findIndex((listener) => isSameAddress(listener.settings.address, settings.address))
      listeners[i]?.setCustomHeaders(settings.customHeaders)
    }
  }).catch(failed)
}

const isSameAddress = (a: ListenAddress, b: ListenAddress): boolean =>
  'path' in a ? 'path' in b && a.path === b.path : !('path' in b) && a.host === b.host && a.port === b.port

/** What reading certificates throws names files and settings only. */
const describeReload = (error: unknown): { error: string } => ({ error: oneLine(error) })

interface StopReason {
  readonly text: string
  readonly isFailure: boolean
}

function stopSignal(process: ServerProcess, reload: () => void): { readonly reason: Promise<StopReason>; readonly fail: (reason: Error) => void; readonly end: () => void } {
  let settle: (reason: StopReason) => void = () => undefined
  const reason = new Promise<StopReason>((resolve) => (settle = resolve))
  const end = process.onSignals((signal) => settle({ text: `stopping on ${signal}`, isFailure: false }), reload)
  return {
    reason: reason.finally(end),
    fail: (error) => settle({ text: error instanceof ApiError ? error.message : oneLine(error), isFailure: true }),
    end,
  }
}
