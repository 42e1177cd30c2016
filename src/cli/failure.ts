/** How a verb ends early, and what exit codes mean. */

/** 0 is success; these are the others that the command uses itself. */
export const exitCodes = {
  /** Wrong usage, or something on this machine. */
  usage: 1,
  /** The server refused, failed, or has no such thing. */
  remote: 2,
  unknownCommand: 127,
} as const

/** Thrown by a verb to end with an exit code; `message` goes to stderr, unless it is empty. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: number
  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

export const usageError = (message: string): Failure => new Failure(exitCodes.usage, message)
export const remoteError = (message: string): Failure => new Failure(exitCodes.remote, message)
