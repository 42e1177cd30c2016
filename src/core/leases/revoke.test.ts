/** Revoking leases: an engine that fails is asked again, later and later, and what comes of it is told to whoever looks. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { RequestOptions, ServeHarness } from '../../request/testing/serve-harness.ts'
import { renter, type Renter } from './testing/renter.ts'

interface Rented {
  readonly server: ServeHarness
  readonly outside: Renter
  readonly rent: (name: string, options?: RequestOptions) => Promise<string>
  readonly lookup: (id: string) => Promise<JsonObject | null>
}

const withRenter = (work: (rented: Rented) => Promise<void>, later?: (ms: number, work: () => void) => () => void) => async (): Promise<void> => {
  const outside = renter()
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    const rent = async (name: string, options: RequestOptions = {}): Promise<string> => String((await server.ok('read', `a/creds/${name}`, options)).body?.['lease_id'])
    const lookup = async (id: string): Promise<JsonObject | null> => (await server.request('write', 'sys/leases/lookup', { data: { lease_id: id } })).data
    await work({ server, outside, rent, lookup })
  }, { engines: [outside.engine], ...(later === undefined ? {} : { later }) })
}
const revoke = (server: ServeHarness, id: string, data: JsonObject = {}) => server.request('write', 'sys/leases/revoke', { data: { lease_id: id, ...data } })
const irrevocable = async (server: ServeHarness): Promise<JsonObject | null> => (await server.ok('read', 'sys/leases', { data: { type: 'irrevocable' } })).data

describe('an engine that fails', () => {
  test('is asked again after 10, 20, 40 … seconds, six times, and then the lease is irrevocable, with the reason', withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.failure = () => 'the other side does not answer'
    const asked = (): number => outside.asked.get('a/one') ?? 0
    await revoke(server, id)
    for (const [round, seconds] of [10, 20, 40, 80, 160].entries()) {
      assert.equal(asked(), round + 1)
      assert.deepEqual([(await lookup(id))?.['revoke_error'], (await lookup(id))?.['irrevocable']], ['the other side does not answer', false])
      server.clock.advance(seconds - 1)
      await server.sweep()
      assert.equal(asked(), round + 1, 'not before its time')
      server.clock.advance(1)
      await server.sweep()
    }
    assert.equal(asked(), 6)
    assert.equal((await lookup(id))?.['irrevocable'], true)
    const listed = await irrevocable(server)
    assert.deepEqual([listed?.['lease_count'], (listed?.['leases'] as JsonObject[] | undefined)?.[0]?.['error']], [1, 'the other side does not answer'])
    assert.deepEqual((await server.ok('read', 'sys/leases/count', { data: { type: 'irrevocable' } })).data, { counts: { 'a/': 1 }, lease_count: 1 })
    server.clock.advance(365 * 86_400)
    await server.sweep()
    assert.equal(asked(), 6)
  }))

  test('and works again later has not kept the lease', withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.failure = () => 'not now'
    await revoke(server, id)
    outside.failure = () => null
    server.clock.advance(10)
    await server.sweep()
    assert.deepEqual([[...outside.valid], await lookup(id)], [[], null])
  }))

  test('does not lose an irrevocable lease: it can be revoked by hand', withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.failure = () => 'not now'
    for (let i = 0; i < 7; i++) await revoke(server, id)
    assert.equal((await lookup(id))?.['irrevocable'], true)
    outside.failure = () => null
    await revoke(server, id)
    assert.deepEqual([[...outside.valid], await lookup(id)], [[], null])
  }))

  test('stops no other lease, and a lease that is to go is not renewed meanwhile', withRenter(async ({ server, outside, rent }) => {
    const [bad] = [await rent('bad'), await rent('good'), await rent('fine')]
    outside.failure = (what) => (what === 'a/bad' ? 'broken' : null)
    assert.equal((await server.request('write', 'sys/leases/revoke-prefix/a')).status, 204)
    assert.deepEqual([...outside.valid], ['a/bad'])
    const renewal = await server.request('write', 'sys/leases/renew', { data: { lease_id: bad } })
    assert.deepEqual([renewal.status, renewal.errors], [400, ['lease expired']])
  }))

  test('is told to who asked to wait, and to nobody else', withRenter(async ({ server, outside, rent }) => {
    const ids = [await rent('one'), await rent('two')]
    outside.failure = () => 'broken'
    assert.equal((await revoke(server, ids[0] as string)).status, 204)
    const waited = await revoke(server, ids[1] as string, { sync: true })
    assert.equal(waited.status, 400)
    assert.match(waited.errors.join(), /could not revoke the lease yet/)
    const prefix = await server.request('write', 'sys/leases/revoke-prefix/a', { data: { sync: true } })
    assert.match(prefix.errors.join(), /could not revoke 2 leases yet/)
  }))

  test('keeps no more of a reason than 240 characters', withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.failure = () => 'x'.repeat(10_000)
    await revoke(server, id)
    assert.equal(String((await lookup(id))?.['revoke_error']).length, 240)
  }))

  test('does not keep a token alive: the lease outlives it, and is tried again', withRenter(async ({ server, outside, rent, lookup }) => {
    const token = String((await server.ok('write', 'auth/token/create', { data: { ttl: '1h', policies: ['root'] } })).auth?.['client_token'])
    const id = await rent('one', { token })
    outside.failure = () => 'broken'
    assert.equal((await server.request('write', 'auth/token/revoke', { data: { token } })).status, 204)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 403)
    assert.equal((await lookup(id))?.['revoke_error'], 'broken')
    outside.failure = () => null
    server.clock.advance(10)
    await server.sweep()
    assert.deepEqual([...outside.valid], [])
  }))
})

test('an engine that does not answer within a minute has failed, whatever it does then', async () => {
  const timers: { ms: number; work: () => void }[] = []
  let letGo = (): void => undefined
  await withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.wait = () => new Promise((resolve) => (letGo = resolve))
    const answer = revoke(server, id)
    while (timers.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(timers[0]?.ms, 60_000)
    timers[0]?.work()
    assert.equal((await answer).status, 204)
    assert.match(String((await lookup(id))?.['revoke_error']), /did not answer within 60 seconds/)
    letGo()
    await new Promise((resolve) => setImmediate(resolve))
    assert.notEqual(await lookup(id), null)
    outside.wait = async () => undefined
    server.clock.advance(10)
    await server.sweep()
    assert.equal(await lookup(id), null)
  }, (ms, work) => {
    timers.push({ ms, work })
    return () => undefined
  })()
})

describe('by prefix', () => {
  test('what lies under it goes, and what only begins with the same letters stays', withRenter(async ({ server, outside, rent }) => {
    await server.ok('write', 'sys/mounts/ab', { data: { type: 'renter' } })
    await server.ok('read', 'ab/creds/one')
    for (const name of ['one', 'once', 'two']) await rent(name)
    await server.ok('write', 'sys/leases/revoke-prefix/a/creds/one')
    assert.deepEqual([...outside.valid].sort(), ['a/once', 'a/two', 'ab/one'])
    await server.ok('write', 'sys/leases/revoke-prefix/a/')
    assert.deepEqual([...outside.valid], ['ab/one'])
  }))

  test('one lease is a prefix, too', withRenter(async ({ server, outside, rent }) => {
    const [one] = [await rent('one'), await rent('one')]
    await server.ok('write', `sys/leases/revoke-prefix/${one}`)
    assert.equal((await server.ok('list', 'sys/leases/lookup/a/creds/one')).keys.length, 1)
    assert.equal(outside.asked.get('a/one'), 1)
  }))

  test('by force leases go also where the engine fails', withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.failure = () => 'broken'
    assert.equal((await server.request('write', 'sys/leases/revoke-force/a', { data: { sync: true } })).status, 204)
    assert.deepEqual([await lookup(id), outside.asked.get('a/one'), [...outside.valid]], [null, 1, ['a/one']])
  }))
})

describe('the mount', () => {
  test('is asked to revoke what it issued when it is disabled, before its data go', withRenter(async ({ server, outside, rent }) => {
    await rent('one')
    await rent('two')
    await server.ok('delete', 'sys/mounts/a')
    assert.deepEqual([...outside.valid], [])
    assert.equal(outside.asked.size, 2)
  }))

  test('that is disabled while its engine fails is gone all the same', withRenter(async ({ server, outside, rent, lookup }) => {
    const id = await rent('one')
    outside.failure = () => 'broken'
    assert.equal((await server.request('delete', 'sys/mounts/a')).status, 204)
    assert.equal(await lookup(id), null)
    assert.equal((await server.request('read', 'a/creds/one')).status, 404)
  }))

  test('that was moved still revokes what it had issued at its old place', withRenter(async ({ server, outside, rent }) => {
    await rent('one')
    outside.failure = () => 'not now'
    await server.ok('write', 'sys/remount', { data: { from: 'a', to: 'c' } })
    outside.failure = () => null
    server.clock.advance(10)
    await server.sweep()
    assert.deepEqual([...outside.valid], [])
  }))

  test('whose engine this server does not know keeps its leases, with the reason', withRenter(async ({ server, outside, rent }) => {
    const id = await rent('one')
    const other = await server.sibling({ engines: [] })
    assert.equal((await revoke(other, id)).status, 204)
    assert.match(String((await other.ok('write', 'sys/leases/lookup', { data: { lease_id: id } })).data?.['revoke_error']), /engine that issued it is not there/)
    await other.close()
    assert.deepEqual([...outside.valid], ['a/one'])
  }))
})

test('ids that cannot be those of a lease are no leases, and nothing breaks', withRenter(async ({ server }) => {
  for (const id of ['x', '/', 'a/', 'a//', '//x', 'a/creds/one/nothing', 'é\u0000/x', `a/${'x'.repeat(3000)}`]) {
    for (const path of ['lookup', 'renew']) assert.equal((await server.request('write', `sys/leases/${path}`, { data: { lease_id: id } })).status, 400, `${path} ${JSON.stringify(id)}`)
    assert.ok((await revoke(server, id)).status < 500, id)
  }
}))

test('under a prefix the newest goes first, and no backend before another is done: what was made later may stand on what was made before', withRenter(async ({ server, outside, rent }) => {
  const order: string[] = []
  outside.wait = async (what) => {
    order.push(`begin ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
    order.push(`end ${what}`)
  }
  for (const name of ['one@x', 'two@y', 'three@x']) {
    await rent(name)
    server.clock.advance(1)
  }
  await server.ok('write', 'sys/leases/revoke-prefix/a/creds', { data: { sync: true } })
  assert.deepEqual(order, ['three@x', 'two@y', 'one@x'].flatMap((name) => [`begin a/${name}`, `end a/${name}`]))
}))
