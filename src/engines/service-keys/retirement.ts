/** Credentials of before: taken away by the step `finish`, when their time is over, and again until the service says that they are gone. */
import type { Chore, ChoreCall } from '../../kit/engine.ts'
import { textOfError } from '../../kit/rotation/machine.ts'
import { parseScheduleName } from '../../kit/rotation/record.ts'
import { retryAfter } from '../../kit/rotation/schedule.ts'
import type { Transaction } from '../../kit/store.ts'
import type { Previous } from './records.ts'
import { readSubject, retire, retirePrefix, secondsOf, writeKey, type Subject } from './rotation.ts'

const dueMax = 32

export const retirementChore: Chore = {
  name: 'retirement',
  everySeconds: 1,
  async run(call) {
    const entries = await call.store.list(retirePrefix, { limit: dueMax })
    await Promise.all(entries.filter((entry) => parseScheduleName(entry).at <= call.now).map((entry) => retireDue(call, entry)))
  },
}

async function retireDue({ change, now, signal }: ChoreCall, entry: string): Promise<void> {
  const { at, ...name } = parseScheduleName(entry)
  const subject = await change((transaction) => readSubject(transaction, name))
  const previous = subject?.key.previous ?? null
  // One that lies, or is of something that is gone.
  if (subject === null || previous === null || previous.nextAt !== at) return await change(async (transaction) => transaction.delete(retirePrefix + entry))
  const failure = await attempt(subject, previous, signal)
  await change((transaction) => settled(transaction, subject, previous, failure, now))
}

/** '' when it is gone. */
async function attempt(subject: Subject, { secret }: Previous, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(secondsOf(subject.service) * 1000)])
  return await retire(subject, secret, subject.key.secret, limit).then(() => '', textOfError)
}

/** Somebody who has put another one in its place meanwhile knows better. */
async function settled(store: Transaction, { name, kind }: Subject, previous: Previous, failure: string, now: number): Promise<void> {
  const key = (await readSubject(store, { kind, name }))?.key
  if (key?.previous == null || key.previous.secret.id !== previous.secret.id) return
  const failures = previous.failures + 1
  const nextAt = retryAfter(null, { lastAt: 0, nextAt: 0, failure, failures: previous.failures }, now)
  writeKey(store, name, key, { ...key, previous: failure === '' ? null : { ...previous, failure: failure.slice(0, 500), failures, nextAt } })
}
