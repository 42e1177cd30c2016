/** One run of a program with secrets in its environment: their leases are kept alive, and it is started anew when they change. */
import { keepFallback, type FallbackPlace } from './fallback.ts'
import type { Child } from './child.ts'
import { pause, type AgentHost } from './host.ts'
import type { Injection, Variables } from './injection.ts'
import { maskable } from './mask.ts'
import { reasonOf } from './auth/keeper.ts'
import type { Secrets } from './secrets.ts'
import { nameOf } from './template/asking.ts'

export interface ProgramJob {
  readonly injection: Injection
  readonly secrets: Secrets
  readonly host: AgentHost
  readonly fallback: FallbackPlace | null
  /** How often to look, where nothing could be read at the start. Milliseconds; Infinity: never. */
  readonly watchMs: number
}

export class Program {
  readonly #job: ProgramJob
  /** What it was ever given: what it prints may be of an earlier start. */
  readonly #secretTexts = new Set<string>()
  #masked: readonly Buffer[] = []
  #last = ''

  constructor(job: ProgramJob) {
    this.#job = job
  }

  get masked(): readonly Buffer[] {
    return this.#masked
  }

  /** Asks for everything. Throws `ClientError` and `ReferenceError`. */
  async fetch(): Promise<Variables> {
    const { injection, secrets } = this.#job
    await secrets.fetch(injection.questions)
    return this.#known()
  }

  #known(): Variables {
    const { injection, secrets, fallback, host } = this.#job
    const variables = injection.variables(secrets.known)
    if (fallback === null) return variables
    if (secrets.haveLeases) host.log('warn', 'fallback', 'nothing is kept: credentials that have a lease end with it')
    else keepFallback(fallback, variables, host.now())
    return variables
  }

  /** Not after a start from what was kept. */
  get #isKnown(): boolean {
    const { known } = this.#job.secrets
    return this.#job.injection.questions.every((question) => known.has(nameOf(question)))
  }

  /** Until the signal aborts. What cannot be read stays as it is. */
  async keep(child: Child, first: Variables, signal: AbortSignal): Promise<void> {
    await this.#start(child, first)
    while (!signal.aborted) {
      await this.#untilDue(signal)
      if (signal.aborted) return
      const variables = await this.#changed()
      if (variables !== null && !signal.aborted) await this.#start(child, variables)
    }
  }

  async #start(child: Child, variables: Variables): Promise<void> {
    for (const text of Object.values(variables)) this.#secretTexts.add(text)
    this.#masked = maskable(this.#secretTexts)
    this.#last = JSON.stringify(variables)
    await child.start(this.#job.injection.environment(variables))
  }

  async #untilDue(signal: AbortSignal): Promise<void> {
    const { secrets, host, watchMs, injection } = this.#job
    await pause(host, !this.#isKnown ? watchMs : secrets.nextDueAt(injection.questions) - host.now(), signal)
  }

  /** Null: as they were, or not to be had. */
  async #changed(): Promise<Variables | null> {
    const { secrets, injection, host } = this.#job
    try {
      if (!this.#isKnown) await secrets.fetch(injection.questions)
      else if (!(await secrets.refreshDue(injection.questions))) return null
      const variables = this.#known()
      return JSON.stringify(variables) === this.#last ? null : variables
    } catch (error) {
      host.log('warn', 'run', `the secrets could not be read anew: ${reasonOf(error)}`)
      return null
    }
  }
}
