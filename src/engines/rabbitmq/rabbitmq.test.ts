/** Users of a real RabbitMQ server, through the whole server. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { freePort } from '../database/testing/place.ts'
import { startRabbitmq, type RabbitServer } from './testing/rabbitmq.ts'

let rabbit: RabbitServer | null = null
before(async () => {
  rabbit = await startRabbitmq()
})
after(async () => await rabbit?.stop())

interface Setting {
  readonly server: ServeHarness
  readonly rabbit: RabbitServer
  readonly connect: (fields?: Readonly<Record<string, string>>) => Promise<void>
  readonly role: (fields?: Readonly<Record<string, unknown>>) => Promise<void>
  readonly creds: () => Promise<{ readonly username: string; readonly password: string; readonly lease: string; readonly seconds: number }>
  readonly revoke: (lease: string) => Promise<void>
}

const everything = { configure: '^app', write: '.*', read: '.*' }

const onRabbit = (work: (setting: Setting) => Promise<void>) => async (t: { skip: (why: string) => void }): Promise<void> => {
  const running = rabbit
  if (running === null) return t.skip('RabbitMQ is not installed')
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/mq', { data: { type: 'rabbitmq' } })
    await work({
      server, rabbit: running,
      connect: async (fields = {}) => void (await server.ok('write', 'mq/config/connection', { data: { connection_uri: running.uri, ...running.admin, ...fields } })),
      role: async (fields = {}) => void (await server.ok('write', 'mq/roles/app', { data: { tags: 'management,policymaker', vhosts: { '/': everything }, ...fields } as never })),
      async creds() {
        const { data, body } = await server.ok('read', 'mq/creds/app')
        return { username: String(data?.['username']), password: String(data?.['password']), lease: String(body?.['lease_id']), seconds: Number(body?.['lease_duration']) }
      },
      revoke: async (lease) => void (await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })),
    })
    assert.deepEqual(await running.users(), [])
  }, { secrets: [running.admin.password] })
}

describe('a user of RabbitMQ', () => {
  test('can do what its role says, until its lease is revoked', onRabbit(async ({ rabbit: { ask }, connect, role, creds, revoke }) => {
    await connect()
    await role({ vhost_topics: '{"/":{"amq.topic":{"write":"^a","read":".*"}}}' })
    const made = await creds()
    assert.match(made.username, /^root-[0-9a-f-]{36}$/)
    assert.match(made.password, /^\w{36}$/)
    const who = (await ask(made, 'GET', 'whoami')).body as { readonly tags: unknown }
    assert.deepEqual(String(who.tags).split(',').sort(), ['management', 'policymaker'])
    const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
    assert.deepEqual((await ask(admin, 'GET', `users/${made.username}/permissions`)).body, [{ user: made.username, vhost: '/', ...everything }])
    assert.deepEqual((await ask(admin, 'GET', `users/${made.username}/topic-permissions`)).body, [{ user: made.username, vhost: '/', exchange: 'amq.topic', write: '^a', read: '.*' }])
    assert.equal((await ask({ ...made, password: 'other' }, 'GET', 'whoami')).status, 401)
    await revoke(made.lease)
    assert.equal((await ask(made, 'GET', 'whoami')).status, 401)
  }))

  test('lives as long as config/lease says, also when renewed, and goes when its time is over', onRabbit(async ({ server, rabbit: { users }, connect, role, creds }) => {
    await connect()
    await role()
    await server.ok('write', 'mq/config/lease', { data: { ttl: '10m', max_ttl: '15m' } })
    const made = await creds()
    assert.equal(made.seconds, 600)
    server.clock.advance(480)
    const renewed = await server.ok('write', 'sys/leases/renew', { data: { lease_id: made.lease } })
    assert.equal(renewed.body?.['lease_duration'], 420)
    server.clock.advance(300)
    await server.sweep()
    assert.deepEqual(await users(), [made.username])
    server.clock.advance(121)
    await server.sweep()
    assert.deepEqual(await users(), [])
  }))

  test('that is not there any more counts as revoked', onRabbit(async ({ rabbit: { ask, admin }, connect, role, creds, revoke }) => {
    await connect()
    await role()
    const made = await creds()
    assert.equal((await ask(admin, 'DELETE', `users/${made.username}`)).status, 204)
    await revoke(made.lease)
  }))

  test('whose permissions are refused midway is not left behind, and has no lease', onRabbit(async ({ server, connect, role }) => {
    await connect()
    await role({ vhosts: { '/': everything, 'not-there': everything } })
    const answer = await server.request('read', 'mq/creds/app')
    assert.equal(answer.status, 400)
    assert.match(answer.errors[0] ?? '', /^error updating vhost permissions for not-there: RabbitMQ answers 400: vhost_or_user_not_found$/)
    assert.equal((await server.request('list', 'sys/leases/lookup/mq/creds/app')).status, 404)
  }))

  test('has a password by the policy, and a name by the template, of which a caller’s name cannot break out', onRabbit(async ({ server, rabbit: { ask, users }, connect, role, revoke }) => {
    await server.ok('write', 'sys/policies/password/odd', { data: { policy: `length = 40\nrule "charset" { charset = "'\\"\`\\\\%@:/?#&;$" }` } })
    await connect({ password_policy: 'odd', username_template: '{{.DisplayName}}.{{.RoleName}}/{{random 8}}' })
    await role()
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'sys/policies/acl/mq', { data: { policy: 'path "mq/creds/*" { capabilities = ["read"] }' } })
    await server.ok('write', 'auth/userpass/users/a.b', { data: { password: 'x', token_policies: 'mq' } })
    const login = await server.ok('write', 'auth/userpass/login/a.b', { token: null, data: { password: 'x' } })
    const { data, body } = await server.ok('read', 'mq/creds/app', { token: String(login.auth?.['client_token']) })
    const made = { username: String(data?.['username']), password: String(data?.['password']) }
    assert.match(made.username, /^userpass-a\.b\.app\/\w{8}$/)
    assert.deepEqual([(await ask(made, 'GET', 'whoami')).status, await users()], [200, [made.username]])
    await revoke(String(body?.['lease_id']))
  }))

  test('who is there already is not touched', onRabbit(async ({ server, rabbit: { ask, admin }, connect, role }) => {
    await connect({ username_template: '{{random 1 | truncate 1 | sha256 | truncate 1}}' })
    await role()
    const names = [...'0123456789abcdef']
    for (const name of names) await ask(admin, 'PUT', `users/${name}`, { password: 'as it was', tags: 'management' })
    const answer = await server.request('read', 'mq/creds/app')
    assert.deepEqual([answer.status, answer.errors], [400, ['there is a user of that name already: username_template must give another name each time']])
    for (const name of names) {
      assert.equal((await ask({ username: name, password: 'as it was' }, 'GET', 'whoami')).status, 200)
      await ask(admin, 'DELETE', `users/${name}`)
    }
    assert.equal((await server.request('list', 'sys/leases/lookup/mq/creds/app')).status, 404)
  }))
})

describe('a connection to RabbitMQ', () => {
  test('is refused with the reason when the password is wrong or nobody is there, and nothing of it is shown', onRabbit(async ({ server, rabbit: { uri, admin } }) => {
    const data = { connection_uri: uri, ...admin, password: 'wrong-password' }
    const wrong = await server.request('write', 'mq/config/connection', { data })
    assert.deepEqual([wrong.status, wrong.errors], [400, ['failed to validate the connection: RabbitMQ answers 401: Login failed']])
    const away = await server.request('write', 'mq/config/connection', { data: { ...data, connection_uri: `http://127.0.0.1:${await freePort()}` } })
    assert.match(away.errors[0] ?? '', /^failed to validate the connection: http:\/\/127\.0\.0\.1:\d+: ECONNREFUSED$/)
    for (const [given, field] of [['ftp://x', 'connection_uri must be'], ['http://u:p@x', 'connection_uri may not hold a user'], ['http://x?a=b', 'connection_uri may not hold a query']] as const) {
      const { status, errors } = await server.request('write', 'mq/config/connection', { data: { ...data, connection_uri: given } })
      assert.equal(status, 400)
      assert.match(errors[0] ?? '', new RegExp(`^${field}`))
    }
    assert.equal((await server.request('read', 'mq/config/connection')).status, 405)
    assert.equal((await server.request('read', 'mq/creds/none')).status, 400)
  }))

  test('that went away gives no users and leaves no leases; one with a wrong password neither', onRabbit(async ({ server, connect, role }) => {
    await role()
    assert.deepEqual((await server.request('read', 'mq/creds/app')).errors, ['the connection is not configured: write config/connection first'])
    await connect({ connection_uri: `http://127.0.0.1:${await freePort()}`, verify_connection: 'false' })
    assert.equal((await server.request('read', 'mq/creds/app')).status, 502)
    await connect({ password: 'wrong', verify_connection: 'false' })
    assert.equal((await server.request('read', 'mq/creds/app')).status, 400)
    assert.equal((await server.request('list', 'sys/leases/lookup/mq/creds/app')).status, 404)
  }))

  test('needs a template that gives another name each time', onRabbit(async ({ server, rabbit: { uri, admin } }) => {
    const { errors } = await server.request('write', 'mq/config/connection', { data: { connection_uri: uri, ...admin, username_template: 'admin-{{.RoleName}}' } })
    assert.deepEqual(errors, ['username_template must give another name each time, as with {{random 20}}'])
  }))
})

describe('a role of RabbitMQ', () => {
  test('has permissions of the shape that RabbitMQ takes', onRabbit(async ({ server, role }) => {
    const refused: readonly (readonly [object, string])[] = [
      [{ tags: '', vhosts: '' }, 'both tags and vhosts not specified'],
      [{ vhosts: '[1]' }, 'failed to unmarshal vhosts: expected an object'],
      [{ vhosts: { '/': 'all' } }, 'failed to unmarshal vhosts: expected permissions as an object'],
      [{ vhosts: { '/': { read: 1 } } }, 'failed to unmarshal vhosts: read must be a text'],
      [{ vhosts: { '/': { exec: '' } } }, 'failed to unmarshal vhosts: there is no permission "exec"'],
      [{ vhost_topics: { '/': { x: { configure: '' } } } }, 'failed to unmarshal vhost_topics: there is no permission "configure"'],
    ]
    for (const [fields, message] of refused) {
      const answer = await server.request('write', 'mq/roles/app', { data: { tags: 'x', ...fields } as never })
      assert.deepEqual([answer.status, answer.errors], [400, [message]])
    }
    await role({ tags: '', vhosts: '{"/":{"read":".*"}}' })
    assert.deepEqual((await server.ok('read', 'mq/roles/app')).data, { tags: '', vhosts: { '/': { configure: '', write: '', read: '.*' } }, vhost_topics: {} })
  }))
})
