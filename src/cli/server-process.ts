/** What a server gets of the process: output, and signals. */
import type { ServerProcess } from '../server/run.ts'
import type { Host } from './host.ts'

export function serverProcess(host: Host): ServerProcess {
  return {
    out: (text) => host.terminal.out(text),
    err: (text) => host.terminal.err(text),
    now: () => host.now(),
    onSignals(stop, reload) {
      const ends = ['SIGINT', 'SIGTERM'] as const
      const onEnd = (signal: NodeJS.Signals): void => stop(signal)
      for (const signal of ends) process.on(signal, onEnd)
      process.on('SIGHUP', reload)
      return () => {
        for (const signal of ends) process.off(signal, onEnd)
        process.off('SIGHUP', reload)
      }
    },
  }
}
