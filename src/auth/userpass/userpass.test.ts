import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { serveHarness, type Served, type ServeHarness } from '../../request/testing/serve-harness.ts'

let server: ServeHarness
before(async () => {
  server = await serveHarness()
  await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
})
after(() => server.close())

const logIn = (name: string, password: string, from = '127.0.0.1'): Promise<Served> =>
  server.request('write', `auth/userpass/login/${name}`, { token: null, data: { password }, from })
const makeUser = (name: string, fields: JsonObject = {}): Promise<Served> =>
  server.ok('write', `auth/userpass/users/${name}`, { data: { password: `${name}-password`, ...fields } })

describe('logging in', () => {
  test('the right password gives a token with the policies of the user', async () => {
    await makeUser('ann', { token_policies: 'App,ops', token_ttl: '20m' })
    const { auth } = await logIn('ann', 'ann-password')
    assert.deepEqual([auth?.['policies'], auth?.['metadata'], auth?.['lease_duration']], [['app', 'default', 'ops'], { username: 'ann' }, 1200])
    const self = await server.ok('read', 'auth/token/lookup-self', { token: String(auth?.['client_token']) })
    assert.deepEqual([self.data?.['display_name'], self.data?.['path']], ['userpass-ann', 'auth/userpass/login/ann'])
  })

  test('a wrong password, an unknown user and a password that is too long are refused with the same words', async () => {
    await makeUser('bea')
    const answers = [await logIn('bea', 'wrong'), await logIn('nobody', 'wrong'), await logIn('bea', 'x'.repeat(5_000))]
    for (const { status, errors } of answers) assert.deepEqual([status, errors], [400, ['invalid username or password']])
  })

  test('the name of a user ignores the case', async () => {
    await makeUser('Cay')
    const { auth } = await logIn('CAY', 'Cay-password')
    assert.deepEqual(auth?.['metadata'], { username: 'cay' })
  })

  test('logins come from the ranges of the user only, and tokens are bound to them', async () => {
    await makeUser('dan', { token_bound_cidrs: '10.0.0.0/8' })
    assert.equal((await logIn('dan', 'dan-password')).status, 403)
    const { auth } = await logIn('dan', 'dan-password', '10.1.2.3')
    const token = String(auth?.['client_token'])
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token, from: '10.9.9.9' })).status, 200)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token, from: '11.0.0.1' })).status, 403)
  })

  test('a token can be bound to the very address of the login', async () => {
    await makeUser('eve', { token_strictly_bind_ip: true })
    const { auth } = await logIn('eve', 'eve-password', '10.1.2.3')
    const token = String(auth?.['client_token'])
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token, from: '10.1.2.3' })).status, 200)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token, from: '10.1.2.4' })).status, 403)
  })

  test('the policy root is not given to anybody who logs in, in any spelling', async () => {
    for (const policy of ['root', 'ROOT', ' Root ']) {
      await makeUser('fay', { token_policies: [policy] })
      const { status, text } = await logIn('fay', 'fay-password')
      assert.equal(status, 400, policy)
      assert.ok(!text.includes('client_token'))
    }
  })
})

describe('locking out', () => {
  test('five failures lock a user out, also for the right password, until the time is over', async () => {
    await makeUser('gus')
    for (let i = 0; i < 5; i++) assert.equal((await logIn('gus', 'wrong')).status, 400)
    assert.equal((await logIn('gus', 'gus-password')).status, 403)
    server.clock.advance(901)
    assert.equal((await logIn('gus', 'gus-password')).status, 200)
  })

  test('a successful login forgets the failures before it', async () => {
    await makeUser('hal')
    for (let i = 0; i < 4; i++) await logIn('hal', 'wrong')
    assert.equal((await logIn('hal', 'hal-password')).status, 200)
    for (let i = 0; i < 4; i++) await logIn('hal', 'wrong')
    assert.equal((await logIn('hal', 'hal-password')).status, 200)
  })

  test('CVE-2025-6004: no spelling of a name has a counter of its own', async () => {
    await makeUser('ida')
    for (const name of ['ida', 'IDA', 'Ida', 'iDa', 'idA']) assert.equal((await logIn(name, 'wrong')).status, 400)
    assert.equal((await logIn('ida', 'ida-password')).status, 403)
    for (const name of [' ida', 'ida ', 'ida\t', '\u00a0ida']) assert.notEqual((await logIn(name, 'ida-password')).status, 200, JSON.stringify(name))
  })
})

describe('users', () => {
  test('an update keeps what it does not name, also the password', async () => {
    await makeUser('jan', { token_policies: 'one', token_ttl: 60 })
    await server.ok('write', 'auth/userpass/users/jan', { data: { token_max_ttl: 120 } })
    const { data } = await server.ok('read', 'auth/userpass/users/jan')
    assert.deepEqual([data?.['token_policies'], data?.['token_ttl'], data?.['token_max_ttl']], [['one'], 60, 120])
    assert.equal((await logIn('jan', 'jan-password')).status, 200)
  })

  test('neither the password nor its hash is ever shown', async () => {
    await makeUser('kim')
    const { text } = await server.ok('read', 'auth/userpass/users/kim')
    assert.ok(!text.includes('kim-password') && !text.includes('scrypt') && !text.includes('password'))
  })

  test('a changed password holds at once', async () => {
    await makeUser('lea')
    await server.ok('write', 'auth/userpass/users/lea/password', { data: { password: 'new' } })
    assert.equal((await logIn('lea', 'lea-password')).status, 400)
    assert.equal((await logIn('lea', 'new')).status, 200)
  })

  test('the list of users can be read page by page', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await makeUser(name)
    const { keys } = await server.ok('list', 'auth/userpass/users', { data: { after: 'page-a', limit: 1 } })
    assert.deepEqual(keys, ['page-b'])
  })
})

describe('renewing', () => {
  test('a token is renewed on the terms that its user has now', async () => {
    await makeUser('mia', { token_ttl: 600 })
    const { auth } = await logIn('mia', 'mia-password')
    await server.ok('write', 'auth/userpass/users/mia', { data: { token_ttl: 1200 } })
    const renewed = await server.ok('write', 'auth/token/renew-self', { token: String(auth?.['client_token']) })
    assert.equal(renewed.auth?.['lease_duration'], 1200)
  })

  test('a token is not renewed once its user is gone or has other policies', async () => {
    await makeUser('nia', { token_policies: 'a' })
    const token = String((await logIn('nia', 'nia-password')).auth?.['client_token'])
    await server.ok('write', 'auth/userpass/users/nia', { data: { token_policies: 'b' } })
    assert.equal((await server.request('write', 'auth/token/renew-self', { token })).status, 400)
    await server.ok('delete', 'auth/userpass/users/nia')
    assert.equal((await server.request('write', 'auth/token/renew-self', { token })).status, 400)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 200)
  })
})
