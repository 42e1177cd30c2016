/** What a run of a server may touch of its process, and how it is told to end. */
import { rm, writeFile } from 'node:fs/promises'
import { ApiError } from '../kit/errors.ts'
import { ConfigError } from './config/entries.ts'

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

export interface StopReason {
  readonly text: string
  readonly isFailure: boolean
}

export interface StopSignal {
  readonly reason: Promise<StopReason>
  readonly fail: (reason: Error) => void
  readonly end: () => void
}

export function stopSignal(process: ServerProcess, reload: () => void): StopSignal {
  let settle: (reason: StopReason) => void = () => undefined
  const reason = new Promise<StopReason>((resolve) => (settle = resolve))
  const end = process.onSignals((signal) => settle({ text: `stopping on ${signal}`, isFailure: false }), reload)
  return {
    reason: reason.finally(end),
    fail: (error) => settle({ text: error instanceof ApiError ? error.message : oneLine(error), isFailure: true }),
    end,
  }
}

/** Texts of errors that are not our own may have several lines. */
export const oneLine = (error: unknown): string => (error instanceof Error ? error.message.replaceAll(/\s*\n\s*/g, ' ') : 'unknown failure')

/** The line that a failed start is. */
export const startFailure = (problem: string): string => `Error starting the server: ${problem}\n`

/** Writes the number of this process, and returns what removes the file again. Does nothing for ''. */
export async function writePid(file: string): Promise<() => Promise<void>> {
  if (file === '') return async () => undefined
  await writeFile(file, `${globalThis.process.pid}\n`, { mode: 0o644 }).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`pid_file "${file}" cannot be written: ${error.code}`, { cause: error })
  })
  return () => rm(file, { force: true })
}
