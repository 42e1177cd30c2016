/** Renewing leases: never beyond the longest life of the engine and the mount, counted from the beginning. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { Served, ServeHarness } from '../../request/testing/serve-harness.ts'
import { renter, type Renter } from './testing/renter.ts'

const withRenter = (work: (server: ServeHarness, outside: Renter, rent: (data?: JsonObject) => Promise<Served>) => Promise<void>) => async (): Promise<void> => {
  const outside = renter()
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter', config: { max_lease_ttl: '10h', default_lease_ttl: '2h' } } })
    await work(server, outside, (data = {}) => server.ok('read', 'a/creds/one', { data }))
  }, { engines: [outside.engine] })
}
const idOf = ({ body }: Served): string => String(body?.['lease_id'])
const renew = (server: ServeHarness, id: string, increment: string | number = 0) => server.request('write', 'sys/leases/renew', { data: { lease_id: id, increment } })

async function renewed(server: ServeHarness, id: string, increment: string | number = 0): Promise<unknown> {
  const answer = await renew(server, id, increment)
  assert.equal(answer.status, 200, answer.text)
  return answer.body?.['lease_duration']
}
async function refused(server: ServeHarness, id: string, text: RegExp, increment: string | number = 0): Promise<void> {
  const answer = await renew(server, id, increment)
  assert.equal(answer.status, 400, answer.text)
  assert.match(answer.errors.join(), text)
}

test('a lease is issued for what the engine says, at most for what the mount allows', withRenter(async (server, _outside, rent) => {
  assert.equal((await rent({ ttl: '3h' })).body?.['lease_duration'], 3 * 3600)
  assert.equal((await rent({ ttl: '30h' })).body?.['lease_duration'], 10 * 3600)
  assert.equal((await rent({ ttl: '3h', max_ttl: '1h' })).body?.['lease_duration'], 3600)
  assert.equal((await rent({ ttl: '0' })).body?.['lease_duration'], 2 * 3600)
  assert.equal(server.logged.length, 0)
}))

test('a renewal is what was asked for, else what the engine says, else the default of the mount', withRenter(async (server, outside, rent) => {
  const id = idOf(await rent())
  assert.equal(await renewed(server, id, '90m'), 5400)
  outside.renewal = { ttlSeconds: 1800, maxTtlSeconds: 0 }
  assert.equal(await renewed(server, id), 1800)
  outside.renewal = { ttlSeconds: 0, maxTtlSeconds: 0 }
  assert.equal(await renewed(server, id), 7200)
}))

test('the engine is told until when the secret is to last: what the core makes of its terms', withRenter(async (server, outside, rent) => {
  const id = idOf(await rent())
  outside.renewal = { ttlSeconds: 1800, maxTtlSeconds: 2400 }
  server.clock.advance(1200)
  assert.equal(await renewed(server, id, '90m'), 1200)
  assert.deepEqual([...outside.ends.values()], [server.clock.now() + 1_200_000])
}))

test('a renewal ends at the maximum of the mount or the engine, counted from the beginning, and says so', withRenter(async (server, outside, rent) => {
  const id = idOf(await rent())
  server.clock.advance(1800)
  const answer = await renew(server, id, '100h')
  assert.deepEqual([answer.body?.['lease_duration'], answer.warnings.length], [10 * 3600 - 1800, 1])
  outside.renewal = { ttlSeconds: 3600, maxTtlSeconds: 7200 }
  assert.equal(await renewed(server, id, '100h'), 5400)
  server.clock.advance(5399)
  assert.equal(await renewed(server, id), 1)
}))

test('a lease that is older than its engine allows by now is not renewed, and ends when it was to end', withRenter(async (server, outside, rent) => {
  const id = idOf(await rent({ ttl: '5h' }))
  server.clock.advance(2 * 3600)
  outside.renewal = { ttlSeconds: 3600, maxTtlSeconds: 3600 }
  await refused(server, id, /past the max TTL, cannot renew/)
  server.clock.advance(3 * 3600 - 1)
  await server.sweep()
  assert.equal(outside.valid.size, 1)
  server.clock.advance(1)
  await server.sweep()
  assert.equal(outside.valid.size, 0)
}))

test('what has expired, is not renewable, is a token, or is not there is not renewed', withRenter(async (server, _outside, rent) => {
  await refused(server, idOf(await rent({ renewable: false })), /lease is not renewable/)
  await refused(server, 'a/creds/one/nothing', /lease not found/)
  await refused(server, '', /lease_id must be specified/)
  const id = idOf(await rent({ ttl: '1m' }))
  await refused(server, id, /cannot be negative/, -5)
  server.clock.advance(60)
  await refused(server, id, /lease expired/)
  const [token = ''] = (await server.ok('list', 'sys/leases/lookup/auth/token/root')).keys
  await refused(server, `auth/token/root/${token}`, /tokens cannot be renewed through this endpoint/)
}))

test('what the engine refuses is not renewed', withRenter(async (server, outside, rent) => {
  const id = idOf(await rent())
  outside.renewal = null
  assert.ok((await renew(server, id)).status >= 400)
  server.clock.advance(3600)
  await server.sweep()
  assert.equal(outside.valid.size, 0)
}))

test('the lease of a mount that is gone, or moved, is not renewed', withRenter(async (server, _outside, rent) => {
  const id = idOf(await rent())
  await server.ok('write', 'sys/remount', { data: { from: 'a', to: 'b' } })
  await refused(server, id, /lease not found/)
  const moved = idOf(await server.ok('read', 'b/creds/two'))
  await server.ok('delete', 'sys/mounts/b')
  await refused(server, moved, /lease not found/)
}))

test('twenty renewals at once all hold', withRenter(async (server, _outside, rent) => {
  const id = idOf(await rent())
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => renew(server, id, `${i + 1}m`)))
  assert.ok(answers.every(({ status }) => status === 200))
}))

test('a clock that was set back does not lengthen a life', withRenter(async (server, _outside, rent) => {
  const id = idOf(await rent())
  server.clock.advance(-10 * 365 * 86_400)
  assert.equal(await renewed(server, id, '1000h'), 10 * 3600)
}))
