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
  /** The share of the time since it was last asked in which this process had something to do: 0 to 1. Only the sweeper asks. Absent: nobody knows. */
  readonly busy?: () => number
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
