/** Response wrapping: whoever unwraps gets the answer, once, in time, and nobody learns it on the way. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../kit/json.ts'
import { withServer } from '../request/testing/checked-server.ts'
import type { RequestOptions, Served, ServeHarness } from '../request/testing/serve-harness.ts'

const wrapHeader = (ttl: string, format?: string): Record<string, string> => ({ 'x-vault-wrap-ttl': ttl, ...(format === undefined ? {} : { 'x-vault-wrap-format': format }) })
async function wrap(server: ServeHarness, data: JsonObject = { a: 'treasure' }, ttl = '5m', format?: string): Promise<Served> {
  return await server.ok('write', 'sys/wrapping/wrap', { data, headers: wrapHeader(ttl, format) })
}
const tokenOf = ({ wrapInfo }: Served): string => String(wrapInfo?.['token'])
const unwrap = (server: ServeHarness, token: string, options: RequestOptions = {}) => server.request('write', 'sys/wrapping/unwrap', { token, ...options })
const isNoMore = ({ status, errors }: Served): boolean => status === 400 && errors.join() === 'wrapping token is not valid or does not exist'

describe('unwrapping', () => {
  test('gives the very answer, once, to whoever has the token', () => withServer(async (server) => {
    const wrapped = await wrap(server, { a: 'treasure', n: 7, deep: { list: [1, 'x'] } })
    assert.deepEqual([wrapped.data, wrapped.auth, wrapped.wrapInfo?.['ttl'], wrapped.wrapInfo?.['creation_path']], [null, null, 300, 'sys/wrapping/wrap'])
    assert.deepEqual((await unwrap(server, tokenOf(wrapped))).data, { a: 'treasure', n: 7, deep: { list: [1, 'x'] } })
    assert.ok(isNoMore(await unwrap(server, tokenOf(wrapped))))
  }, { secrets: ['treasure'] }))

  test('is done by one of many who try at once', () => withServer(async (server) => {
    for (let round = 0; round < 5; round++) {
      const token = tokenOf(await wrap(server))
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? unwrap(server, token) : unwrap(server, server.rootToken, { data: { token } }))))
      assert.equal(answers.filter(({ status }) => status === 200).length, 1)
      assert.equal(answers.filter(isNoMore).length, 19)
    }
  }))

  test('is done by one of two processes', () => withServer(async (server) => {
    const other = await server.sibling()
    const token = tokenOf(await wrap(server))
    const answers = await Promise.all([unwrap(server, token), unwrap(other, token)])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400])
    await other.close()
  }))

  test('ends with the lifetime that was asked for', () => withServer(async (server) => {
    const [early, late] = [tokenOf(await wrap(server)), tokenOf(await wrap(server))]
    server.clock.advance(299)
    assert.equal((await unwrap(server, early)).status, 200)
    server.clock.advance(1)
    assert.ok(isNoMore(await unwrap(server, late)))
    await server.sweep()
  }, { secrets: ['treasure'] }))

  test('with the token in the body needs a caller', () => withServer(async (server) => {
    const token = tokenOf(await wrap(server))
    assert.equal((await unwrap(server, '', { token: null, data: { token } })).status, 403)
    assert.equal((await unwrap(server, 'hvs.nobody', { data: { token } })).status, 403)
    assert.equal((await unwrap(server, server.rootToken, { data: { token } })).status, 200)
  }))

  test('takes nothing but wrapping tokens', () => withServer(async (server) => {
    const plain = String((await server.ok('write', 'auth/token/create', { data: { ttl: '1h', policies: ['default'] } })).auth?.['client_token'])
    for (const token of [plain, server.rootToken, 'hvs.none', 'eyJ.x.y', 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA']) assert.ok(isNoMore(await unwrap(server, server.rootToken, { data: { token } })), token)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token: plain })).status, 200)
  }))
})

describe('a wrapping token', () => {
  test('is good for nothing else, and a try spends it', () => withServer(async (server) => {
    const token = tokenOf(await wrap(server))
    assert.equal((await server.request('read', 'sys/policies/acl/default', { token })).status, 403)
    assert.ok(isNoMore(await unwrap(server, token)))
  }))

  test('is looked up by anybody who has it, as often as they like, which tells nothing of the answer', () => withServer(async (server) => {
    const wrapped = await wrap(server)
    for (const options of [{ token: tokenOf(wrapped) }, { token: null, data: { token: tokenOf(wrapped) } }, { data: { token: tokenOf(wrapped) } }]) {
      const { data, text } = await server.ok('write', 'sys/wrapping/lookup', options)
      assert.deepEqual(data, { creation_path: 'sys/wrapping/wrap', creation_time: wrapped.wrapInfo?.['creation_time'], creation_ttl: 300 })
      assert.ok(!text.includes('treasure'))
    }
    assert.equal((await unwrap(server, tokenOf(wrapped))).status, 200)
    assert.ok(isNoMore(await server.request('write', 'sys/wrapping/lookup', { data: { token: tokenOf(wrapped) } })))
  }))

  test('can be revoked by its accessor, and the answer goes with it', () => withServer(async (server) => {
    const { wrapInfo } = await wrap(server)
    await server.ok('write', 'auth/token/revoke-accessor', { data: { accessor: String(wrapInfo?.['accessor']) } })
    assert.ok(isNoMore(await unwrap(server, String(wrapInfo?.['token']))))
  }, { secrets: ['treasure'] }))

  test('may have the form of a JWT, which nobody can forge or change', () => withServer(async (server) => {
    const jwt = tokenOf(await wrap(server, { a: 'treasure' }, '5m', 'jwt'))
    const [head = '', claims = '', signature = ''] = jwt.split('.')
    const read = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>
    assert.deepEqual([read['type'], Number(read['exp']) - Number(read['iat'])], ['wrapping', 300])
    const changed = Buffer.from(JSON.stringify({ ...read, exp: 9_999_999_999 })).toString('base64url')
    for (const forged of [`${head}.${changed}.${signature}`, `${head}.${claims}.${'A'.repeat(43)}`, `${head}.${claims}.`, `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.${signature}`]) {
      assert.ok(isNoMore(await unwrap(server, forged)), forged)
    }
    assert.equal((await server.ok('write', 'sys/wrapping/lookup', { data: { token: jwt } })).data?.['creation_ttl'], 300)
    assert.deepEqual((await unwrap(server, jwt)).data, { a: 'treasure' })
    assert.ok(isNoMore(await unwrap(server, jwt)))
  }))
})

describe('rewrapping', () => {
  test('spends the old token and keeps path, lifetime and answer', () => withServer(async (server) => {
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    await server.ok('write', 'kv/one', { data: { a: 'treasure' } })
    const first = await server.ok('read', 'kv/one', { headers: wrapHeader('10m') })
    server.clock.advance(500)
    const second = await server.ok('write', 'sys/wrapping/rewrap', { token: tokenOf(first) })
    assert.deepEqual([second.wrapInfo?.['ttl'], second.wrapInfo?.['creation_path']], [600, 'kv/one'])
    assert.notEqual(tokenOf(second), tokenOf(first))
    assert.ok(isNoMore(await unwrap(server, tokenOf(first))))
    server.clock.advance(599)
    assert.deepEqual((await unwrap(server, tokenOf(second))).data, { a: 'treasure' })
  }, { secrets: ['treasure'] }))

  test('ten times over, and by many at once: one chain, one answer', () => withServer(async (server) => {
    let token = tokenOf(await wrap(server))
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => server.request('write', 'sys/wrapping/rewrap', { token })))
      const won = answers.filter(({ status }) => status === 200)
      assert.equal(won.length, 1)
      token = tokenOf(won[0] as Served)
    }
    assert.deepEqual((await unwrap(server, token)).data, { a: 'treasure' })
  }))
})

describe('wrapping', () => {
  test('a login tells the accessor of what is inside, and no token', () => withServer(async (server) => {
    const wrapped = await server.ok('write', 'auth/token/create', { data: { ttl: '1h', policies: ['default'] }, headers: wrapHeader('1m') })
    const accessor = String(wrapped.wrapInfo?.['wrapped_accessor'])
    const inside = await unwrap(server, tokenOf(wrapped))
    assert.equal(inside.auth?.['accessor'], accessor)
    assert.ok(!wrapped.text.includes(String(inside.auth?.['client_token'])))
  }))

  test('leaves errors and answers without a body as they are', () => withServer(async (server) => {
    const missing = await server.request('read', 'sys/policies/acl/nothing', { headers: wrapHeader('1m') })
    assert.deepEqual([missing.status, missing.wrapInfo], [404, null])
    const empty = await server.request('write', 'sys/policies/acl/p', { data: { policy: 'path "a" { capabilities = ["read"] }' }, headers: wrapHeader('1m') })
    assert.deepEqual([empty.status, empty.text], [204, ''])
  }))

  test('a lifetime that cannot be understood is refused before anything is done', () => withServer(async (server) => {
    for (const ttl of ['soon', '-5', '-1h', '300y', '1e3']) {
      const answer = await server.request('write', 'auth/token/create', { data: { ttl: '1h' }, headers: wrapHeader(ttl) })
      assert.equal(answer.status, 400)
      assert.match(answer.errors.join(), /X-Vault-Wrap-TTL/)
    }
    assert.equal((await server.ok('list', 'auth/token/accessors')).keys.length, 1)
    assert.notEqual((await server.ok('write', 'auth/token/create', { data: { ttl: '1h' }, headers: wrapHeader('0') })).auth, null)
  }))

  test('without asking for it there is nothing to wrap', () => withServer(async (server) => {
    const answer = await server.request('write', 'sys/wrapping/wrap', { data: { a: 'b' } })
    assert.deepEqual([answer.status, answer.errors], [400, ['endpoint requires response wrapping to be used']])
  }))
})
