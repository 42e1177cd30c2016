/** The engine over a real PostgreSQL server: users come and go with their leases, and what fails says why and leaves nothing behind. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withPostgres, type Mounted } from '../../request/testing/mounted-database.ts'

const onPostgres = withPostgres()

/** Seconds until a role may no longer log in. */
async function validFor({ db: { sql }, server }: Mounted, username: string): Promise<number> {
  const [row] = await sql('SELECT rolvaliduntil AS until FROM pg_roles WHERE rolname = $1', [username])
  return Math.round((Number(row?.['until'] as Date) - server.clock.now()) / 1000)
}

describe('a user', () => {
  test('is made with its lease, lives a little longer than it, and goes with it', onPostgres(async (mounted) => {
    const { server, connect, role, creds, leases } = mounted
    await connect()
    await role('app')
    const user = await creds('app')
    assert.match(user.username, /^v-root-app-[A-Za-z0-9]{20}-\d{10}$/)
    assert.deepEqual([user.seconds, await validFor(mounted, user.username)], [3600, 3605])
    assert.match(user.lease, /^db\/creds\/app\/\w{24}$/)
    // Its VALID UNTIL is in the past for the database, whose clock nobody moves.
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: user.lease } })
    assert.deepEqual([await mounted.db.roles('v-'), (await leases()).length], [[], 0])
  }))

  test('can log in with the password that was shown, and not any more once it is revoked', onPostgres(async ({ server, connect, role, creds, db: { canLogIn } }) => {
    await connect()
    await role('app', { creation_statements: `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}'` })
    const { username, password, lease } = await creds('app')
    assert.equal(await canLogIn(username, password), true)
    assert.equal(await canLogIn(username, `${password}x`), false)
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease } })
    assert.equal(await canLogIn(username, password), false)
  }))

  test('lives as long as its lease is renewed for', onPostgres(async (mounted) => {
    const { server, connect, role, creds } = mounted
    await connect()
    await role('app')
    const { username, lease } = await creds('app')
    server.clock.advance(1800)
    const renew = async (increment: string): Promise<unknown> => (await server.ok('write', 'sys/leases/renew', { data: { lease_id: lease, increment } })).body?.['lease_duration']
    assert.deepEqual([await renew('2h'), await validFor(mounted, username)], [7200, 7205])
    server.clock.advance(3600)
    assert.deepEqual([await renew('48h'), await validFor(mounted, username)], [22.5 * 3600, 22.5 * 3600 + 5])
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease } })
  }))

  test('goes when its time is over, and with the token that asked for it', onPostgres(async ({ server, connect, role, db: { roles } }) => {
    await connect()
    await role('app', { default_ttl: '10m' })
    const token = String((await server.ok('write', 'auth/token/create', { data: { policies: ['root'], ttl: '1h' } })).auth?.['client_token'])
    await server.ok('read', 'db/creds/app')
    await server.ok('read', 'db/creds/app', { token })
    assert.equal((await roles('v-')).length, 2)
    await server.ok('write', 'auth/token/revoke', { data: { token } })
    assert.equal((await roles('v-')).length, 1)
    server.clock.advance(600)
    await server.sweep()
    assert.deepEqual(await roles('v-'), [])
  }))

  test('goes with all the rights that it was given, in schemas of any name', onPostgres(async ({ server, connect, role, creds, db: { sql, roles } }) => {
    const schema = `"a ""quoted"" one; -- '"`
    await sql(`CREATE SCHEMA ${schema}`)
    await sql(`CREATE TABLE ${schema}.t (x int)`)
    await connect()
    const grants = [`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}'`, `GRANT USAGE ON SCHEMA ${schema} TO "{{name}}"`, `GRANT SELECT ON ALL TABLES IN SCHEMA ${schema} TO "{{name}}"`]
    await role('app', { creation_statements: grants })
    const { lease } = await creds('app')
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    assert.deepEqual(await roles('v-'), [])
    await sql(`DROP SCHEMA ${schema} CASCADE`)
  }))

  test('that somebody else has dropped counts as revoked, whatever the statements are', onPostgres(async ({ server, connect, role, creds, leases, db: { sql } }) => {
    await connect()
    await role('app')
    await role('own', { revocation_statements: 'DROP ROLE "{{name}}"' })
    for (const name of ['app', 'own']) {
      const { username, lease } = await creds(name)
      await sql(`DROP ROLE "${username}"`)
      await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    }
    assert.equal((await leases()).length, 0)
  }))

  test('is named by the template of the connection, and never so that its name could end a quote', onPostgres(async ({ server, connect, role, db: { roles } }) => {
    await connect({ username_template: 'x_{{.RoleName}}_{{.DisplayName}}_{{random 4}}' })
    await role('app')
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'sys/policies/acl/all', { data: { policy: 'path "*" { capabilities = ["read", "create", "update"] }' } })
    await server.ok('write', 'auth/userpass/users/a.b', { data: { password: 'password', token_policies: 'all' } })
    const token = String((await server.ok('write', 'auth/userpass/login/a.b', { token: null, data: { password: 'password' } })).auth?.['client_token'])
    await server.ok('read', 'db/creds/app', { token })
    assert.match((await roles('x_')).join(), /^x_app_userpass-a\.b_\w{4}$/)
    await server.ok('write', 'sys/leases/revoke-prefix/db', { data: { sync: true } })
  }))
})

describe('a refusal', () => {
  test('of the statements says what the database said, without the password, and leaves no user and no lease', onPostgres(async ({ server, connect, role, leases, db: { roles } }) => {
    await connect()
    await role('bad', { creation_statements: [`CREATE ROLE "{{name}}" PASSWORD '{{password}}'`, `SELECT {{password}}`] })
    const answer = await server.request('read', 'db/creds/bad')
    assert.equal(answer.status, 400)
    assert.match(answer.errors[0] ?? '', /^failed to execute query: ERROR: .* \(SQLSTATE \w{5}\)$/)
    assert.deepEqual([await roles('v-'), (await leases()).length], [[], 0])
  }))

  test('to revoke is kept with its reason, and the mount goes on', onPostgres(async ({ server, connect, role, creds, leases, db: { roles } }) => {
    await connect()
    await role('app')
    await role('stuck', { revocation_statements: 'DROP TABLE nowhere' })
    const { lease } = await creds('stuck')
    assert.equal((await server.request('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })).status, 400)
    const shown = await server.ok('write', 'sys/leases/lookup', { data: { lease_id: lease } })
    assert.equal(shown.data?.['revoke_error'], 'failed to execute query: ERROR: table "nowhere" does not exist (SQLSTATE 42P01)')
    const other = await creds('app')
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: other.lease, sync: true } })
    await role('stuck', { revocation_statements: 'DROP ROLE "{{name}}"' })
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    assert.deepEqual([await roles('v-'), (await leases()).length], [[], 0])
  }))
})
