/** Changes outside of the store: whatever happens between the intent and its end, what is valid outside has a lease, and what has a lease is known. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { leasesUnder } from '../core/leases/folders.ts'
import type { LeaseRecord } from '../core/leases/record.ts'
import { renter, type Renter } from '../core/leases/testing/renter.ts'
import { resumeRemovals } from '../core/mounts/change.ts'
import { ApiError } from '../kit/errors.ts'
import { engine } from '../kit/engine.ts'
import { path } from '../kit/operation.ts'
import { NothingDone, outside } from '../kit/outside.ts'
import { checkServer, withServer } from './testing/checked-server.ts'
import { serveHarness, type ServeHarness } from './testing/serve-harness.ts'

interface Making {
  readonly server: ServeHarness
  readonly outside: Renter
  /** As the store has them. */
  readonly leases: () => Promise<LeaseRecord[]>
  readonly token: () => Promise<string>
  /** Lets the time of everything be over that has one. */
  readonly endTime: () => void
}

const never = new Promise<never>(() => undefined)
const making = (server: ServeHarness, outside: Renter, timers: ReadonlySet<() => void> = new Set()): Making => ({
  server,
  outside,
  endTime: () => timers.forEach((work) => work()),
  async leases() {
    const found: LeaseRecord[] = []
    for await (const lease of leasesUnder(server.core, 'a/')) found.push(lease)
    return found
  },
  token: async () => String((await server.ok('write', 'auth/token/create', { data: { ttl: '1h', policies: ['root'] } })).auth?.['client_token']),
})

const withMaker = (work: (making: Making) => Promise<void>) => async (): Promise<void> => {
  const outside = renter()
  const timers = new Set<() => void>()
  const later = (_: number, ring: () => void): (() => void) => (timers.add(ring), () => timers.delete(ring))
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    await work(making(server, outside, timers))
  }, { engines: [outside.engine], later })
}

/** Two things that wait for each other: the test for the engine, and the engine for the test. */
function meeting(): { readonly arrive: () => Promise<void>; readonly arrived: Promise<void>; readonly goOn: () => void } {
  let goOn = (): void => undefined
  let arrive = (): void => undefined
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  const released = new Promise<void>((resolve) => (goOn = resolve))
  return { arrive: () => (arrive(), released), arrived, goOn }
}

describe('what is made outside', () => {
  test('has a lease before it is there, and one that lives as long as was asked afterwards', withMaker(async ({ server, outside, leases }) => {
    const seen: LeaseRecord[] = []
    outside.making = async (_, when) => void (when === 'before' && seen.push(...(await leases())))
    const answer = await server.ok('read', 'a/made/x', { data: { ttl: '10m' } })
    assert.deepEqual([seen.length, seen[0]?.secret?.intent, seen[0]?.secret?.internal['name']], [1, 'open', 'x'])
    assert.deepEqual([answer.body?.['lease_id'], answer.body?.['lease_duration'], answer.data], [seen[0]?.id, 600, { name: 'x' }])
    assert.deepEqual((await leases()).map(({ secret }) => [secret?.intent, secret?.expiresAt]), [[undefined, server.clock.now() + 600_000]])
    await server.ok('write', 'sys/leases/renew', { data: { lease_id: String(answer.body?.['lease_id']) } })
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(answer.body?.['lease_id']) } })
    assert.deepEqual([outside.valid.size, (await leases()).length], [0, 0])
  }))

  test('is made once, also when its second commit has to run again', withMaker(async ({ server, outside }) => {
    let made = 0
    outside.making = async (_, when) => {
      if (when === 'before') return void (made += 1)
      // Whoever commits needs the mount to be as it was when it looked.
      await server.ok('write', 'sys/mounts/b', { data: { type: 'renter' } })
    }
    await server.ok('read', 'a/made/x')
    assert.equal(made, 1)
  }))

  test('may be wrapped', withMaker(async ({ server, outside }) => {
    const wrapped = await server.ok('read', 'a/made/x', { headers: { 'x-vault-wrap-ttl': '60' } })
    assert.equal(wrapped.data, null)
    const token = String(wrapped.wrapInfo?.['token'])
    assert.deepEqual((await server.ok('write', 'sys/wrapping/unwrap', { token })).data, { name: 'x' })
    assert.deepEqual([...outside.valid], ['a/x'])
  }))

  test('is not even begun for a token that spends its last use', withMaker(async ({ server, outside, leases }) => {
    const token = String((await server.ok('write', 'auth/token/create', { data: { num_uses: 1, policies: ['root'] } })).auth?.['client_token'])
    assert.equal((await server.request('read', 'a/made/x', { token })).status, 400)
    assert.deepEqual([outside.valid.size, outside.asked.size, (await leases()).length], [0, 0, 0])
  }))
})

describe('what fails', () => {
  test('is undone, as it may be there', withMaker(async ({ server, outside, leases }) => {
    outside.making = async (_, when) => {
      if (when === 'after') throw new ApiError('bad_gateway', 'the line is dead')
    }
    const answer = await server.request('read', 'a/made/x')
    assert.deepEqual([answer.status, answer.errors], [502, ['the line is dead']])
    assert.deepEqual([outside.valid.size, outside.asked.get('a/x'), (await leases()).length], [0, 1, 0])
  }))

  test('without having done anything leaves nothing, and nobody is asked to undo it', withMaker(async ({ server, outside, leases }) => {
    outside.making = () => Promise.reject(new NothingDone('bad_gateway', 'nobody there'))
    assert.deepEqual((await server.request('read', 'a/made/x')).errors, ['nobody there'])
    assert.deepEqual([outside.asked.size, (await leases()).length], [0, 0])
  }))

  test('and cannot be undone either stays with its reason, and is tried again', withMaker(async ({ server, outside, leases }) => {
    outside.making = async (_, when) => {
      if (when === 'after') throw new Error('broken')
    }
    outside.failure = () => 'still dead'
    assert.equal((await server.request('read', 'a/made/x')).status, 500)
    assert.deepEqual((await leases()).map(({ secret }) => [secret?.failures, secret?.failure]), [[1, 'still dead']])
    outside.failure = () => null
    server.clock.advance(10)
    await server.sweep()
    assert.deepEqual([outside.valid.size, (await leases()).length], [0, 0])
  }))

  test('to end in time is answered in time, told to stop, and undone when it must be over', withMaker(async ({ server, outside, leases, endTime }) => {
    let told: AbortSignal | null = null
    outside.making = async (_, when, signal) => {
      told = signal
      if (when === 'before') return
      setImmediate(endTime)
      await never
    }
    const answer = await server.request('read', 'a/made/x')
    assert.deepEqual([answer.status, answer.errors], [502, ['the other system did not answer within 2 seconds']])
    assert.equal((told as AbortSignal | null)?.aborted, true)
    assert.deepEqual([[...outside.valid], (await leases()).length], [['a/x'], 1])
    server.clock.advance(7)
    await server.sweep()
    assert.deepEqual([outside.valid.size, (await leases()).length], [0, 0])
  }))
})

describe('somebody else comes between', () => {
  test('and revokes the token: what is made then is undone, and not given away', withMaker(async ({ server, outside, leases, token }) => {
    const holder = await token()
    const { arrive, arrived, goOn } = meeting()
    outside.making = async (_, when) => void (when === 'before' && (await arrive()))
    const answer = server.request('read', 'a/made/x', { token: holder })
    await arrived
    await server.ok('write', 'auth/token/revoke', { data: { token: holder } })
    assert.equal((await leases()).at(0)?.secret?.intent, 'abandoned')
    goOn()
    assert.deepEqual([(await answer).status, (await answer).data], [403, null])
    assert.deepEqual([outside.valid.size, (await leases()).length], [0, 0])
  }))

  for (const how of ['revoke-prefix', 'revoke-force']) test(`and uses ${how}: what is made then is undone`, withMaker(async ({ server, outside, leases }) => {
    const { arrive, arrived, goOn } = meeting()
    outside.making = async (_, when) => void (when === 'before' && (await arrive()))
    const answer = server.request('read', 'a/made/x')
    await arrived
    await server.ok('write', `sys/leases/${how}/a`)
    goOn()
    assert.equal((await answer).status, 403)
    assert.deepEqual([outside.valid.size, (await leases()).length], [0, 0])
  }))

  test('and disables the mount: what is made then is undone, and the mount goes after it', withMaker(async ({ server, outside, leases }) => {
    const { arrive, arrived, goOn } = meeting()
    outside.making = async (_, when) => void (when === 'before' && (await arrive()))
    const answer = server.request('read', 'a/made/x')
    await arrived
    await server.ok('delete', 'sys/mounts/a')
    goOn()
    assert.equal((await answer).status, 403)
    assert.deepEqual([outside.valid.size, (await leases()).length], [0, 0])
    await resumeRemovals(server.core)
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
  }))

  test('and its clock is ahead: what is made then is undone all the same', withMaker(async ({ server, outside, leases }) => {
    const { arrive, arrived, goOn } = meeting()
    outside.making = async (_, when) => void (when === 'before' && (await arrive()))
    const answer = server.request('read', 'a/made/x')
    await arrived
    server.clock.advance(3600)
    await server.sweep()
    assert.equal((await leases()).length, 0)
    goOn()
    assert.equal((await answer).status, 403)
    assert.deepEqual([...outside.valid], [])
  }))

  test('and wants to renew what is not there yet: there is no such lease', withMaker(async ({ server, outside, leases }) => {
    outside.making = async (_, when) => {
      if (when === 'after') return
      assert.deepEqual((await server.request('write', 'sys/leases/renew', { data: { lease_id: (await leases())[0]?.id ?? '' } })).errors, ['lease not found'])
    }
    await server.ok('read', 'a/made/x')
  }))
})

describe('a crash', () => {
  /** The process that was at it never comes back; another one goes on over the same store. */
  const crash = (when: 'before' | 'after') => async (): Promise<void> => {
    const outside = renter()
    const dead = await serveHarness({ engines: [outside.engine], later: () => () => undefined })
    await dead.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    const { arrive, arrived } = meeting()
    outside.making = async (_, at) => void (at === when && (await arrive()))
    void dead.request('read', 'a/made/x')
    await arrived
    const next = await dead.sibling({ engines: [outside.engine] })
    const { leases } = making(next, outside)
    assert.deepEqual([[...outside.valid], (await leases()).length], [when === 'after' ? ['a/x'] : [], 1])
    next.clock.advance(6)
    await next.sweep()
    assert.equal((await leases()).length, 1, 'it could still be at it')
    next.clock.advance(1)
    await checkServer(next)
    assert.deepEqual([outside.valid.size, outside.asked.get('a/x'), (await leases()).length], [0, 1, 0])
    await next.close()
    await dead.close()
  }
  test('between the intent and the change leaves nothing', crash('before'))
  test('between the change and the second commit leaves nothing', crash('after'))
})

describe('what is made without a lease', () => {
  const told = async ({ server }: Making): Promise<string> => Buffer.from((await (await server.core.mounts.at('a/'))?.store.get('told/x'))?.value ?? []).toString()

  test('is meant, then done', withMaker(async (maker) => {
    maker.outside.making = async () => assert.equal(await told(maker), '"meant"')
    assert.equal((await maker.server.ok('write', 'a/told/x')).status, 204)
    assert.equal(await told(maker), '"done"')
  }))

  test('is known to have failed', withMaker(async (maker) => {
    maker.outside.making = () => Promise.reject(new ApiError('bad_request', 'no'))
    assert.deepEqual((await maker.server.request('write', 'a/told/x')).errors, ['no'])
    assert.equal(await told(maker), '"failed"')
  }))
})

test('what an act was told midway is kept, whatever becomes of it', async () => {
  const told = path('told')
  const noting = engine({
    type: 'noting', kind: 'secret', summary: 'Notes.',
    operations: [
      told.write({
        summary: 'Note, then fail.',
        handle: () => outside({
          withinSeconds: 5,
          async act({ note }) {
            await note(async ({ store }) => store.put('told', new Uint8Array([1])))
            throw new ApiError('bad_gateway', 'gone')
          },
          finish: () => null,
        }),
      }),
      told.read({ summary: 'Show it.', handle: async ({ store }) => ({ told: (await store.get('told')) !== null }) }),
    ],
  })
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/n', { data: { type: 'noting' } })
    assert.equal((await server.request('write', 'n/told')).status, 502)
    assert.deepEqual((await server.ok('read', 'n/told')).data, { told: true })
  }, { engines: [noting] })
})
