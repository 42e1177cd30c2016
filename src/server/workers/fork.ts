/**
 * Forks the processes of workers. The command forks the first one before it has loaded anything else, so that both are loaded at the same time; whether
 * it is needed, only the configuration tells.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'

/**
 * V8 would let the space for young objects grow to three times 16 MiB in each worker, and keep it. Four cost no CPU that could be measured. Options that
 * Node was started with come later, and win.
 */
const youngMebibytes = 4

/**
 * How V8 is to work in a worker. There is one for each core, so a collection of young objects gains nothing by threads that would have to take the core of another
 * worker: waking them took 4 to 10 % of all CPU. Marking and sweeping stay concurrent.
 */
const engineOptions = [`--max-semi-space-size=${youngMebibytes}`, '--no-parallel-scavenge']

/** The process waits to be told what to do. */
export const forkWorker = (file: string): ChildProcess =>
  fork(file, [], { execArgv: [...engineOptions, ...process.execArgv], serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })

interface Ahead {
  readonly child: ChildProcess
  readonly end: () => void
}

/** This module is in two bundles: what forks ahead, and the server. */
const place = globalThis as { [key: symbol]: Ahead | undefined }
const key = Symbol.for('coffer.worker-ahead')

/** Words after which there will be no second process: `-dev`, `-help`, `-workers=1`. The configuration may still say so; then the process is ended. */
const servesAlone = /^--?(?:h|help|dev|dev-tls|workers=1)$/

/** `words` are those behind `server`. The process does not keep this one from ending, and ends with it. On a single core it would only be in the way. */
export function forkAhead(file: string, words: readonly string[], cores = availableParallelism()): void {
  if (cores < 2 || words.some((word) => servesAlone.test(word))) return
  const child = forkWorker(file)
  // Whoever takes it sees that it does not live.
  child.on('error', () => undefined)
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  child.unref()
  child.channel?.unref()
  place[key] = { child, end }
}

/** The process that was forked ahead, once, if there is one and it lives. */
export function takeAhead(): ChildProcess | null {
  const ahead = place[key]
  if (ahead === undefined) return null
  place[key] = undefined
  const { child, end } = ahead
  process.off('exit', end)
  if (child.exitCode !== null || child.signalCode !== null || !child.connected) {
    end()
    return null
  }
  child.ref()
  child.channel?.ref()
  return child
}

/** There will be no workers. */
export const endAhead = (): void => void takeAhead()?.kill('SIGKILL')
