/** What a server gets of the process: output that never holds it up, and signals. */
import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { ServerProcess } from '../server/run.ts'
import type { Host } from './host.ts'

/**
 * Writes to a standard stream without ever waiting for its reader: Node's own writes to a pipe block when the pipe is full, and whoever
 * starts a server in a test suite often reads nothing. Lines that do not fit are lost. Where the stream cannot be opened a second time
 * (sockets, macOS), writing is Node's.
 */
function unblockedWriter(device: string, plain: (text: string) => void): (text: string) => void {
  let file: number
  try {
    file = openSync(device, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_APPEND)
  } catch {
    return plain
  }
  process.once('exit', () => closeSync(file))
  return (text) => {
    try {
      writeSync(file, text)
    } catch {
      // Full, or the reader has gone: a log line is not worth stopping for.
    }
  }
}

export function serverProcess(host: Host): ServerProcess {
  const { terminal } = host
  return {
    out: terminal.outIsScreen ? (text) => terminal.out(text) : unblockedWriter('/dev/stdout', (text) => terminal.out(text)),
    err: (text) => terminal.err(text),
    now: () => host.now(),
    onSignals(stop, reload) {
      const ends = ['SIGINT', 'SIGTERM'] as const
      const onEnd = (signal: NodeJS.Signals): void => stop(signal)
      for (const signal of ends) process.on(signal, onEnd)
      process.on('SIGHUP', reload)
      // Node would open its debugger, and with it the memory, to anybody on this machine who may send the signal.
      process.on('SIGUSR1', ignore)
      return () => {
        for (const signal of ends) process.off(signal, onEnd)
        process.off('SIGHUP', reload)
      }
    },
    onFailure(report) {
      process.on('unhandledRejection', report)
      process.on('uncaughtException', report)
    },
  }
}

const ignore = (): void => undefined
