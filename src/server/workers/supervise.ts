/** A run of a server with several workers: what the supervisor does, from its configuration to its exit code. It serves no request itself. */
import { headersFor, withBound } from '../bound.ts'
import { watchClock } from '../clock-watch.ts'
import type { ServerConfig } from '../config/config.ts'
import { createLog, describeError, type Log } from '../log.ts'
import type { Mode } from '../mode.ts'
import { startSending, type Sending } from '../sending.ts'
import { oneLine, startFailure, stopSignal, writePid, type ServerProcess } from '../process.ts'
import { Supervisor } from './supervisor.ts'

interface Running {
  readonly config: ServerConfig
  readonly sending: Sending
  /** In order. */
  readonly closing: readonly (() => Promise<void>)[]
}

/** Resolves with the exit code when the server has stopped. Every failure to start is one line. */
export async function supervise(mode: Mode, count: number, process: ServerProcess): Promise<number> {
  const log = createLog(mode.config.log, process.now, process.out)
  const supervisor = new Supervisor(mode, process, log, (reason) => stopped.fail(reason))
  let running: Running | null = null
  const stopped = stopSignal(process, () => void (running !== null && reload(running, supervisor, mode, log)))
  process.onFailure((error) => log.write('error', 'core', 'unhandled failure', describeError(error)))
  try {
    running = await start(mode, supervisor, log, process.now)
  } catch (error) {
    stopped.end()
    process.err(startFailure(oneLine(error)))
    return 1
  }
  mode.announce(running.config, await supervisor.isSealed())
  supervisor.fill(count)
  const reason = await stopped.reason
  log.write(reason.isFailure ? 'error' : 'info', 'core', reason.text)
  for (const close of running.closing) await close()
  if (reason.isFailure) process.err(`The server has stopped: ${reason.text}\n`)
  return reason.isFailure ? 1 : 0
}

/** Addresses come first: a taken port is found before a folder, a key or a token is made. Whatever was opened is closed when a later step fails. */
async function start({ config: given }: Mode, supervisor: Supervisor, log: Log, now: () => number): Promise<Running> {
  for (const warning of given.warnings) log.write('warn', 'config', warning)
  const undo: (() => Promise<void>)[] = [watchClock(log.write, now), () => supervisor.stop()]
  try {
    // The process starts while the rest is loaded and done.
    const first = supervisor.prepareFirst()
    const config = withBound(given, await supervisor.acceptor.open(given.listeners.map(({ settings }) => settings.address)))
    const lock = await (await import('../lock-storage.ts')).lockStorage(config.storage)
    undo.push(async () => await lock?.release())
    await supervisor.openFirst(first, config, lock?.copy ?? null)
    undo.push(await writePid(config.pidFile))
    const sending = await startSending(config, () => supervisor.figures(), log)
    // Before the workers go, who are asked a last time.
    undo.unshift(() => sending.stop())
    return { config, sending, closing: undo }
  } catch (error) {
    for (const close of undo) await close()
    throw error
  }
}

/** SIGHUP: every worker reads certificates anew and opens audit files anew, and gets headers and the level of the log. Figures go where they are wanted from then on. */
function reload({ config, sending }: Running, supervisor: Supervisor, { reread }: Mode, log: Log): void {
  log.write('info', 'core', 'reloading configuration, certificates and audit files')
  supervisor.reload(null)
  reread?.().then((anew) => {
    log.levels.setInitial(anew.log.level)
    supervisor.reload({ headers: headersFor(config.listeners, anew.listeners), level: anew.log.level })
    return sending.change(anew.sending)
  }).catch((error: unknown) => log.write('error', 'core', 'reload failed', { error: oneLine(error) }))
}
