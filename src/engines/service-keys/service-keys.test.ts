/** Credentials of a real HTTP service, through the whole server: taken over, rotated, kept for a while beside the new one, and taken away. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { freePort } from '../database/testing/place.ts'
import { onService, passwordRecipe } from '../../request/testing/mounted-service.ts'

const key = { service: 'shop', params: { user: 'ann/é' }, rotation_period: '1h' }

describe('a key that the service makes', () => {
  test('is made at once, given its rights, tried, and rotated when asked and when its time comes; the old one is gone', onService(async ({ service, write, read, credential, pass }) => {
    assert.equal((await write('keys/k', key)).status, 204)
    const first = await credential('k')
    assert.deepEqual([service.works(first), Object.keys(first), service.keys()], [true, ['id', 'secret'], [first['id']]])
    assert.equal((await write('rotate/k')).status, 204)
    const second = await credential('k')
    assert.notEqual(second['id'], first['id'])
    await pass(1)
    assert.deepEqual([service.works(second), service.keys()], [true, [second['id']]])
    await pass(3_600)
    const third = await credential('k')
    assert.notEqual(third['id'], second['id'])
    await pass(1)
    assert.deepEqual([service.works(third), service.keys()], [true, [third['id']]])
    const { rotation_state: state, rotation_period: period, last_vault_rotation: last, next_vault_rotation: next, previous_state: previous, value_names: names } = await read('keys/k')
    assert.deepEqual([state, period, Date.parse(String(next)) - Date.parse(String(last)), previous, names], ['settled', 3600, 3_600_000, undefined, ['id', 'secret']])
  }))

  test('is shown beside the one of before for as long as both are valid, and then that one is taken away', onService(async ({ service, configure, write, read, credential, pass }) => {
    await configure({ overlap: '10m' })
    await write('keys/k', key)
    const first = await credential('k')
    await write('rotate/k')
    const { credential: second, previous } = await read('creds/k') as { credential: Record<string, string>; previous: Record<string, string> }
    assert.deepEqual([previous, service.works(first), service.works(second)], [first, true, true])
    await pass(590)
    assert.deepEqual([service.works(first), (await read('keys/k'))['previous_state']], [true, 'valid'])
    await pass(10)
    assert.deepEqual([service.works(first), service.works(second), (await read('creds/k'))['previous'], service.keys()], [false, true, undefined, [second['id']]])
  }))

  test('leaves nothing of before when it is rotated twice, although the service has room for two only', onService(async ({ service, configure, write, credential, pass }) => {
    await configure({ overlap: '10m' })
    await write('keys/k', key)
    const [first] = [await credential('k'), await write('rotate/k')]
    const second = await credential('k')
    assert.equal((await write('rotate/k')).status, 204)
    assert.deepEqual([service.works(first), service.works(second), service.works(await credential('k'))], [false, true, true])
    await pass(601)
    assert.deepEqual(service.keys(), [(await credential('k'))['id']])
  }))

  test('may be there already: it is tried, kept until the first rotation is due, and then taken away', onService(async ({ service, write, credential, pass }) => {
    const { id, secret } = service.makeKey('ann')
    const wrong = await write('keys/k', { ...key, values: { id, secret: 'wrong' }, skip_import_rotation: true })
    assert.deepEqual([wrong.status, wrong.errors], [400, ['values could not be verified: the service refuses them']])
    assert.deepEqual((await write('keys/k', { ...key, skip_import_rotation: true })).errors, ['values are needed with skip_import_rotation'])
    await write('keys/k', { ...key, values: { id, secret }, skip_import_rotation: true })
    assert.deepEqual([await credential('k'), service.keys()], [{ id, secret }, [id]])
    await pass(3_600)
    await pass(1)
    assert.deepEqual([service.works({ id, secret }), service.works(await credential('k')), service.keys().length], [false, true, 1])
  }))

  test('follows cron, or is rotated only when asked', onService(async ({ write, read, credential, pass }) => {
    await write('keys/c', { service: 'shop', params: { user: 'c' }, rotation_schedule: '0 4 * * *', rotation_window: '1h' })
    // It is 3:20 in the tests.
    assert.deepEqual([(await read('keys/c'))['next_vault_rotation'], (await read('creds/c'))['ttl']], ['2026-11-21T04:00:00Z', 2400])
    const first = await credential('c')
    await pass(2_400)
    assert.notDeepEqual(await credential('c'), first)
    await write('keys/c', { rotation_period: 0 })
    const second = await credential('c')
    await pass(200_000)
    assert.deepEqual([await credential('c'), (await read('keys/c'))['next_vault_rotation']], [second, null])
  }))

  test('whose service refuses to make another says why, keeps the one that works, and tries again', onService(async ({ service, write, read, credential, pass }) => {
    await write('keys/k', key)
    const first = await credential('k')
    service.room = 1
    const { status, errors } = await write('rotate/k')
    assert.deepEqual([status, errors], [400, ['error setting credentials: create, call 1: status 409 where 200 or 201 or 202 or 204 was expected']])
    await pass(3_600)
    const { rotation_state: state, failed_rotations: failures } = await read('keys/k')
    assert.deepEqual([state, failures, service.works(first), await credential('k')], ['failing', 2, true, first])
    service.room = 2
    await pass(30)
    await pass(1)
    assert.deepEqual([(await read('keys/k'))['rotation_state'], service.works(await credential('k')), service.keys().length], ['settled', true, 1])
  }))

  test('of before that cannot be taken away is shown as such until it is, and another rotation waits for that', onService(async ({ service, write, read, credential, pass }) => {
    await write('keys/k', key)
    service.fault = { at: /^DELETE \/api\/keys\//, how: 500 }
    assert.equal((await write('rotate/k')).status, 204)
    await pass(1)
    const { previous_state: state, previous_error: error, previous_failures: failures } = await read('keys/k')
    assert.deepEqual([state, error, failures], ['being taken away', 'finish, call 1: status 500 where 204 or 404 was expected', 1])
    assert.equal((await read('creds/k'))['previous'], undefined)
    assert.match((await write('rotate/k')).errors[0] ?? '', /the credential of before could not be taken away: finish, call 1: status 500/)
    service.fault = null
    await pass(60)
    assert.deepEqual([(await read('keys/k'))['previous_state'], service.keys()], [undefined, [(await credential('k'))['id']]])
  }))

  test('that was forgotten is not rotated any more, and a service with keys is not forgotten', onService(async ({ server, service, write, credential, pass }) => {
    await write('keys/k', key)
    assert.deepEqual((await server.request('delete', 'svc/services/shop')).errors, ['the key "k" is of this service'])
    const last = await credential('k')
    await server.ok('delete', 'svc/keys/k')
    await pass(7_200)
    assert.deepEqual([service.works(last), service.keys().length], [true, 1])
    await server.ok('delete', 'svc/services/shop')
    for (const folder of ['services', 'keys']) assert.equal((await server.request('list', `svc/${folder}`)).status, 404)
  }))

  test('is not made for a name that leads elsewhere', onService(async ({ server, service, write }) => {
    for (const user of ['..', '.', '', '%2e%2e']) {
      const { status, errors } = await write('keys/k', { service: 'shop', params: { user } })
      assert.equal(status, 400)
      if (user !== '%2e%2e') assert.match(errors[0] ?? '', /the path would lead elsewhere, or has an empty part$/)
    }
    assert.deepEqual(service.requests, ['POST /api/users/%252e%252e/keys', ...service.requests.slice(1)])
    assert.equal((await server.request('read', 'svc/keys/k')).status, 404)
  }, { recipe: { repeatable: true, undo: [], create: [{ method: 'POST', path: '/users/{{param.user}}/keys', keep: { id: '/x' } }], test: [{ method: 'GET', path: '/whoami' }] } }))
})

describe('a password that is made here', () => {
  const password = { service: 'shop', params: { user: 'bob' }, rotation_period: '1h' }

  test('is set by whoever administers the service, tried by a login, and taken back when that is refused', onService(async ({ service, configure, write, read, credential }) => {
    service.makeUser('bob', 'as it was')
    assert.equal((await write('keys/p', password)).status, 204)
    const first = (await credential('p'))['password'] ?? ''
    assert.deepEqual([first.length, service.passwordOf('bob')], [32, first])
    await configure({ recipe: { ...passwordRecipe, set: [{ method: 'PUT', path: '/users/{{param.user}}/password', headers: { authorization: 'Bearer {{secret.admin}}' }, json: { password: 'x{{pending.password}}' } }], undo: [{ method: 'PUT', path: '/users/{{param.user}}/password', headers: { authorization: 'Bearer {{secret.admin}}' }, json: { password: '{{current.password}}' } }] } })
    const { status, errors } = await write('rotate/p')
    assert.deepEqual([status, errors], [400, ['error setting credentials: the new secret was taken, but a login with it is refused; the old one works']])
    assert.deepEqual([service.passwordOf('bob'), (await credential('p'))['password'], (await read('keys/p'))['rotation_state']], [first, first, 'failing'])
  }, { recipe: passwordRecipe }))

  test('for a user that is not there is refused, and leaves nothing', onService(async ({ server, write }) => {
    const { status, errors } = await write('keys/p', password)
    assert.deepEqual([status, errors], [400, ['error setting credentials: set, call 1: status 404 where 200 or 201 or 202 or 204 was expected']])
    assert.deepEqual([(await server.request('read', 'svc/keys/p')).status, (await server.request('list', 'svc/keys')).status], [404, 404])
    await server.ok('delete', 'svc/services/shop')
  }, { recipe: passwordRecipe }))

  test('follows a password policy', onService(async ({ server, service, configure, write, credential }) => {
    await server.ok('write', 'sys/policies/password/digits', { data: { policy: 'length = 12\nrule "charset" { charset = "0123456789" }' } })
    await configure({ recipe: { ...passwordRecipe, generate: { name: 'password', password_policy: 'digits' } } })
    service.makeUser('bob', 'x')
    await write('keys/p', password)
    assert.match((await credential('p'))['password'] ?? '', /^\d{12}$/)
  }, { recipe: passwordRecipe }))
})

describe('a service', () => {
  const away = [['that hangs', 'hangs', /no answer within 1 seconds/], ['that dies', 'dies before', /: ECONNRESET/], ['that answers with a failure', 503, /status 503/], ['that leads elsewhere', 'redirect', /status 307/], ['that answers without end', 'long', /longer than 262144 bytes/], ['that answers what it should not', 'garbage', /the answer is no JSON/]] as const
  for (const [what, how, said] of away) {
    test(`${what} is said to, without what was sent or came back, and nothing is lost`, onService(async ({ server, service, configure, write, read, credential, pass }) => {
      await configure({ timeout: 1 })
      await write('keys/k', key)
      const first = await credential('k')
      service.fault = { at: /^POST/, how }
      const { status, errors } = await write('rotate/k')
      assert.equal(status, 502)
      assert.match(errors[0] ?? '', said)
      assert.deepEqual([await credential('k'), service.works(first)], [first, true])
      const shown = JSON.stringify(await read('keys/k')) + errors.join() + server.logged.join()
      for (const hidden of [service.admin, ...Object.values(first)]) assert.ok(!shown.includes(hidden))
      service.fault = null
      await pass(120)
      await pass(3_600)
      await pass(2)
      assert.deepEqual([(await read('keys/k'))['rotation_state'], service.works(await credential('k')), service.keys().length], ['settled', true, 1])
    }))
  }

  test('that is away holds up nobody else, and is asked again', onService(async ({ service, configure, write, read, credential, pass }) => {
    await write('keys/k', key)
    const first = await credential('k')
    await configure({ url: `http://127.0.0.1:${await freePort()}` })
    const { status, errors } = await write('rotate/k')
    assert.equal(status, 400)
    assert.match(errors[0] ?? '', /ECONNREFUSED/)
    await pass(3_600)
    assert.deepEqual([(await read('keys/k'))['rotation_state'], await credential('k')], ['failing', first])
    await configure()
    await pass(60)
    assert.deepEqual([(await read('keys/k'))['rotation_state'], service.works(await credential('k'))], ['settled', true])
  }))

  test('is shown without its secrets', onService(async ({ server, service }) => {
    const { data, text } = await server.ok('read', 'svc/services/shop')
    assert.deepEqual([data?.['url'], data?.['secret_names'], data?.['timeout'], data?.['overlap']], [service.url, ['admin'], 2, 0])
    assert.ok(!text.includes(service.admin) && text.includes('{{secret.admin}}'))
  }))
})

describe('a rotation function in the shape of those of AWS', () => {
  const tokens: string[] = []
  const steps: string[] = []
  let valid = ''
  const recipe = { function: { path: '/function', headers: { 'x-secret': '{{secret.admin}}' } } }
  const functionOf = (body: Readonly<Record<string, unknown>>): readonly [number, object?] => {
    const [step, pending, token] = [String(body['Step']), body['AWSPENDING'], String(body['ClientRequestToken'])]
    steps.push(step)
    tokens.push(`${step} ${token}`)
    if (step === 'createSecret') return [200, { SecretString: JSON.stringify({ user: body['SecretId'], key: `made-by-${token}` }) }]
    if (step === 'setSecret') valid = String(pending)
    if (step === 'testSecret') return pending === valid ? [200] : [401]
    return [200, {}]
  }

  test('is asked in the order of its four steps, always with the same token', onService(async ({ write, credential, pass }) => {
    assert.equal((await write('keys/fn', { service: 'shop' })).status, 204)
    assert.deepEqual(steps.splice(0), ['createSecret', 'setSecret', 'testSecret'])
    const first = await credential('fn')
    await write('rotate/fn')
    await pass(1)
    assert.deepEqual(steps, ['createSecret', 'setSecret', 'testSecret', 'finishSecret'])
    assert.equal(new Set(tokens.slice(-4).map((told) => told.split(' ')[1])).size, 1)
    const second = await credential('fn')
    assert.deepEqual([Object.keys(second), second['user'], second['key'] === first['key'], JSON.stringify(second) === valid], [['user', 'key'], 'fn', false, true])
  }, { recipe, functionOf }))
})
