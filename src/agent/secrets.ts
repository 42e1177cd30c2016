/** The secrets that templates use: fetched once for all of them, renewed or read anew when their time has come. */
import type { Client } from '../../client/src/client.ts'
import { isClientError } from '../../client/src/errors.ts'
import type { Value } from '../kit/template/values.ts'
import { reasonOf } from './auth/keeper.ts'
import type { AgentHost } from './host.ts'
import { settleInTurns } from './in-turns.ts'
import { answer, Mounts, type Answer } from './template/answers.ts'
import { nameOf, type Question } from './template/asking.ts'

export interface RefreshRules {
  /** How often what has no lease is read anew; Infinity: never. */
  readonly staticSeconds: number
  /** Of the life of a lease that cannot be renewed. */
  readonly leaseThreshold: number
}

interface Held {
  readonly question: Question
  readonly answer: Answer
  /** Milliseconds since 1970. */
  readonly dueAt: number
}

/** Of the life of a lease: when it is renewed. */
const renewAt = 2 / 3

export class Secrets {
  readonly #client: () => Client
  readonly #host: AgentHost
  readonly #rules: RefreshRules
  readonly #held = new Map<string, Held>()

  constructor(client: () => Client, host: AgentHost, rules: RefreshRules) {
    this.#client = client
    this.#host = host
    this.#rules = rules
  }

  get known(): ReadonlyMap<string, Value> {
    return new Map([...this.#held].map(([name, { answer: { value } }]) => [name, value]))
  }

  /** Fetches all of them. Throws what the first that failed says; the others are kept. */
  async fetch(questions: readonly Question[]): Promise<void> {
    const mounts = new Mounts()
    const results = await settleInTurns(questions, atOnce, async (question) => await this.#fetchOne(question, mounts))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #fetchOne(question: Question, mounts: Mounts): Promise<void> {
    const found = await answer(this.#client(), question, mounts)
    this.#held.set(nameOf(question), { question, answer: found, dueAt: this.#dueAt(question, found) })
  }

  #dueAt({ kind }: Question, { leaseId, leaseSeconds, renewable, expiresAt }: Answer): number {
    const now = this.#host.now()
    if (kind === 'certificate' && expiresAt > 0) return now + (expiresAt - now) * this.#rules.leaseThreshold
    if (leaseId === '') return now + this.#rules.staticSeconds * 1000
    return now + leaseSeconds * 1000 * (renewable ? renewAt : this.#rules.leaseThreshold)
  }

  /** When the next of these is due; Infinity when there is none. */
  nextDueAt(questions: readonly Question[]): number {
    return Math.min(Infinity, ...questions.map((question) => this.#held.get(nameOf(question))?.dueAt ?? Infinity))
  }

  /** Renews or fetches what is due. What fails stays as it is, and is due again soon. Answers whether any secret may have changed. */
  async refreshDue(questions: readonly Question[]): Promise<boolean> {
    const due = questions.flatMap((question) => this.#held.get(nameOf(question)) ?? []).filter(({ dueAt }) => dueAt <= this.#host.now())
    const mounts = new Mounts()
    const changes = await settleInTurns(due, atOnce, async (held) => await this.#refresh(held, mounts))
    return changes.some((change) => change.status === 'fulfilled' && change.value)
  }

  async #refresh(held: Held, mounts: Mounts): Promise<boolean> {
    if (held.answer.leaseId !== '' && held.answer.renewable && (await this.#renew(held))) return false
    try {
      await this.#fetchOne(held.question, mounts)
      return true
    } catch (error) {
      this.#host.log('warn', 'template', `reading ${held.question.path} anew failed: ${reasonOf(error)}`)
      this.#held.set(nameOf(held.question), { ...held, dueAt: this.#host.now() + retryMs })
      return false
    }
  }

  /** Near the longest life of a lease a renewal gives less and less: then a new secret is fetched. */
  async #renew(held: Held): Promise<boolean> {
    const { leaseId, leaseSeconds } = held.answer
    try {
      const renewed = await this.#client().write('sys/leases/renew', { lease_id: leaseId, increment: leaseSeconds })
      const left = renewed?.leaseDuration ?? 0
      if (left <= leaseSeconds / 2) return false
      const found = { ...held.answer, leaseSeconds: left, renewable: renewed?.renewable === true }
      this.#held.set(nameOf(held.question), { ...held, answer: { ...found, leaseSeconds }, dueAt: this.#dueAt(held.question, found) })
      return true
    } catch (error) {
      this.#host.log(isClientError(error) && error.status === 0 ? 'warn' : 'info', 'template', `renewing the lease of ${held.question.path} failed: ${reasonOf(error)}`)
      return false
    }
  }

  get #leased(): Held[] {
    return [...this.#held.values()].filter(({ answer: { leaseId } }) => leaseId !== '')
  }

  get haveLeases(): boolean {
    return this.#leased.length > 0
  }

  /** Nobody needs them any more. What cannot be revoked now ends by itself. */
  async revokeLeases(): Promise<void> {
    const revoking = this.#leased.map(async ({ question: { path }, answer: { leaseId } }) => {
      await this.#client().write('sys/leases/revoke', { lease_id: leaseId }, { timeoutMs: revokeMs }).catch((error: unknown) => this.#host.log('warn', 'lease', `the credentials of ${path} could not be revoked, and end by themselves: ${reasonOf(error)}`))
    })
    await Promise.all(revoking)
  }

  /** The token that they belonged to is gone, or may be: they are fetched anew. Certificates stay valid. */
  forgetLeased(): void {
    for (const [name, { answer: { leaseId } }] of this.#held) if (leaseId !== '') this.#held.delete(name)
  }

  /** All of it but what stays valid whatever becomes of the server. */
  forgetStatic(): void {
    for (const [name, { answer: { leaseId }, question }] of this.#held) if (leaseId === '' && question.kind !== 'certificate' && question.kind !== 'write') this.#held.delete(name)
  }
}

/** Requests. */
const atOnce = 16
const retryMs = 10_000
const revokeMs = 10_000
