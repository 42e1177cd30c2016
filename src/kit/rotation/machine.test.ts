/** The order of the steps, against a service of which each step may fail or be the last before a crash: one secret works in the end, and is known. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { badRequest, ApiError } from '../errors.ts'
import { NothingDone } from '../outside.ts'
import { carryOut, type Outcome, type Plan, type Target } from './machine.ts'

interface Key {
  readonly id: string
  /** '' until the service has made it. */
  readonly value: string
}

type Step = 'complete' | 'set' | 'looks' | 'activate' | 'takeBack'

/** A service that makes keys, takes them into use, and makes one of them the one that counts. */
class Service {
  readonly made = new Map<string, string>([['old', 'old-value']])
  readonly known = new Set(['old-value'])
  active = 'old-value'
  fault: { readonly at: Step; readonly when: 'before' | 'after'; readonly error: Error } | null = null

  readonly target: Target<Key> = {
    isProvenByWorking: false,
    isBelieved: false,
    complete: (key) => this.#step('complete', () => {
      if (key.value !== '') return key
      const value = this.made.get(key.id) ?? `${key.id}-value`
      this.made.set(key.id, value)
      return { ...key, value }
    }),
    set: (key) => this.#step('set', () => void this.known.add(key.value)),
    looks: ({ value }) => this.#step('looks', () => (this.known.has(value) ? 'works' : 'refused')),
    activate: ({ value }) => this.#step('activate', () => void (this.active = value)),
    takeBack: (old, next) => this.#step('takeBack', () => {
      this.known.delete(next.value)
      this.active = old.value
    }),
  }

  async #step<T>(at: Step, work: () => T): Promise<T> {
    const { fault } = this
    if (fault?.at === at && fault.when === 'before') throw fault.error
    const result = work()
    if (fault?.at === at) throw fault.error
    return result
  }
}

const old: Key = { id: 'old', value: 'old-value' }
const fresh: Key = { id: 'new', value: '' }

/** What is on record: the key that is about to be the one. */
async function run(service: Service, plan: Partial<Plan<Key>> = {}): Promise<{ readonly outcome: Outcome; readonly noted: Key }> {
  let noted = plan.next ?? fresh
  const outcome = await carryOut(service.target, { old, next: fresh, isResumed: false, ...plan }, { signal: new AbortController().signal, note: async (key) => void (noted = key) })
  return { outcome, noted }
}

test('a key that the service makes is on record before anything is done with it, and is the one in the end', async () => {
  const service = new Service()
  const { outcome, noted } = await run(service)
  assert.deepEqual([outcome, noted, service.active], [{ state: 'done' }, { id: 'new', value: 'new-value' }, 'new-value'])
})

describe('a crash', () => {
  for (const at of ['complete', 'set', 'activate'] as const) {
    for (const when of ['before', 'after'] as const) {
      test(`${when} ${at} is gone on from, with the same key`, async () => {
        const service = new Service()
        service.fault = { at, when, error: new ApiError('bad_gateway', 'gone') }
        const { outcome, noted } = await run(service)
        assert.equal(outcome.state, 'open')
        service.fault = null
        const again = await run(service, { next: noted, isResumed: true })
        assert.deepEqual([again.outcome, again.noted.value, service.active, [...service.made.keys()]], [{ state: 'done' }, 'new-value', 'new-value', ['old', 'new']])
      })
    }
  }
})

describe('a refusal', () => {
  for (const at of ['set', 'activate'] as const) {
    test(`of ${at} is taken back, and the old one is the one that counts`, async () => {
      const service = new Service()
      service.fault = { at, when: 'after', error: badRequest('no') }
      assert.deepEqual([(await run(service)).outcome, service.active, service.known.has('new-value')], [{ state: 'unchanged', failure: 'no' }, 'old-value', false])
    })
  }

  test('before anything was done leaves all as it was; of one that somebody began before, nobody knows', async () => {
    const service = new Service()
    service.fault = { at: 'complete', when: 'before', error: new NothingDone('bad_request', 'no') }
    assert.deepEqual((await run(service)).outcome, { state: 'unchanged', failure: 'no' })
    assert.deepEqual((await run(service, { isResumed: true })).outcome, { state: 'open', failure: 'no' })
  })

  test('of a login with the new one is taken back as well', async () => {
    const service = new Service()
    const target: Target<Key> = { ...service.target, set: async () => undefined }
    const outcome = await carryOut(target, { old, next: fresh, isResumed: false }, { signal: new AbortController().signal, note: async () => undefined })
    assert.deepEqual([outcome.state, service.active], ['unchanged', 'old-value'])
  })

  test('of a login leaves both on record where the new one stands beside the old one and could not be taken back', async () => {
    const service = new Service()
    const target: Target<Key> = { ...service.target, standsBeside: true, set: async () => undefined, takeBack: () => Promise.reject(new Error('away')) }
    const outcome = await carryOut(target, { old, next: fresh, isResumed: false }, { signal: new AbortController().signal, note: async () => undefined })
    assert.deepEqual(outcome, { state: 'open', failure: 'the new secret was taken, but a login with it is refused; taking it back failed: away' })
  })

  test('that cannot be taken back leaves both on record', async () => {
    const service = new Service()
    const target: Target<Key> = { ...service.target, activate: () => Promise.reject(badRequest('no')), takeBack: () => Promise.reject(new Error('away')) }
    const outcome = await carryOut(target, { old, next: fresh, isResumed: false }, { signal: new AbortController().signal, note: async () => undefined })
    assert.deepEqual(outcome, { state: 'open', failure: 'no; taking it back failed: away' })
  })
})
