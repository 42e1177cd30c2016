/** A database that is away, silent, slow, restarted, or has another password: a clear error in the time that its connection has, and nothing left behind. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Sweeper } from '../../core/leases/sweeper.ts'
import { withPostgres, type Mounted } from '../../request/testing/mounted-database.ts'
import { listening } from './testing/listening.ts'
import { freePort } from './testing/place.ts'

const onPostgres = withPostgres()

/** Listens, and never says a word. */
const silent = <T>(work: (port: number) => Promise<T>): Promise<T> => listening(() => undefined, work)

const urlOf = (port: number): string => `postgresql://{{username}}:{{password}}@127.0.0.1:${port}/postgres?sslmode=disable`

/** Asks for a user of a connection, and meanwhile for something else. */
async function ask({ server, connect, role, leases }: Mounted, details: Readonly<Record<string, string | number | boolean>>): Promise<{ readonly status: number; readonly error: string; readonly ms: number; /** Whether another mount was served before. */ readonly isFirst: boolean }> {
  await connect({ verify_connection: false, ...details }, 'bad')
  await role('bad', { db_name: 'bad' })
  await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
  const begun = performance.now()
  let isAnswered = false
  const asked = server.request('read', 'db/creds/bad').finally(() => (isAnswered = true))
  await server.ok('write', 'kv/x', { data: { a: 'b' } })
  const isFirst = !isAnswered
  const { status, errors: [error = ''] } = await asked
  assert.equal((await leases()).length, 0)
  return { status, error, isFirst, ms: performance.now() - begun }
}

describe('a database', () => {
  test('that is away is said to be', onPostgres(async (mounted) => {
    const port = await freePort()
    const { status, error } = await ask(mounted, { connection_url: urlOf(port) })
    assert.equal(status, 502)
    assert.match(error, new RegExp(`^failed to connect to .*127\\.0\\.0\\.1:${port}: .*ECONNREFUSED`))
  }))

  test('that is silent is given up on in the time that the connection has for it', (t) => silent((port) => onPostgres(async (mounted) => {
    const { status, error, ms, isFirst } = await ask(mounted, { connection_url: urlOf(port), connect_timeout: 1 })
    assert.deepEqual([status, error, isFirst], [502, 'the database did not answer within 1 seconds', true])
    assert.ok(ms >= 900 && ms < 10_000, String(ms))
  })(t)))

  test('that takes too long over a statement is given up on, and the user is not there', onPostgres(async (mounted) => {
    const { server, connect, role, leases, db } = mounted
    await connect({ operation_timeout: 1 })
    await role('slow', { creation_statements: [`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}'`, 'SELECT pg_sleep(20)'] })
    const begun = performance.now()
    const answer = await server.request('read', 'db/creds/slow')
    assert.equal(answer.status, 502)
    assert.match(answer.errors[0] ?? '', /^the connection to the database was lost/)
    assert.ok(performance.now() - begun < 15_000)
    assert.deepEqual([(await leases()).length, await db.roles('v-')], [0, []])
  }))

  test('that was restarted is used again, though the connections of before are dead', onPostgres(async ({ server, connect, role, creds, db }) => {
    await connect()
    await role('app')
    const before = await creds('app')
    await db.restart()
    const after = await creds('app')
    for (const { lease } of [before, after]) await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    assert.deepEqual(await db.roles('v-'), [])
  }))

  test('whose administrator has another password is said to refuse the login; told the new one, it goes on, and revokes what had to wait', onPostgres(async (mounted) => {
    const { server, connect, role, creds, leases, db } = mounted
    await connect()
    await role('app')
    const { lease } = await creds('app')
    await db.sql(`ALTER ROLE ${db.admin.username} PASSWORD 'other'`)
    await server.ok('write', 'db/reset/pg')
    const answer = await server.request('read', 'db/creds/app')
    assert.equal(answer.status, 400)
    assert.match(answer.errors[0] ?? '', /password authentication failed for user "coffer_admin" \(SQLSTATE 28P01\)$/)
    assert.equal((await server.request('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })).status, 400)
    assert.match(String((await leases()).at(0)?.secret?.failure), /password authentication failed/)
    await connect({ password: 'other' })
    server.clock.advance(10)
    await server.sweep()
    assert.deepEqual([(await leases()).length, await db.roles('v-')], [0, []])
  }))

  test('that is away for long has its leases irrevocable with the reason, and one that is revoked by hand afterwards goes', onPostgres(async (mounted) => {
    const { server, connect, role, creds, leases, db } = mounted
    await connect()
    await role('app', { default_ttl: '1m' })
    const { lease } = await creds('app')
    await connect({ connection_url: urlOf(await freePort()), verify_connection: false })
    for (let i = 0; i < 7; i++) {
      server.clock.advance(900)
      await server.sweep()
    }
    const { data } = await server.ok('write', 'sys/leases/lookup', { data: { lease_id: lease } })
    assert.equal(data?.['irrevocable'], true)
    assert.match(String(data?.['revoke_error']), /ECONNREFUSED/)
    await connect({ connection_url: db.url })
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    assert.deepEqual([(await leases()).length, await db.roles('v-')], [0, []])
  }))
})

describe('few connections', () => {
  test('are shared: who asks waits for one', onPostgres(async ({ server, connect, role, db }) => {
    await connect({ max_open_connections: 2 })
    await role('app')
    const answers = await Promise.all(Array.from({ length: 12 }, () => server.request('read', 'db/creds/app')))
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
    const [row] = await db.sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'coffer'`)
    assert.ok(Number(row?.['n']) <= 2, String(row?.['n']))
    await server.ok('write', 'sys/leases/revoke-prefix/db', { data: { sync: true } })
  }))

  test('leave one to requests, however much there is to revoke', onPostgres(async ({ server, connect, role, creds, db }) => {
    await connect({ max_open_connections: 2 })
    await role('app', { default_ttl: '1m', revocation_statements: ['SELECT pg_sleep(0.2)', 'DROP ROLE "{{name}}"'] })
    await Promise.all(Array.from({ length: 16 }, () => creds('app')))
    server.clock.advance(60)
    const sweeper = new Sweeper(server.core)
    await sweeper.pass()
    await creds('app')
    // Sixteen revocations take more than three seconds one after the other.
    assert.ok((await db.roles('v-')).length > 4, 'a request had to wait for revocations')
    await sweeper.settle()
    assert.equal((await db.roles('v-')).length, 1)
    await server.ok('write', 'sys/leases/revoke-prefix/db', { data: { sync: true } })
  }))
})
