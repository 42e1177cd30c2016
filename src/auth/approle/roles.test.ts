import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { harness } from '../../engines/testing/harness.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { approle } from './index.ts'

let server: ServeHarness
before(async () => {
  server = await serveHarness()
  await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
})
after(() => server.close())

const at = (path: string): string => `auth/approle/${path}`
const dataOf = async (path: string): Promise<JsonObject> => (await server.ok('read', at(path))).data as JsonObject

describe('the paths below a role', () => {
  const parts: readonly (readonly [path: string, field: string, value: Json, fallback: Json])[] = [
    ['policies', 'token_policies', ['a', 'b'], []],
    ['period', 'token_period', 60, 0],
    ['token-ttl', 'token_ttl', 61, 0],
    ['token-max-ttl', 'token_max_ttl', 62, 0],
    ['token-num-uses', 'token_num_uses', 63, 0],
    ['token-bound-cidrs', 'token_bound_cidrs', ['10.0.0.0/8'], []],
    ['bind-secret-id', 'bind_secret_id', false, true],
    ['secret-id-num-uses', 'secret_id_num_uses', 64, 0],
    ['secret-id-ttl', 'secret_id_ttl', 65, 0],
    ['secret-id-bound-cidrs', 'secret_id_bound_cidrs', ['10.0.0.0/8'], null],
  ]
  for (const [path, field, value, fallback] of parts) {
    test(`${path} reads, writes and resets ${field}, and touches nothing else`, async () => {
      // Without another constraint than the ranges, they could not be reset; without ranges, a secret id is needed.
      const others: JsonObject = path === 'bind-secret-id' ? { secret_id_bound_cidrs: '127.0.0.0/8' } : {}
      await server.ok('write', at('role/parts'), { data: others })
      const before = await dataOf('role/parts')
      assert.deepEqual((await dataOf(`role/parts/${path}`))[field], fallback)
      await server.ok('write', at(`role/parts/${path}`), { data: { [field]: value } })
      assert.deepEqual(await dataOf(`role/parts/${path}`), { [field]: value })
      assert.deepEqual(await dataOf('role/parts'), { ...before, [field]: value })
      assert.equal((await server.request('write', at(`role/parts/${path}`), { data: {} })).status, 400)
      await server.ok('delete', at(`role/parts/${path}`))
      assert.deepEqual(await dataOf('role/parts'), before)
      await server.ok('delete', at('role/parts'))
      assert.equal((await server.request('write', at(`role/parts/${path}`), { data: { [field]: value } })).status, 404)
      assert.equal((await server.request('read', at(`role/parts/${path}`))).status, 404)
    })
  }

  test('what the role would refuse as a whole is refused in part', async () => {
    await server.ok('write', at('role/strict'), { data: { token_max_ttl: 60 } })
    const refused: readonly (readonly [string, JsonObject])[] = [
      ['token-ttl', { token_ttl: 61 }], ['token-num-uses', { token_num_uses: -1 }], ['secret-id-num-uses', { secret_id_num_uses: -1 }], ['secret-id-ttl', { secret_id_ttl: '-1h' }],
      ['secret-id-bound-cidrs', { secret_id_bound_cidrs: '10.0.0.1' }], ['bind-secret-id', { bind_secret_id: false }], ['period', { token_period: '100000h' }],
    ]
    for (const [path, data] of refused) assert.equal((await server.request('write', at(`role/strict/${path}`), { data })).status, 400, path)
  })
})

describe('roles', () => {
  test('an update keeps what it does not name, the role id too', async () => {
    await server.ok('write', at('role/kept'), { data: { token_policies: 'a', secret_id_ttl: 60 } })
    const id = await dataOf('role/kept/role-id')
    await server.ok('write', at('role/KEPT'), { data: { secret_id_num_uses: 2 } })
    const role = await dataOf('role/kept')
    assert.deepEqual([role['token_policies'], role['secret_id_ttl'], role['secret_id_num_uses']], [['a'], 60, 2])
    assert.deepEqual(await dataOf('role/kept/role-id'), id)
  })

  test('a role id belongs to one role, and is free again when its role has another or is gone', async () => {
    await server.ok('write', at('role/first'), { data: { role_id: 'chosen' } })
    await server.ok('write', at('role/second'), { data: {} })
    assert.equal((await server.request('write', at('role/second/role-id'), { data: { role_id: 'chosen' } })).status, 400)
    assert.equal((await server.request('write', at('role/third'), { data: { role_id: 'chosen' } })).status, 400)
    await server.ok('write', at('role/first/role-id'), { data: { role_id: 'other' } })
    await server.ok('write', at('role/second/role-id'), { data: { role_id: 'chosen' } })
    await server.ok('delete', at('role/first'))
    await server.ok('write', at('role/third'), { data: { role_id: 'other' } })
  })

  test('of roles that are made at once with one role id exactly one is made', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => server.request('write', at(`role/race-${i}`), { data: { role_id: 'raced' } })))
    assert.equal(made.filter(({ status }) => status === 204).length, 1)
  })

  test('lists of roles and accessors can be read page by page', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await server.ok('write', at(`role/${name}`))
    assert.deepEqual((await server.ok('list', at('role'), { data: { after: 'page-a', limit: 1 } })).keys, ['page-b'])
    for (let i = 0; i < 5; i++) await server.ok('write', at('role/page-a/secret-id'))
    const all = (await server.ok('list', at('role/page-a/secret-id'))).keys
    const page = await server.ok('list', at('role/page-a/secret-id'), { data: { after: String(all[1]), limit: 2 } })
    assert.deepEqual(page.keys, all.slice(2, 4))
  })

  test('a new role needs the capability create, a change of it update', async () => {
    await server.ok('write', 'sys/policies/acl/maker', { data: { policy: 'path "auth/approle/role/*" { capabilities = ["create"] }' } })
    const token = String((await server.ok('write', 'auth/token/create', { data: { policies: ['maker'] } })).auth?.['client_token'])
    assert.equal((await server.request('write', at('role/made'), { token })).status, 204)
    assert.equal((await server.request('write', at('role/made'), { token })).status, 403)
  })

  test('names that are no names are other paths', async () => {
    for (const name of ['.', 'a b', 'dot.', '-a', 'ä']) assert.equal((await server.request('write', at(`role/${name}`))).status, 404, name)
  })
})

describe('secret ids', () => {
  test('they may not exceed what their role allows', async () => {
    await server.ok('write', at('role/limits'), { data: { secret_id_num_uses: 3, secret_id_ttl: 60, secret_id_bound_cidrs: '10.0.0.0/8', token_bound_cidrs: '10.0.0.0/8' } })
    const refused: readonly JsonObject[] = [
      { num_uses: 4 }, { num_uses: 0 }, { num_uses: -1 }, { ttl: 61 }, { ttl: 0 }, { ttl: -1 }, { cidr_list: '0.0.0.0/0' }, { cidr_list: '10.0.0.1' }, { token_bound_cidrs: '11.0.0.0/8' },
      { metadata: '{"a"' }, { metadata: 'novalue' },
    ]
    for (const data of refused) assert.equal((await server.request('write', at('role/limits/secret-id'), { data })).status, 400, JSON.stringify(data))
    assert.equal((await server.request('write', at('role/limits/secret-id'), { data: { num_uses: 3, ttl: 60, cidr_list: '10.1.0.0/16' } })).status, 200)
  })

  test('a chosen one may be used for several roles, but only once for each', async () => {
    for (const name of ['custom-a', 'custom-b']) {
      await server.ok('write', at(`role/${name}`))
      await server.ok('write', at(`role/${name}/custom-secret-id`), { data: { secret_id: 'chosen' } })
      assert.equal((await server.request('write', at(`role/${name}/custom-secret-id`), { data: { secret_id: 'chosen' } })).status, 400)
    }
  })

  test('neither a secret id nor anything to try one against is in the store under a guessable name', async () => {
    // The engine over a store that is not sealed shows what the barrier is given.
    const seen: string[] = []
    const store = recorded(memoryStore(), seen)
    const engine = harness({ engine: approle, store, begin: beginTransaction })
    await engine.send('POST', 'role/web', {})
    const made = await engine.send('POST', 'role/web/secret-id', {})
    await engine.send('POST', 'role/web/custom-secret-id', { secret_id: 'my-very-own-secret' })
    await engine.send('POST', 'role/web/secret-id/destroy', { secret_id: 'my-very-own-secret' })
    const everything = seen.join('\n')
    assert.ok(everything.includes('"bindSecretId"'))
    assert.ok(!everything.includes(String(made.data?.['secret_id'])) && !everything.includes('my-very-own-secret'))
    assert.deepEqual((await store.list('')).sort(), ['.role-id/', '.secret-id/', 'accessor/', 'role/'])
  })
})

/** A store that tells every key and value that is written. */
function recorded(store: Store, seen: string[]): Store {
  return {
    ...store,
    commit(expectations, writes) {
      for (const write of writes) {
        if ('put' in write) seen.push(write.put, Buffer.from(write.value).toString('utf8'))
        else seen.push('del' in write ? write.del : write.merge)
      }
      return store.commit(expectations, writes)
    },
  }
}
