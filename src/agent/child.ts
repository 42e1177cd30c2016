/** A program that runs below an agent: with secrets in its environment, started anew when they change. */
import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import type { Environment } from '../../client/src/node/environment.ts'
import { Mask } from './mask.ts'

export interface ChildSettings {
  readonly command: readonly string[]
  readonly stopSignal: NodeJS.Signals
  /** Milliseconds between the signal and SIGKILL. */
  readonly graceMs: number
  /** What its output must not show; null: its output is that of this process. */
  readonly masked?: (() => readonly Buffer[]) | null
}

/** Signals that are passed on to the program. */
export const passedOn: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH']

/** How long the output of a program is waited for that has ended: what it started may hold the other end. */
const outputMs = 1_000

/** Resolves when all was shown. */
async function show(child: ChildProcess, masked: () => readonly Buffer[]): Promise<void> {
  const pairs = [[child.stdout, process.stdout], [child.stderr, process.stderr]] as const
  await Promise.all(pairs.map(([from, to]) => new Promise<void>((resolve) => {
    const mask = new Mask(masked)
    from?.pipe(mask).pipe(to, { end: false })
    mask.once('end', resolve).once('error', resolve)
  })))
}

export class Child {
  readonly #settings: ChildSettings
  readonly #onExit: (code: number) => void
  #running: ChildProcess | null = null
  #ended: Promise<void> = Promise.resolve()
  #isStopping = false

  /** `onExit` gets the exit code when the program ended by itself: 128 and the number of a signal, 127 where it could not be started. */
  constructor(settings: ChildSettings, onExit: (code: number) => void) {
    this.#settings = settings
    this.#onExit = onExit
  }

  /** Stops what runs, and starts it with this environment. */
  async start(environment: Environment): Promise<void> {
    await this.stop()
    this.#isStopping = false
    const [program = '', ...args] = this.#settings.command
    const { masked = null } = this.#settings
    const out = masked === null ? 'inherit' : 'pipe'
    const child = spawn(program, args, { env: { ...environment }, stdio: ['inherit', out, out] })
    this.#running = child
    const shown = masked === null ? Promise.resolve() : show(child, masked)
    this.#ended = new Promise((resolve) => {
      const end = (code: number): void => {
        if (this.#running === child) this.#running = null
        void Promise.race([shown, pause(outputMs)]).then(() => {
          resolve()
          if (!this.#isStopping) this.#onExit(code)
        })
      }
      child.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ENOENT' ? 127 : 126))
      child.once('exit', (code, signal) => end(code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0)))
    })
  }

  send(signal: NodeJS.Signals): void {
    this.#running?.kill(signal)
  }

  /** The signal, and SIGKILL if that is not enough. */
  async stop(): Promise<void> {
    const child = this.#running
    if (child === null) return
    this.#isStopping = true
    child.kill(this.#settings.stopSignal)
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#settings.graceMs)
    await this.#ended
    clearTimeout(timer)
  }
}
