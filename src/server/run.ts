/** One run of a server, from its options to its exit code. */
import { writeFile, rm } from 'node:fs/promises'
import type { Barrier } from '../barrier/barrier.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import type { Host } from '../core/host.ts'
import { startListener, type Listener } from '../http/listener.ts'
import type { WireHost } from '../http/exchange.ts'
import { ApiError } from '../kit/errors.ts'
import type { WireResponse } from '../request/wire.ts'
import { serve } from '../request/serve.ts'
import type { ServerConfig } from './config/config.ts'
import { ConfigError } from './config/blocks.ts'
import { realHost } from './host.ts'
import { createLog, logControl, type Log } from './log.ts'
import { openWorld, type World } from './world.ts'

/** What a run may touch of the process. */
export interface ServerProcess {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly now: () => number
  /** Calls `stop` on SIGINT and SIGTERM, `reload` on SIGHUP; the returned function ends that. */
  /** Told of failures that nobody has handled: bugs. The server goes on: one request must not end all others. */
  readonly onFailure: (report: (error: unknown) => void) => void
  readonly onSignals: (stop: (signal: string) => void, reload: () => void) => () => void
}

export interface Running {
  readonly world: World
  readonly listeners: readonly Listener[]
  readonly log: Log
}

/** Runs before the listeners open, and tells after they did: dev mode and the first start differ from a configured server in these alone. */
export interface Mode {
  /** The automatic seal, or null for shares. */
  readonly seal: (barrier: Barrier) => Promise<Seal | null>
  readonly prepare: (world: World) => Promise<void>
  /** What to print once the server answers. */
  readonly announce: (running: Running) => Promise<void> | void
}

/** Resolves with the exit code when the server has stopped. Every failure to start is one line. */
export async function runServer(config: ServerConfig, process: ServerProcess, mode: Mode): Promise<number> {
  const log = createLog(config.log, process.now, process.out)
  const host = realHost(log.write)
  let running: Running
  const stopped = stopSignal(process, () => reload(running, log))
  try {
    running = await start(config, host, log, mode, (reason) => stopped.fail(reason))
  } catch (error) {
    stopped.end()
    process.err(`Error starting the server: ${oneLine(error)}\n`)
    return 1
  }
  process.onFailure((error) => log.write('error', 'core', 'unhandled failure', { error: error instanceof Error ? error.name : typeof error, place: placeOf(error) }))
  await mode.announce(running)
  const reason = await stopped.reason
  log.write(reason.isFailure ? 'error' : 'info', 'core', reason.text)
  await shutDown(running, config)
  return reason.isFailure ? 1 : 0
}

const placeOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 5).join(' ').trim() : '')

const oneLine = (error: unknown): string => {
  if (error instanceof ConfigError || error instanceof ApiError) return error.message
  return error instanceof Error ? error.message.split('\n')[0] as string : 'unknown failure'
}

async function start(config: ServerConfig, host: Host, log: Log, mode: Mode, onStop: (reason: Error) => void): Promise<Running> {
  for (const warning of config.warnings) log.write('warn', 'config', warning)
  const world = await openWorld(config, host, logControl(log), onStop, mode.seal)
  const listeners: Listener[] = []
  try {
    await mode.prepare(world)
    for (const { settings } of config.listeners) listeners.push(await startListener(settings, wireHost(world, log)))
    if (config.pidFile !== '') await writeFile(config.pidFile, `${globalThis.process.pid}\n`, { mode: 0o600 })
  } catch (error) {
    for (const listener of listeners) await listener.stop(0)
    await world.close()
    throw error
  }
  return { world, listeners, log }
}

function wireHost({ core, host }: World, log: Log): WireHost {
  return {
    serve: (request) => serve(core, request),
    now: host.now,
    cors: () => core.live.last().cors,
    outside: async ({ method, target }) => (method === 'GET' && target === '/' ? toConsole : null),
    report: (problem, error) => log.write('error', 'http', problem, { error: error instanceof Error ? error.message : 'unknown' }),
  }
}

/** As Vault does; the console itself comes later. */
const toConsole: WireResponse = { status: 307, headers: [['Location', '/ui/']], contentType: 'text/html; charset=utf-8', body: '<a href="/ui/">Temporary Redirect</a>.\n\n' }

const drainMs = 10_000

async function shutDown({ world, listeners }: Running, config: ServerConfig): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.stop(drainMs)))
  await world.close()
  if (config.pidFile !== '') await rm(config.pidFile, { force: true })
}

/** SIGHUP: certificates are read anew, audit files opened anew. What fails is logged, and what was in use stays. */
function reload({ world, listeners }: Running, log: Log): void {
  log.write('info', 'core', 'reloading certificates and audit files')
  const failed = (error: unknown): void => log.write('error', 'core', 'reload failed', { error: error instanceof Error ? error.message : 'unknown' })
  for (const listener of listeners) listener.reload().catch(failed)
  world.core.audit.reopen().catch(failed)
}

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
    fail: (error) => settle({ text: `stopping: ${oneLine(error)}`, isFailure: true }),
    end,
  }
}
