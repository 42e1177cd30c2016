/** What an agent may touch of the machine. */
import type { Environment } from '../../client/src/node/environment.ts'

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'

export interface AgentHost {
  readonly environment: Environment
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Runs `work` after so many milliseconds, unless the returned function is called before. */
  readonly later: (milliseconds: number, work: () => void) => () => void
  /** Never a secret in it. */
  readonly log: (level: LogLevel, module: string, message: string) => void
  /** Calls `stop` at SIGINT and SIGTERM, `reload` at SIGHUP, until the returned function is called. */
  readonly onSignals: (stop: (signal: NodeJS.Signals) => void, reload: () => void) => () => void
}

/** Resolves after so many milliseconds, or at once when the signal aborts. Longer than timers can hold is cut. */
export function pause(host: AgentHost, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const cancel = host.later(Math.min(Math.max(0, milliseconds), 2 ** 31 - 1), end)
    signal.addEventListener('abort', end, { once: true })
  })
}
