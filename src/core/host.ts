/** What the core needs of the machine: clock, randomness, and a place for log lines. Made once in `src/server`, replaced in tests. */

export interface Host {
  /** Milliseconds since 1970. May jump; nothing here assumes that it only grows. */
  readonly now: () => number
  /** From `node:crypto`, or seeded in tests. */
  readonly random: (bytes: number) => Uint8Array
  readonly uuid: () => string
  readonly log: Logger
  /** Runs `work` after about `ms`; the returned function cancels it. A pending one does not keep the process alive. */
  readonly later: (ms: number, work: () => void) => () => void
  /** What this process had to do since this was last asked. Only the sweeper asks. Absent: nobody knows. */
  readonly load?: () => Load
}

export interface Load {
  /** The share of the time in which there was something to do: 0 to 1. */
  readonly busy: number
  /** What it got to do it with: CPU seconds of all its threads. On a machine that others use, that is less. */
  readonly cpuSeconds: number
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error'
/** What can be changed of the log while the server runs. */
export interface LogControl {
  readonly modules: () => readonly string[]
  readonly levelOf: (module: string) => string
  /** '' for all modules. */
  readonly setLevel: (level: LogLevel | 'off', module: string) => void
  readonly reset: (module: string) => void
  /** Calls `listener` with each line of this level or above; the returned function ends that. */
  readonly listen: (level: LogLevel, listener: (line: string) => void) => () => void
}

/** `fields` never hold a secret: paths, ids, counts and the texts of errors only. */
export type LogFields = Readonly<Record<string, string | number | boolean>>
export type Logger = (level: LogLevel, module: string, message: string, fields?: LogFields) => void
