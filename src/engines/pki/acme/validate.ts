/**
 * Validation of challenges, beside requests: what is under way is in the store, so that another process, or the next start, takes over what nobody
 * finishes. The network is asked first, the result is written then, unless somebody else did meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Chore, ChoreCall } from '../../../kit/engine.ts'
import { Conflict } from '../../../kit/errors.ts'
import type { Store, Write } from '../../../kit/store.ts'
import { checkDns, checkHttp, checkTls } from './challenges.ts'
import { readAcmeConfig, type AcmeConfig } from './config.ts'
import { AcmeProblem } from './problem.ts'
import { accounts, authorizations, pendingFolder, pendings, type Account, type Authorization, type Challenge, type ChallengeType, type Pending } from './records.ts'
import type { AcmeCall } from './scope.ts'

const attemptsMax = 5
/** Milliseconds before the second, third … attempt. */
const pausesMs = [500, 1000, 2000, 4000] as const
/** After so long without a word from whoever validates, somebody else does. */
export const takeOverMs = 60_000
const atOnceMax = 64

let underWay = 0

/** Begins after the commit; the answer does not wait for it. Beyond what is done at once, the chore comes to it. */
export function validateSoon({ afterCommit }: Pick<AcmeCall, 'afterCommit'>, id: string): void {
  afterCommit((store) => {
    if (underWay >= atOnceMax) return
    underWay++
    void validate(store, id, (ms) => sleep(ms, undefined, { ref: false }))
      .catch(() => undefined)
      .finally(() => underWay--)
  })
}

async function validate(store: Store, id: string, pause: (ms: number) => Promise<unknown>): Promise<void> {
  const attempts = (await pendings.read(store, id))?.attempts ?? attemptsMax
  for (let attempt = attempts; attempt < attemptsMax; attempt++) {
    const job = await readJob(store, id)
    if (job === null) return
    const failure = await failureOf(job)
    const isLast = attempt === attemptsMax - 1
    if (failure === null || isLast) return finish(store, job, failure)
    await postpone(store, job.pending)
    await pause(pausesMs[attempt] ?? 4000)
  }
}

interface Job {
  readonly config: AcmeConfig
  readonly account: Account
  readonly authorization: Authorization
  readonly pending: Pending
}

async function readJob(store: Store, id: string): Promise<Job | null> {
  const pending = await pendings.read(store, id)
  const authorization = await authorizations.read(store, id)
  const account = authorization === null ? null : await accounts.read(store, authorization.accountId)
  if (pending === null || authorization === null || account === null) return null
  return { config: await readAcmeConfig(store), account, authorization, pending }
}

const checks = { 'http-01': checkHttp, 'dns-01': checkDns, 'tls-alpn-01': checkTls } as const

/** Null when the challenge is met. */
async function failureOf({ config, account, authorization, pending }: Job): Promise<AcmeProblem | null> {
  const { identifier, token } = authorization
  try {
    await checks[pending.type](config, identifier, token, `${token}.${account.thumbprint}`)
    return null
  } catch (error) {
    return error instanceof AcmeProblem ? error : new AcmeProblem('connection', 'the challenge could not be checked')
  }
}

async function postpone(store: Store, pending: Pending): Promise<void> {
  await store.commit([], [{ put: pendings.key(pending.authorization), value: pendings.encode({ ...pending, attempts: pending.attempts + 1, nextAt: pending.nextAt + takeOverMs }) }])
}

/** Writes what came out, if the authorization still waits for it. */
async function finish(store: Store, { authorization, pending }: Job, failure: AcmeProblem | null): Promise<void> {
  for (;;) {
    const entry = await store.get(authorizations.key(authorization.id))
    const writes: Write[] = [{ del: pendings.key(authorization.id) }]
    const now = entry === null ? null : authorizations.decode(entry)
    if (now !== null && now.status === 'pending') writes.push({ put: authorizations.key(now.id), value: authorizations.encode(settled(now, pending.type, failure, Math.max(pending.nextAt - takeOverMs, 0))) })
    try {
      await store.commit(entry === null ? [] : [{ key: authorizations.key(authorization.id), version: entry.version }], writes)
      return
    } catch (error) {
      if (!(error instanceof Conflict)) throw error
    }
  }
}

function settled(authorization: Authorization, type: ChallengeType, failure: AcmeProblem | null, at: number): Authorization {
  const status = failure === null ? 'valid' : 'invalid'
  const outcome = (challenge: Challenge): Challenge => ({ ...challenge, status, validatedAt: failure === null ? at : null, error: failure?.document ?? null })
  return { ...authorization, status, challenges: authorization.challenges.map((one) => (one.type === type ? outcome(one) : one)) }
}

/** Takes over what nobody finished. */
async function takeOver(call: ChoreCall): Promise<void> {
  for (const id of await call.store.list(pendingFolder, { limit: atOnceMax })) {
    if (call.signal.aborted) return
    const pending = await pendings.read(call.store, id)
    if (pending === null || pending.nextAt > call.now) continue
    await call.store.commit([], [{ put: pendings.key(id), value: pendings.encode({ ...pending, nextAt: call.now + takeOverMs }) }])
    await validate(call.store, id, (ms) => sleep(ms, undefined, { signal: call.signal, ref: false }))
  }
}

export const validateChore: Chore = { name: 'validate challenges', everySeconds: 10, run: takeOver }
