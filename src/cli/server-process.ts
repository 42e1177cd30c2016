/** What a server gets of the process: output that never holds it up, and signals. */
import type { ServerProcess } from '../server/process.ts'
import type { Host } from './host.ts'
import { openStream } from './server-stream.ts'

export function serverProcess(host: Host): ServerProcess {
  const { terminal } = host
  return {
    out: openStream(1, (text) => terminal.out(text)),
    err: openStream(2, (text) => terminal.err(text)),
    now: () => host.now(),
    onSignals(stop, reload) {
      const ends = ['SIGINT', 'SIGTERM'] as const
      const onEnd = (signal: NodeJS.Signals): void => stop(signal)
      for (const signal of ends) process.on(signal, onEnd)
      process.on('SIGHUP', reload)
      // Node would open its debugger, and with it the memory, to anybody on this machine who may send the signal.
      if (process.platform !== 'win32') process.on('SIGUSR1', ignore)
      return () => {
        for (const signal of ends) process.off(signal, onEnd)
        // Without a listener it would end the process in the middle of stopping.
        process.on('SIGHUP', ignore)
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
