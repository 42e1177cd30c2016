/**
 * A token of PKCS #11 (an HSM, a smart card, SoftHSM), reached through a process of its own that is started when it is first needed and again after it has ended. What
 * comes of it are errors of one class (`TokenError`), each after a bounded time.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TokenError } from './errors.ts'
import type { TokenAnswer, TokenCallName, TokenCalls, TokenSettings } from './messages.ts'

const own = fileURLToPath(import.meta.url)
/** Beside this file, also where both are bundled. */
const processFile = join(dirname(own), `token-process${extname(own)}`)

export interface TokenTimes {
  readonly answerMs: number
  /** Tokens may take a minute for an RSA key of 4,096 bits. */
  readonly generateMs: number
  /** A session that nobody has asked for so long is closed. */
  readonly idleMs: number
}

const usualTimes: TokenTimes = { answerMs: 15_000, generateMs: 180_000, idleMs: 60_000 }
const waitingMax = 1_000

export type TokenEnvironment = Readonly<Record<string, string | undefined>>

/** What libraries read (`SOFTHSM2_CONF`) is passed on; credentials of ours are not. */
const withoutOwn = (environment: TokenEnvironment): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(?:COFFER|VAULT|BAO|AWS|AZURE|GOOGLE)_|^NODE_OPTIONS$/.test(name)))

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: TokenError) => void
  readonly deadline: NodeJS.Timeout
}

export class Token {
  readonly #settings: TokenSettings
  readonly #environment: TokenEnvironment
  readonly #times: TokenTimes
  readonly #waiting = new Map<number, Waiting>()
  #child: ChildProcess | null = null
  #idle: NodeJS.Timeout | null = null
  #next = 0
  /** Once a PIN was refused it is never sent again: a few more, and the token locks itself. */
  #refusedPin: TokenError | null = null

  constructor(settings: TokenSettings, environment: TokenEnvironment, times: TokenTimes = usualTimes) {
    this.#settings = settings
    this.#environment = environment
    this.#times = times
  }

  /** Throws `TokenError`. */
  call<N extends TokenCallName>(name: N, body: TokenCalls[N][0]): Promise<TokenCalls[N][1]> {
    return new Promise((resolve, reject) => {
      if (this.#refusedPin !== null) return reject(this.#refusedPin)
      if (this.#waiting.size >= waitingMax) return reject(new TokenError('away', 'too many calls wait for the token'))
      const child = (this.#child ??= this.#start())
      const id = this.#next++
      const limit = name === 'generatePair' || name === 'wrap' ? this.#times.generateMs : this.#times.answerMs
      const deadline = setTimeout(() => this.#beLate(child, id, limit), limit)
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject, deadline })
      this.#beBusy(child)
      child.send({ id, name, body }, (error) => error && this.#end(child, 'its process has ended'))
    })
  }

  /** Ends its process; it may be used again afterwards. */
  close(): void {
    if (this.#child !== null) this.#end(this.#child, 'it was closed')
  }

  #start(): ChildProcess {
    const child = fork(processFile, [], { execArgv: ['--max-semi-space-size=1'], env: withoutOwn(this.#environment), serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    child.on('message', (answer: TokenAnswer) => this.#receive(child, answer))
    child.on('error', () => this.#end(child, 'its process cannot be started'))
    child.once('exit', (code, signal) => this.#end(child, `its process has ended (${signal ?? `code ${code}`})`))
    child.send({ settings: this.#settings }, () => undefined)
    return child
  }

  #receive(child: ChildProcess, answer: TokenAnswer): void {
    const waiting = this.#waiting.get(answer.id)
    if (child !== this.#child || waiting === undefined) return
    this.#waiting.delete(answer.id)
    clearTimeout(waiting.deadline)
    if ('value' in answer) waiting.resolve(answer.value)
    else {
      const error = new TokenError(answer.failure, answer.message)
      if (error.failure === 'pin') this.#refusedPin = new TokenError('pin', `${error.message}; it is not tried again before the next start`)
      waiting.reject(error)
      if (error.failure === 'pin' || error.failure === 'away') return this.#end(child, error.message)
    }
    // The next one has all of its time from now on.
    const [next] = this.#waiting.values()
    if (next === undefined) this.#rest(child)
    else next.deadline.refresh()
  }

  /** Calls are done one after the other: the oldest is the one that hangs. */
  #beLate(child: ChildProcess, id: number, limit: number): void {
    const [oldest] = this.#waiting.keys()
    if (oldest === id) return this.#end(child, `no answer within ${limit / 1000} s`)
    this.#waiting.get(id)?.reject(new TokenError('away', 'the token is busy'))
    this.#waiting.delete(id)
  }

  #beBusy(child: ChildProcess): void {
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle = null
    child.ref()
    child.channel?.ref()
  }

  /** Holds up no process that has nothing else to do. */
  #rest(child: ChildProcess): void {
    child.unref()
    child.channel?.unref()
    this.#idle ??= setTimeout(() => this.#end(child, 'it was idle'), this.#times.idleMs).unref()
  }

  #end(child: ChildProcess, why: string): void {
    child.kill('SIGKILL')
    if (child !== this.#child) return
    this.#child = null
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle = null
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject, deadline } of waiting) {
      clearTimeout(deadline)
      reject(this.#refusedPin ?? new TokenError('away', why))
    }
  }
}
