/** The sweeper: what is due goes, what is not stays, and nothing that is stuck stops the rest. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withServer } from '../../request/testing/checked-server.ts'
import type { RequestOptions, ServeHarness } from '../../request/testing/serve-harness.ts'
import { opaqueStore } from '../base.ts'
import { Sweeper, startSweeper, sweepExpired } from './sweeper.ts'
import { renter, type Renter } from './testing/renter.ts'

const tenYears = 10 * 365 * 86_400

interface Rented {
  readonly server: ServeHarness
  readonly outside: Renter
  /** Makes a secret at a mount and returns the id of its lease. */
  readonly rent: (name: string, options?: RequestOptions, mount?: string) => Promise<string>
  readonly token: (ttl: string) => Promise<string>
}

/** A server with the mounts `a/` and `b/` of the test engine; its state is checked at the end. */
const withRenter = (work: (rented: Rented) => Promise<void>) => async (): Promise<void> => {
  const outside = renter()
  await withServer(async (server) => {
    for (const mount of ['a', 'b']) await server.ok('write', `sys/mounts/${mount}`, { data: { type: 'renter' } })
    const rent = async (name: string, options: RequestOptions = {}, mount = 'a'): Promise<string> =>
      String((await server.ok('read', `${mount}/creds/${name}`, options)).body?.['lease_id'])
    const token = async (ttl: string): Promise<string> => String((await server.ok('write', 'auth/token/create', { data: { ttl, policies: ['root'] } })).auth?.['client_token'])
    await work({ server, outside, rent, token })
  }, { engines: [outside.engine] })
}
const isAlive = async (server: ServeHarness, token: string): Promise<boolean> => (await server.request('read', 'auth/token/lookup-self', { token })).status === 200
const dueEntries = async (server: ServeHarness): Promise<number> => (await opaqueStore(server.core).list('expiry/')).length

describe('time', () => {
  test('what is due is revoked, and nothing else', withRenter(async ({ server, outside, rent, token }) => {
    await rent('short', { data: { ttl: '1m' } })
    await rent('long', { data: { ttl: '2m' } })
    const [soon, late] = [await token('1m'), await token('2m')]
    server.clock.advance(59)
    assert.equal(await sweepExpired(server.core), 0)
    assert.deepEqual([...outside.valid], ['a/short', 'a/long'])
    server.clock.advance(1)
    assert.equal(await sweepExpired(server.core), 2)
    assert.deepEqual([...outside.valid], ['a/long'])
    assert.deepEqual([await isAlive(server, soon), await isAlive(server, late)], [false, true])
    assert.equal(await dueEntries(server), 2)
  }))

  test('leases go with the token that held them, when it ends and when it is revoked', withRenter(async ({ server, outside, rent, token }) => {
    const [ending, revoked] = [await token('1m'), await token('1h')]
    await rent('one', { token: ending, data: { ttl: '10h' } })
    await rent('two', { token: revoked, data: { ttl: '10h' } })
    await server.ok('write', 'auth/token/revoke-self', { token: revoked })
    assert.deepEqual([...outside.valid], ['a/one'])
    server.clock.advance(60)
    await server.sweep()
    assert.deepEqual([...outside.valid], [])
  }))

  test('a clock that jumps ten years ahead ends what ends, and the server goes on', withRenter(async ({ server, outside, rent, token }) => {
    await rent('one')
    const ending = await token('1h')
    server.clock.advance(tenYears)
    await server.sweep()
    assert.deepEqual([...outside.valid], [])
    assert.equal(await isAlive(server, ending), false)
    assert.equal(await isAlive(server, server.rootToken), true)
    await rent('two')
    assert.equal(await isAlive(server, await token('1h')), true)
  }))

  test('a clock that is set back ten years revokes nothing too early, and what is made then ends in its own time', withRenter(async ({ server, outside, rent, token }) => {
    await rent('before')
    server.clock.advance(-tenYears)
    await server.sweep()
    const made = await token('1h')
    await rent('after', { data: { ttl: '1m' } })
    server.clock.advance(60)
    await server.sweep()
    assert.deepEqual([...outside.valid], ['a/before'])
    server.clock.advance(3540)
    assert.equal(await isAlive(server, made), false)
    server.clock.advance(tenYears)
    await server.sweep()
    assert.deepEqual([...outside.valid], [])
  }))

  test('a renewal, of a token or a lease, is what counts', withRenter(async ({ server, outside, rent, token }) => {
    const id = await rent('one', { data: { ttl: '1m' } })
    const own = await token('1m')
    server.clock.advance(50)
    await server.ok('write', 'sys/leases/renew', { data: { lease_id: id, increment: 120 } })
    await server.ok('write', 'auth/token/renew-self', { token: own, data: { increment: 120 } })
    server.clock.advance(60)
    await server.sweep()
    assert.deepEqual([[...outside.valid], await isAlive(server, own)], [['a/one'], true])
    server.clock.advance(60)
    await server.sweep()
    assert.deepEqual([[...outside.valid], await isAlive(server, own)], [[], false])
  }))
})

describe('a restart', () => {
  test('another process goes on where this one stopped', withRenter(async ({ server, outside, rent, token }) => {
    await rent('one', { data: { ttl: '1m' } })
    const ending = await token('1m')
    await rent('two', { token: ending, data: { ttl: '1h' } })
    server.clock.advance(60)
    const next = await server.sibling()
    assert.equal(await isAlive(next, ending), false)
    await next.sweep()
    assert.deepEqual([...outside.valid], [])
    await next.close()
  }))
})

describe('what is stuck', () => {
  test('an engine that hangs stops no other, and is asked once while it hangs', withRenter(async ({ server, outside, rent }) => {
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    outside.wait = (what) => (what.startsWith('a/') ? gate : Promise.resolve())
    for (let i = 0; i < 12; i++) await rent(`n${i}`, { data: { ttl: '1m' } }, i < 10 ? 'a' : 'b')
    server.clock.advance(60)
    const sweeper = new Sweeper(server.core)
    await sweeper.pass()
    while ([...outside.valid].some((what) => what.startsWith('b/'))) await new Promise((resolve) => setImmediate(resolve))
    await sweeper.pass()
    assert.equal([...outside.valid].length, 10)
    // Of the other mount, one may have been asked again: two revocations met in one folder.
    for (const [what, times] of outside.asked) if (what.startsWith('a/')) assert.equal(times, 1, what)
    letGo()
    await sweeper.settle()
    assert.deepEqual([...outside.valid], [])
  }))

  test('one backend of a mount that hangs stops no other of the same mount', withRenter(async ({ server, outside, rent }) => {
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    outside.wait = (what) => (what.endsWith('@dead') ? gate : Promise.resolve())
    for (let i = 0; i < 24; i++) await rent(`n${i}@${i < 20 ? 'dead' : 'well'}`, { data: { ttl: '1m' } })
    server.clock.advance(60)
    const sweeper = new Sweeper(server.core)
    await sweeper.pass()
    while ([...outside.valid].some((what) => what.endsWith('@well'))) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(outside.valid.size, 20)
    letGo()
    await sweeper.settle()
    assert.deepEqual([...outside.valid], [])
  }))

  test('a token ends, with all its family, while the engine of its leases hangs', withRenter(async ({ server, outside, rent, token }) => {
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    outside.wait = () => gate
    const parent = await token('1m')
    const child = String((await server.ok('write', 'auth/token/create', { token: parent, data: { ttl: '1h' } })).auth?.['client_token'])
    await rent('of-the-child', { token: child })
    server.clock.advance(60)
    const sweeper = new Sweeper(server.core)
    await sweeper.pass()
    assert.deepEqual(await opaqueStore(server.core).list('revoking/'), [])
    assert.equal((await opaqueStore(server.core).list('token/')).length, 1)
    await sweeper.pass()
    letGo()
    await sweeper.settle()
    assert.deepEqual([...outside.valid], [])
  }))

  test('more than a lane can hold is dealt with all the same', withRenter(async ({ server, outside, rent }) => {
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    outside.wait = () => gate
    await Promise.all(Array.from({ length: 300 }, (_, i) => rent(`n${i}`, { data: { ttl: '1m' } })))
    server.clock.advance(60)
    const sweeper = new Sweeper(server.core)
    assert.equal(await sweeper.pass(), 300)
    assert.equal(sweeper.isBehind, true)
    letGo()
    await sweeper.settle()
    await sweepExpired(server.core)
    assert.equal(outside.valid.size, 0)
  }))

  test('what waits is looked through in smaller pieces while requests need all of the process', async () => {
    const [outside, timers] = [renter(), [] as (() => void)[]]
    let letGo = (): void => undefined
    const gate = new Promise<void>((resolve) => (letGo = resolve))
    outside.wait = () => gate
    const ring = (): void => timers.splice(0).forEach((timer) => timer())
    await withServer(async (server) => {
      await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
      for (let i = 0; i < 50; i++) await server.ok('read', `a/creds/n${i}`, { data: { ttl: '1m' } })
      server.clock.advance(60)
      const sweeper = new Sweeper(server.core, { piece: 4, lookedAt: 32, refused: 64 })
      assert.equal(await sweeper.pass(), 32)
      ring()
      assert.deepEqual([await sweeper.pass(), await sweeper.pass(), sweeper.isBehind], [4, 4, true])
      letGo()
      for (let i = 0; i < 10_000 && outside.valid.size > 0; i++) {
        ring()
        await sweeper.pass()
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.equal(outside.valid.size, 0)
    }, {
      engines: [outside.engine],
      load: () => ({ busy: 1, cpuSeconds: 1 }),
      later: (_, work) => (timers.push(work), () => undefined),
    })
  })

  test('an entry whose revocation could not be written stays for the next pass', withRenter(async ({ server, outside, rent }) => {
    await rent('one', { data: { ttl: '1m' } })
    server.clock.advance(60)
    let fails = true
    const failing = await server.sibling({ store: { ...server.store, commit: async (...args) => (fails ? await Promise.reject(new Error('the disk is full')) : await server.store.commit(...args)) } })
    await sweepExpired(failing.core)
    assert.ok(failing.logged.some((line) => line.includes('failed to revoke what has expired')))
    assert.equal((await server.ok('write', 'sys/leases/lookup', { data: { lease_id: (await leaseIds(server))[0] ?? '' } })).data?.['revoke_error'], undefined)
    fails = false
    await sweepExpired(failing.core)
    assert.deepEqual([...outside.valid], [])
    await failing.close()
  }))

  test('an entry that lies is dropped, and revokes nothing', withRenter(async ({ server, outside, rent }) => {
    await rent('one')
    const store = opaqueStore(server.core)
    const [name = ''] = (await store.list('expiry/')).filter((entry) => entry[12] === 'l')
    for (const lie of [`000000000001${name.slice(12)}`, `000000000001l${'0'.repeat(40)}.nothing`, `000000000001t${'0'.repeat(64)}`]) await store.commit([], [{ put: `expiry/${lie}`, value: new Uint8Array(0) }])
    assert.equal(await sweepExpired(server.core), 3)
    assert.deepEqual([...outside.valid], ['a/one'])
  }))
})

async function leaseIds(server: ServeHarness): Promise<string[]> {
  const keys = (await server.request('list', 'sys/leases/lookup/a/creds/one')).keys
  return keys.map((key) => `a/creds/one/${key}`)
}

test('the sweeper of a server runs by itself, does nothing while sealed, and stops when told to', async () => {
  const timers: (() => void)[] = []
  const outside = renter()
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    await server.ok('read', 'a/creds/one', { data: { ttl: '1m' } })
    const ring = async (): Promise<void> => {
      for (const timer of timers.splice(0)) timer()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const stop = startSweeper(server.core)
    await ring()
    assert.equal(outside.valid.size, 1)
    server.clock.advance(60)
    await ring()
    assert.equal(outside.valid.size, 0)
    await stop()
    assert.equal(timers.length, 0)
  }, { engines: [outside.engine], later: (_, work) => {
    timers.push(work)
    return () => void (timers.includes(work) && timers.splice(timers.indexOf(work), 1))
  } })
})
