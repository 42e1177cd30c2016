/** Rotation over a real PostgreSQL server: verified before the old password is forgotten, taken back when it does not work, and resumed from any point. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ChoreRunner } from '../../core/mounts/chores.ts'
import { runTransaction } from '../../storage/transaction.ts'
import type { RotatingName } from '../../kit/rotation/record.ts'
import { intend, settle } from '../../kit/rotation/rotator.ts'
import { Pools } from './pools.ts'
import { keeperOf } from './rotation.ts'
import { readSubject } from './subject.ts'
import { withPostgres, type Mounted } from '../../request/testing/mounted-database.ts'

const onPostgres = withPostgres()

/** Lets the chores of the mount run as often as a server would within `seconds`. */
async function pass({ server }: Mounted, runner: ChoreRunner, seconds: number): Promise<void> {
  server.clock.advance(seconds)
  for (let i = 0; i < 3; i++) {
    await runner.pass()
    await runner.settle()
    server.clock.advance(1)
  }
}

async function account({ db: { sql } }: Mounted, name: string): Promise<void> {
  await sql(`DROP ROLE IF EXISTS ${name}`)
  await sql(`CREATE ROLE ${name} LOGIN PASSWORD 'as it was'`)
}

const staticCreds = async ({ server }: Mounted, name: string): Promise<{ password: string; data: Record<string, unknown> }> => {
  const { data } = await server.ok('read', `db/static-creds/${name}`)
  return { password: String(data?.['password']), data: data ?? {} }
}
const shown = async ({ server }: Mounted, path: string): Promise<Record<string, unknown>> => (await server.ok('read', path)).data ?? {}

/** A process that wrote its intent down, then changed the database or not, and was never heard of again. */
async function crashed({ server }: Mounted, name: RotatingName, change: (password: string, old: string) => Promise<unknown>): Promise<void> {
  const mount = await server.core.mounts.at('db/')
  assert.ok(mount !== null)
  const maker = { now: server.clock.now(), random: server.core.host.random, makePassword: async () => 'unused' }
  const plan = await runTransaction(mount.store, async (store) => {
    const subject = await readSubject(store, name)
    assert.ok(subject !== null)
    return await intend(keeperOf(new Pools()), store, subject, maker, 60)
  })
  await change(plan.next.password ?? '', plan.subject.secret.password ?? '')
}

describe('the administrator', () => {
  test('gets a password that nobody is shown, and the engine goes on with it', onPostgres(async ({ server, connect, role, creds, db: { canLogIn, admin } }) => {
    await connect()
    await role('app')
    await creds('app')
    assert.equal((await server.ok('write', 'db/rotate-root/pg')).status, 204)
    assert.equal(await canLogIn(admin.username, admin.password), false)
    const { data, text } = await server.ok('read', 'db/config/pg')
    assert.equal(data?.['rotation_state'], 'settled')
    assert.ok(!text.includes('"password"'))
    await creds('app')
    await server.ok('write', 'sys/leases/revoke-prefix/db', { data: { sync: true } })
  }))

  test('keeps its password when the statements do not really change it, and is told why', onPostgres(async (mounted) => {
    const { server, connect, role, creds, db: { canLogIn, admin } } = mounted
    await connect({ root_rotation_statements: 'SELECT 1' })
    const answer = await server.request('write', 'db/rotate-root/pg')
    assert.deepEqual([answer.status, answer.errors], [400, ['error setting credentials: the new secret was taken, but a login with it is refused; the old one works']])
    assert.equal(await canLogIn(admin.username, admin.password), true)
    const { rotation_state: state, failed_rotations: failures } = await shown(mounted, 'db/config/pg')
    assert.deepEqual([state, failures], ['failing', 1])
    await role('app')
    await creds('app')
    await server.ok('write', 'sys/leases/revoke-prefix/db', { data: { sync: true } })
  }))

  test('is refused a rotation without a name or a password to go by', onPostgres(async ({ server, connect, db }) => {
    const url = db.url.replace('{{username}}', db.admin.username).replace('{{password}}', encodeURIComponent(db.admin.password))
    await server.ok('write', 'db/config/other', { data: { plugin_name: 'postgresql-database-plugin', connection_url: url } })
    assert.deepEqual((await server.request('write', 'db/rotate-root/other')).errors, ['unable to rotate root credentials: no username in configuration'])
    const { data, warnings, text } = await server.ok('write', 'db/config/other', { data: {} })
    assert.deepEqual([data, warnings.length], [null, 1])
    assert.ok(!`${text}${(await server.ok('read', 'db/config/other')).text}`.includes(encodeURIComponent(db.admin.password)))
    await connect()
  }))

  for (const [when, change] of [
    ['before the database was told', async () => undefined],
    ['after the database was told', async ({ db }: Mounted, next: string) => await db.sql(`ALTER ROLE coffer_admin PASSWORD '${next}'`)],
  ] as const) test(`whose rotation died ${when} can log in at once, and is settled a little later`, onPostgres(async (mounted) => {
    const { server, connect, role, creds, db } = mounted
    await connect()
    await role('app')
    const runner = new ChoreRunner(server.core)
    await runner.pass()
    let next = ''
    await crashed(mounted, { kind: 'root', name: 'pg' }, async (password) => change(mounted, (next = password)))
    assert.equal((await shown(mounted, 'db/config/pg'))['rotation_state'], 'open')
    const { lease } = await creds('app')
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    assert.match((await server.request('write', 'db/rotate-root/pg')).errors[0] ?? '', /under way/)
    await pass(mounted, runner, 65)
    assert.equal((await shown(mounted, 'db/config/pg'))['rotation_state'], 'settled')
    // What was begun is brought to its end.
    assert.equal(await db.canLogIn(db.admin.username, next), true)
    assert.equal(await db.canLogIn(db.admin.username, db.admin.password), false)
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: (await creds('app')).lease, sync: true } })
  }))

  test('rotates by itself when its time comes', onPostgres(async (mounted) => {
    const { server, connect, db: { canLogIn, admin } } = mounted
    const runner = new ChoreRunner(server.core)
    await connect({ rotation_period: '1h' })
    await pass(mounted, runner, 3595)
    assert.equal(await canLogIn(admin.username, admin.password), true)
    await pass(mounted, runner, 5)
    assert.equal(await canLogIn(admin.username, admin.password), false)
    assert.equal((await shown(mounted, 'db/config/pg'))['rotation_period'], 3600)
  }))
})

describe('a static role', () => {
  test('gives its account another password when it is made, when asked, and when its time comes', onPostgres(async (mounted) => {
    const { server, connect, db: { canLogIn } } = mounted
    await account(mounted, 'stat')
    await connect()
    const runner = new ChoreRunner(server.core)
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'stat', rotation_period: '1h' } })
    const first = await staticCreds(mounted, 's')
    assert.deepEqual([await canLogIn('stat', first.password), await canLogIn('stat', 'as it was'), first.data['ttl']], [true, false, 3600])
    await server.ok('write', 'db/rotate-role/s')
    const second = await staticCreds(mounted, 's')
    assert.deepEqual([await canLogIn('stat', second.password), await canLogIn('stat', first.password)], [true, false])
    await pass(mounted, runner, 3600)
    const third = await staticCreds(mounted, 's')
    assert.deepEqual([await canLogIn('stat', third.password), await canLogIn('stat', second.password)], [true, false])
    const { next_vault_rotation: next, last_vault_rotation: last, rotation_state: state } = await shown(mounted, 'db/static-roles/s')
    assert.deepEqual([Date.parse(String(next)) - Date.parse(String(last)), state], [3_600_000, 'settled'])
    await server.ok('delete', 'db/static-roles/s')
    assert.equal(await canLogIn('stat', third.password), true)
  }))

  test('rotates as cron says, and shows when', onPostgres(async (mounted) => {
    const { server, connect } = mounted
    await account(mounted, 'stat')
    await connect()
    const runner = new ChoreRunner(server.core)
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'stat', rotation_schedule: '0 4 * * *', rotation_window: '1h' } })
    const first = await staticCreds(mounted, 's')
    // It is 3:20 in the tests.
    assert.deepEqual([first.data['ttl'], (await shown(mounted, 'db/static-roles/s'))['next_vault_rotation']], [2400, '2026-11-21T04:00:00Z'])
    await pass(mounted, runner, 2395)
    assert.equal((await staticCreds(mounted, 's')).password, first.password)
    await pass(mounted, runner, 5)
    assert.notEqual((await staticCreds(mounted, 's')).password, first.password)
    assert.equal((await shown(mounted, 'db/static-roles/s'))['next_vault_rotation'], '2026-11-22T04:00:00Z')
  }))

  test('may leave the account as it is at first, and shows a password only if it was told one that works', onPostgres(async (mounted) => {
    const { server, connect, db: { canLogIn } } = mounted
    await account(mounted, 'stat')
    await connect()
    const data = { db_name: 'pg', username: 'stat', rotation_period: '1h', skip_import_rotation: true }
    await server.ok('write', 'db/static-roles/blind', { data })
    assert.deepEqual((await server.request('read', 'db/static-creds/blind')).errors, ['the password of "blind" is not known before its first rotation'])
    const wrong = await server.request('write', 'db/static-roles/s', { data: { ...data, password: 'wrong' } })
    assert.deepEqual(wrong.errors, ['the password of the account could not be verified: the database refuses it'])
    await server.ok('write', 'db/static-roles/s', { data: { ...data, password: 'as it was' } })
    assert.deepEqual([(await staticCreds(mounted, 's')).password, await canLogIn('stat', 'as it was')], ['as it was', true])
    await server.ok('delete', 'db/static-roles/blind')
    await pass(mounted, new ChoreRunner(server.core), 3600)
    assert.equal(await canLogIn('stat', (await staticCreds(mounted, 's')).password), true)
  }))

  test('changes its own password where the connection has no administrator', onPostgres(async (mounted) => {
    const { server, db: { canLogIn, url } } = mounted
    const runner = new ChoreRunner(server.core)
    await account(mounted, 'stat')
    await server.ok('write', 'db/config/own', { data: { plugin_name: 'postgresql-database-plugin', connection_url: url, self_managed: true, allowed_roles: '*' } })
    const data = { db_name: 'own', username: 'stat', rotation_period: '1h' }
    assert.match((await server.request('write', 'db/static-roles/s', { data })).errors[0] ?? '', /self_managed_password is required/)
    assert.equal((await server.request('write', 'db/static-roles/s', { data: { ...data, self_managed_password: 'another' } })).status, 400)
    await server.ok('write', 'db/static-roles/s', { data: { ...data, self_managed_password: 'as it was' } })
    const first = (await staticCreds(mounted, 's')).password
    assert.deepEqual([await canLogIn('stat', first), await canLogIn('stat', 'as it was')], [true, false])
    await pass(mounted, runner, 3_600)
    const second = (await staticCreds(mounted, 's')).password
    assert.deepEqual([await canLogIn('stat', second), await canLogIn('stat', first)], [true, false])
    await crashed(mounted, { kind: 'static', name: 's' }, (password) => mounted.db.sql(`ALTER ROLE stat PASSWORD '${password}'`))
    await pass(mounted, runner, 120)
    assert.equal(await canLogIn('stat', (await staticCreds(mounted, 's')).password), true)
    await server.ok('write', 'db/roles/app', { data: { db_name: 'own', creation_statements: 'SELECT 1' } })
    assert.match((await server.request('read', 'db/creds/app')).errors[0] ?? '', /self_managed/)
    assert.equal((await server.request('write', 'db/rotate-root/own')).status, 400)
  }))

  test('for an account that is not there is refused, and leaves nothing', onPostgres(async ({ server, connect }) => {
    await connect()
    const answer = await server.request('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'nobody-here', rotation_period: '1h' } })
    assert.deepEqual([answer.status, answer.errors], [400, ['error setting credentials: failed to execute query: ERROR: role "nobody-here" does not exist (SQLSTATE 42704)']])
    assert.equal((await server.request('read', 'db/static-roles/s')).status, 404)
  }))

  test('keeps the password that works when a rotation fails, says why and when it tries again, and does', onPostgres(async (mounted) => {
    const { server, connect, db: { canLogIn } } = mounted
    await account(mounted, 'stat')
    await connect()
    const runner = new ChoreRunner(server.core)
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'stat', rotation_period: '1h' } })
    const first = await staticCreds(mounted, 's')
    await server.ok('write', 'db/static-roles/s', { data: { rotation_statements: 'DROP ROLE "nobody-at-all"' } })
    await pass(mounted, runner, 3600)
    const state = await shown(mounted, 'db/static-roles/s')
    assert.equal(state['last_rotation_error'], 'failed to execute query: ERROR: role "nobody-at-all" does not exist (SQLSTATE 42704)')
    assert.deepEqual([state['rotation_state'], (await staticCreds(mounted, 's')).password, await canLogIn('stat', first.password)], ['failing', first.password, true])
    const wait = (Date.parse(String(state['next_vault_rotation'])) - server.clock.now()) / 1000
    assert.ok(wait > 0 && wait <= 10, String(wait))
    await server.ok('write', 'db/static-roles/s', { data: { rotation_statements: [] } })
    await pass(mounted, runner, 10)
    const after = await staticCreds(mounted, 's')
    assert.notEqual(after.password, first.password)
    assert.equal(await canLogIn('stat', after.password), true)
  }))

  test('whose password policy is gone says so', onPostgres(async (mounted) => {
    const { server, connect } = mounted
    await account(mounted, 'stat')
    await connect()
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'stat', rotation_period: '1h' } })
    await server.ok('write', 'db/static-roles/s', { data: { credential_config: { password_policy: 'gone' } } })
    await pass(mounted, new ChoreRunner(server.core), 3600)
    assert.equal((await shown(mounted, 'db/static-roles/s'))['last_rotation_error'], 'failed to generate password: there is no password policy "gone"')
  }))

  test('whose rotation died in the middle ends with one password that works, which is the one that is shown', onPostgres(async (mounted) => {
    const { server, connect, db } = mounted
    await account(mounted, 'stat')
    await connect()
    const runner = new ChoreRunner(server.core)
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'stat', rotation_period: '24h' } })
    for (const told of [false, true]) {
      await crashed(mounted, { kind: 'static', name: 's' }, async (password) => told && (await db.sql(`ALTER ROLE stat PASSWORD '${password}'`)))
      await pass(mounted, runner, 65)
      assert.equal((await shown(mounted, 'db/static-roles/s'))['rotation_state'], 'settled')
      assert.equal(await db.canLogIn('stat', (await staticCreds(mounted, 's')).password), true)
    }
  }))

  test('that was changed meanwhile is not overwritten by what an old rotation learned', onPostgres(async (mounted) => {
    const { server, connect } = mounted
    await account(mounted, 'stat')
    await connect()
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'pg', username: 'stat', rotation_period: '1h' } })
    const before = await staticCreds(mounted, 's')
    const mount = await server.core.mounts.at('db/')
    assert.ok(mount !== null)
    await runTransaction(mount.store, (store) => settle(keeperOf(new Pools()), store, { kind: 'static', name: 's' }, { password: 'other' }, { state: 'done' }, { now: server.clock.now(), random: server.core.host.random }))
    assert.equal((await staticCreds(mounted, 's')).password, before.password)
  }))
})
