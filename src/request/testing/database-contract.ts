/** What every database must do, through the whole server and against the real thing. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { TestDatabase } from '../../engines/database/testing/test-database.ts'
import { withServer } from './checked-server.ts'
import type { ServeHarness } from './serve-harness.ts'

interface Setting {
  readonly server: ServeHarness
  readonly db: TestDatabase
  readonly connect: (details?: Readonly<Record<string, string | number | boolean | readonly string[]>>) => Promise<void>
  readonly creds: (role?: string) => Promise<{ readonly username: string; readonly password: string; readonly lease: string }>
  readonly revoke: (lease: string) => Promise<void>
}

export function databaseContract(name: string, start: () => Promise<TestDatabase | null>): void {
  let db: TestDatabase | null = null
  before(async () => {
    db = await start()
  })
  after(async () => await db?.stop())
  const inSetting = (work: (setting: Setting) => Promise<void>) => async (t: { skip: (why: string) => void }): Promise<void> => {
    if (db === null) return t.skip(`${name} is not installed`)
    await withSetting(db, work)
  }
  describe(name, () => {
    for (const [what, work] of Object.entries(clauses)) test(what, inSetting(work))
  })
}

/** Some databases take their time, on a machine that is busy a lot of it. */
const patient = { connect_timeout: '60s', operation_timeout: '60s' }

async function withSetting(db: TestDatabase, work: (setting: Setting) => Promise<void>): Promise<void> {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'database' } })
    const connect: Setting['connect'] = async (details = {}) => {
      await server.ok('write', 'db/config/x', { data: { plugin_name: db.plugin, ...patient, ...db.details, ...db.admin, allowed_roles: '*', ...details } })
      await server.ok('write', 'db/roles/app', { data: { db_name: 'x', creation_statements: db.creation, default_ttl: '1h' } })
    }
    const creds: Setting['creds'] = async (role = 'app') => {
      const { data, body } = await server.ok('read', `db/creds/${role}`)
      return { username: String(data?.['username']), password: String(data?.['password']), lease: String(body?.['lease_id']) }
    }
    const revoke = async (lease: string): Promise<void> => void (await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } }))
    try {
      await work({ server, db, connect, creds, revoke })
    } finally {
      await db.resetAdmin()
      for (const { engine } of server.core.registry.all) await engine.release?.()
    }
  }, { secrets: [db.admin.password] })
}

const leaseless = async ({ server, db }: Setting): Promise<void> => {
  assert.deepEqual([await db.users('v'), (await server.request('list', 'sys/leases/lookup/db/creds/app')).status], [[], 404])
}

const clauses: Readonly<Record<string, (setting: Setting) => Promise<void>>> = {
  async 'a user can log in until it is revoked'(setting) {
    const { db, connect, creds, revoke, server } = setting
    await connect()
    const { username, password, lease } = await creds()
    assert.deepEqual([await db.canLogIn(username, password), await db.canLogIn(username, 'other')], [true, false])
    await server.ok('write', 'sys/leases/renew', { data: { lease_id: lease } })
    await revoke(lease)
    assert.equal(await db.canLogIn(username, password), false)
    await leaseless(setting)
  },

  async 'twenty at once are twenty'(setting) {
    const { connect, creds, server, db } = setting
    await connect()
    const made = await Promise.all(Array.from({ length: 20 }, () => creds()))
    assert.deepEqual([new Set(made.map(({ username }) => username)).size, (await db.users('v')).length], [20, 20])
    await server.ok('write', 'sys/leases/revoke-prefix/db', { data: { sync: true } })
    await leaseless(setting)
  },

  async 'a password of any characters arrives as it is'(setting) {
    const { connect, creds, revoke, server, db } = setting
    await server.ok('write', 'sys/policies/password/odd', { data: { policy: `length = 40\nrule "charset" { charset = "'\\"\`\\\\%@:/?#&;$" }` } })
    await connect({ password_policy: 'odd' })
    const { username, password, lease } = await creds()
    assert.equal(await db.canLogIn(username, password), true)
    await revoke(lease)
    await server.ok('write', 'db/rotate-root/x')
    await revoke((await creds()).lease)
    await leaseless(setting)
  },

  async 'a user that is not there any more counts as revoked'(setting) {
    const { connect, creds, revoke, db } = setting
    await connect()
    const { username, lease } = await creds()
    await db.dropUser(username)
    await revoke(lease)
    await leaseless(setting)
  },

  async 'statements that are refused leave no user'(setting) {
    const { connect, server, db } = setting
    await connect()
    await server.ok('write', 'db/roles/app', { data: { creation_statements: db.refused } })
    const { status, errors } = await server.request('read', 'db/creds/app')
    assert.equal(status, 400)
    assert.match(errors[0] ?? '', /^failed to execute/)
    await leaseless(setting)
  },

  async 'a name that somebody has is refused, and whoever has it keeps it'({ connect, server, db }) {
    await db.dropUser('account')
    await db.makeUser('account', 'as it was')
    await connect({ username_template: 'account' })
    const { status, errors } = await server.request('read', 'db/creds/app')
    assert.equal(status, 400, errors[0])
    await server.sweep()
    assert.deepEqual([await db.canLogIn('account', 'as it was'), (await server.request('list', 'sys/leases/lookup/db/creds/app')).status], [true, 404])
    await db.dropUser('account')
  },

  async 'a wrong password, and a database that is not there, are said to be that'({ server, db }) {
    const data = { plugin_name: db.plugin, ...db.details, ...db.admin }
    const wrong = await server.request('write', 'db/config/x', { data: { ...data, password: 'wrong-password' } })
    assert.equal(wrong.status, 400)
    assert.match(wrong.errors[0] ?? '', /^error creating database object: error verifying connection: failed to connect to `user=coffer_admin/)
    assert.ok(!wrong.text.includes('wrong-password'))
    const nowhere = Object.fromEntries(Object.entries(db.details).map(([name, value]) => [name, name === 'port' ? 1 : String(value).replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1')]))
    const away = await server.request('write', 'db/config/x', { data: { ...data, ...nowhere } })
    assert.equal(away.status, 400)
    assert.match(away.errors[0] ?? '', /ECONNREFUSED/)
  },

  async 'the administrator gets a password that nobody is shown'(setting) {
    const { connect, creds, revoke, server, db } = setting
    await connect()
    await revoke((await creds()).lease)
    await server.ok('write', 'db/rotate-root/x')
    assert.equal(await db.canLogIn(db.admin.username, db.admin.password), false)
    await revoke((await creds()).lease)
    assert.ok(!(await server.ok('read', 'db/config/x')).text.includes('"password"'))
  },

  async 'a rotation that fails midway loses no password'({ connect, creds, revoke, server, db }) {
    await connect({ root_rotation_statements: db.halfRotation })
    await server.request('write', 'db/rotate-root/x')
    assert.notEqual((await server.ok('read', 'db/config/x')).data?.['rotation_state'], 'open')
    await server.ok('write', 'db/reset/x')
    await revoke((await creds()).lease)
    await db.dropUser('account')
    await db.makeUser('account', 'as it was')
    const role = { db_name: 'x', username: 'account', rotation_period: '1h' }
    const taken = await server.request('write', 'db/static-roles/s', { data: { ...role, rotation_statements: db.halfRotation } })
    // Where it was taken back, the account is as it was.
    const password = taken.status === 204 ? String((await server.ok('read', 'db/static-creds/s')).data?.['password']) : 'as it was'
    assert.equal(await db.canLogIn('account', password), true)
    await db.dropUser('account')
  },

  async 'an account that is there gets another password, and only one works'({ connect, server, db }) {
    await connect()
    await db.dropUser('account')
    await db.makeUser('account', 'as it was')
    await server.ok('write', 'db/static-roles/s', { data: { db_name: 'x', username: 'account', rotation_period: '1h' } })
    const password = async (): Promise<string> => String((await server.ok('read', 'db/static-creds/s')).data?.['password'])
    const first = await password()
    assert.deepEqual([await db.canLogIn('account', first), await db.canLogIn('account', 'as it was')], [true, false])
    await server.ok('write', 'db/rotate-role/s')
    assert.deepEqual([await db.canLogIn('account', await password()), await db.canLogIn('account', first)], [true, false])
    assert.equal((await server.request('write', 'db/static-roles/t', { data: { db_name: 'x', username: 'nobody-here', rotation_period: '1h' } })).status, 400)
    await db.dropUser('account')
  },
}
