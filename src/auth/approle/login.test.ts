import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import type { Store, Write } from '../../kit/store.ts'
import { serveHarness, type Served, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'

let server: ServeHarness
/** Commits that reached the store, and those that failed. */
const commits = { all: 0, failed: 0 }

function counted(store: Store): Store {
  return {
    ...store,
    async commit(expectations, writes: readonly Write[]) {
      commits.all += 1
      try {
        return await store.commit(expectations, writes)
      } catch (error) {
        commits.failed += 1
        throw error
      }
    },
  }
}

before(async () => {
  server = await serveHarness({ store: counted(memoryStore()) })
  await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
})
after(() => server.close())

interface Made {
  readonly name: string
  readonly roleId: string
}
const at = (path: string): string => `auth/approle/${path}`
const read = async (path: string, field: string): Promise<string> => String((await server.ok('read', at(path))).data?.[field])

async function makeRole(name: string, fields: JsonObject = {}): Promise<Made> {
  await server.ok('write', at(`role/${name}`), { data: fields })
  return { name, roleId: await read(`role/${name}/role-id`, 'role_id') }
}

async function makeSecretId({ name }: Made, fields: JsonObject = {}): Promise<{ secretId: string; accessor: string }> {
  const { data } = await server.ok('write', at(`role/${name}/secret-id`), { data: fields })
  return { secretId: String(data?.['secret_id']), accessor: String(data?.['secret_id_accessor']) }
}

const logIn = ({ roleId }: Made, secretId: string | null, from = '127.0.0.1'): Promise<Served> =>
  server.request('write', at('login'), { token: null, from, data: { role_id: roleId, ...(secretId === null ? {} : { secret_id: secretId }) } })
const accessorsOf = async ({ name }: Made): Promise<readonly string[]> => (await server.request('list', at(`role/${name}/secret-id`))).keys

describe('what a login gives', () => {
  test('a token on the terms of the role, that shows the role and the metadata of the secret id', async () => {
    const role = await makeRole('Terms', { token_policies: 'App,ops', token_ttl: '20m', token_num_uses: 5 })
    const { secretId } = await makeSecretId(role, { metadata: '{"tag":"x","app":"y"}' })
    const { auth } = await logIn(role, secretId)
    assert.deepEqual([auth?.['policies'], auth?.['lease_duration'], auth?.['num_uses']], [['app', 'default', 'ops'], 1200, 5])
    assert.deepEqual(auth?.['metadata'], { app: 'y', role_name: 'terms', tag: 'x' })
  })

  test('all secret ids of a role stand for one entity, which does not change from login to login', async () => {
    const role = await makeRole('one-entity')
    const [a, b] = [await makeSecretId(role, { metadata: 'of=a' }), await makeSecretId(role, { metadata: 'of=b' })]
    const entities = [await logIn(role, a.secretId), await logIn(role, b.secretId), await logIn(role, a.secretId)].map(({ auth }) => String(auth?.['entity_id']))
    assert.equal(new Set(entities).size, 1)
    const { data } = await server.ok('read', `identity/entity/id/${entities[0]}`)
    const [alias] = (data?.['aliases'] ?? []) as readonly JsonObject[]
    assert.deepEqual([alias?.['name'], alias?.['metadata']], [role.roleId, { role_name: 'one-entity' }])
    assert.equal(data?.['last_update_time'], data?.['creation_time'])
  })

  test('the ranges of a secret id bind its tokens instead of those of the role', async () => {
    const role = await makeRole('token-ranges', { token_bound_cidrs: '10.0.0.0/8' })
    const { secretId } = await makeSecretId(role, { token_bound_cidrs: '10.1.0.0/16' })
    const token = String((await logIn(role, secretId, '10.1.0.1')).auth?.['client_token'])
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token, from: '10.1.2.3' })).status, 200)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token, from: '10.2.0.1' })).status, 403)
  })

  test('a role without a secret id needs another constraint', async () => {
    assert.equal((await server.request('write', at('role/open'), { data: { bind_secret_id: false } })).status, 400)
    const role = await makeRole('open', { bind_secret_id: false, secret_id_bound_cidrs: '10.0.0.0/8' })
    assert.equal((await logIn(role, null, '10.0.0.1')).status, 200)
    assert.equal((await logIn(role, null, '11.0.0.1')).status, 400)
  })
})

describe('what is refused', () => {
  test('a wrong role id, a wrong secret id and the secret id of another role are refused with the same words', async () => {
    const [a, b] = [await makeRole('refused-a'), await makeRole('refused-b')]
    const { secretId } = await makeSecretId(a)
    const answers = [await logIn(a, 'wrong'), await logIn({ ...a, roleId: 'wrong' }, secretId), await logIn(b, secretId), await logIn(a, 'x'.repeat(10_000)), await logIn({ ...a, roleId: 'x'.repeat(10_000) }, secretId)]
    for (const { status, errors } of answers) assert.deepEqual([status, errors], [400, ['invalid role or secret ID']])
  })

  test('whether there is such a role is not told by leaving out the secret id either', async () => {
    const role = await makeRole('told')
    assert.deepEqual((await logIn({ ...role, roleId: 'unknown' }, null)).errors, (await logIn(role, null)).errors)
  })

  test('an expired secret id is refused by its time, before anything has removed it', async () => {
    const role = await makeRole('expiring')
    const { secretId } = await makeSecretId(role, { ttl: '10m' })
    server.clock.advance(599)
    assert.equal((await logIn(role, secretId)).status, 200)
    server.clock.advance(1)
    assert.deepEqual((await logIn(role, secretId)).errors, ['invalid role or secret ID'])
    assert.equal((await server.request('write', at('role/expiring/secret-id/lookup'), { data: { secret_id: secretId } })).status, 204)
  })

  test('a role that is made anew under an old name does not bring old secret ids back to life, not even with the old role id', async () => {
    const role = await makeRole('phoenix')
    const { secretId } = await makeSecretId(role)
    await server.ok('delete', at('role/phoenix'))
    assert.equal((await logIn(role, secretId)).status, 400)
    await makeRole('phoenix', { role_id: role.roleId })
    assert.deepEqual((await logIn(role, secretId)).errors, ['invalid role or secret ID'])
    assert.deepEqual(await accessorsOf(role), [])
  })

  test('CVE-2023-24999: the accessor of one role shows and destroys nothing through another', async () => {
    const [a, b] = [await makeRole('cve-a'), await makeRole('cve-b')]
    const { secretId, accessor } = await makeSecretId(a)
    const destroyed = await server.request('write', at('role/cve-b/secret-id-accessor/destroy'), { data: { secret_id_accessor: accessor } })
    const shown = await server.request('write', at('role/cve-b/secret-id-accessor/lookup'), { data: { secret_id_accessor: accessor } })
    assert.deepEqual([destroyed.status, shown.status], [400, 404])
    for (const trick of [`../cve-a/${accessor}`, `${accessor}/`, `/${accessor}`]) {
      assert.equal((await server.request('write', at('role/cve-b/secret-id-accessor/destroy'), { data: { secret_id_accessor: trick } })).status, 400, trick)
    }
    assert.equal((await logIn(a, secretId)).status, 200)
    assert.deepEqual(await accessorsOf(b), [])
  })

  test('a login from outside of the ranges of role or secret id is refused, and costs no use', async () => {
    const role = await makeRole('ranges', { secret_id_bound_cidrs: '10.0.0.0/8' })
    const { secretId } = await makeSecretId(role, { cidr_list: '10.1.0.0/16', num_uses: 1 })
    for (const from of ['11.0.0.1', '10.2.0.1', '', '::1']) assert.equal((await logIn(role, secretId, from)).status, 400, from)
    assert.equal((await logIn(role, secretId, '10.1.0.1')).status, 200)
    assert.equal((await logIn(role, secretId, '10.1.0.1')).status, 400)
  })

  test('a secret id whose ranges no longer lie in those of its role is refused', async () => {
    const role = await makeRole('narrowed', { secret_id_bound_cidrs: '10.0.0.0/8' })
    const { secretId } = await makeSecretId(role, { cidr_list: '10.1.0.0/16' })
    await server.ok('write', at('role/narrowed/secret-id-bound-cidrs'), { data: { secret_id_bound_cidrs: '10.2.0.0/16' } })
    assert.equal((await logIn(role, secretId, '10.1.0.1')).status, 400)
  })

  test('five wrong secret ids lock the role id out, and no other', async () => {
    const [locked, other] = [await makeRole('locked'), await makeRole('unlocked')]
    const { secretId } = await makeSecretId(locked)
    for (let i = 0; i < 5; i++) await logIn(locked, 'wrong')
    assert.equal((await logIn(locked, secretId)).status, 403)
    assert.equal((await logIn({ ...locked, roleId: ` ${locked.roleId} ` }, secretId)).status, 403)
    assert.equal((await logIn(other, (await makeSecretId(other)).secretId)).status, 200)
    server.clock.advance(901)
    assert.equal((await logIn(locked, secretId)).status, 200)
  })
})

describe('uses', () => {
  test('1,000 logins at once with a secret id of 37 uses succeed exactly 37 times, and nothing is left of it', async () => {
    const role = await makeRole('counted')
    const { secretId, accessor } = await makeSecretId(role, { num_uses: 37 })
    const statuses = (await Promise.all(Array.from({ length: 1_000 }, () => logIn(role, secretId)))).map(({ status }) => status)
    assert.deepEqual([statuses.filter((s) => s === 200).length, statuses.filter((s) => s === 400).length], [37, 963])
    assert.deepEqual(await accessorsOf(role), [])
    assert.equal((await server.request('write', at('role/counted/secret-id-accessor/lookup'), { data: { secret_id_accessor: accessor } })).status, 404)
  })

  test('of 50 logins at once with a secret id for one use exactly one succeeds', async () => {
    const role = await makeRole('single', { secret_id_num_uses: 1 })
    const { secretId } = await makeSecretId(role)
    const statuses = (await Promise.all(Array.from({ length: 50 }, () => logIn(role, secretId)))).map(({ status }) => status)
    assert.equal(statuses.filter((s) => s === 200).length, 1)
    assert.deepEqual(await accessorsOf(role), [])
  })

  test('uses count down one by one, and can be seen', async () => {
    const role = await makeRole('seen')
    const { secretId } = await makeSecretId(role, { num_uses: 3 })
    const left = async (): Promise<unknown> => (await server.request('write', at('role/seen/secret-id/lookup'), { data: { secret_id: secretId } })).data?.['secret_id_num_uses']
    assert.equal(await left(), 3)
    for (const expected of [2, 1, undefined]) {
      assert.equal((await logIn(role, secretId)).status, 200)
      assert.equal(await left(), expected)
    }
  })

  test('a secret id that is destroyed while logins are under way lets none through afterwards', async () => {
    const role = await makeRole('destroyed')
    const { secretId } = await makeSecretId(role, { num_uses: 1_000 })
    const early = Array.from({ length: 4 }, () => logIn(role, secretId))
    await server.ok('write', at('role/destroyed/secret-id/destroy'), { data: { secret_id: secretId } })
    assert.equal((await logIn(role, secretId)).status, 400)
    for (const { status } of await Promise.all(early)) assert.ok(status === 200 || status === 400)
  })

  test('logins of one role are one commit each and do not get in each other’s way, with and without counting', async () => {
    const role = await makeRole('busy')
    const [plain, counting] = [await makeSecretId(role), await makeSecretId(role, { num_uses: 1_000 })]
    await logIn(role, plain.secretId)
    Object.assign(commits, { all: 0, failed: 0 })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => logIn(role, (i % 2 === 0 ? plain : counting).secretId)))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.deepEqual(commits, { all: 200, failed: 0 })
  })
})

describe('afterwards', () => {
  test('a wrapped secret id tells its accessor, by which it can be destroyed unseen', async () => {
    const role = await makeRole('wrapping')
    const { wrapInfo, text } = await server.ok('write', at('role/wrapping/secret-id'), { headers: { 'x-vault-wrap-ttl': '60' } })
    const [accessor] = await accessorsOf(role)
    assert.equal(wrapInfo?.['wrapped_accessor'], accessor)
    assert.ok(!text.includes('secret_id'))
    await server.ok('write', at('role/wrapping/secret-id-accessor/destroy'), { data: { secret_id_accessor: String(accessor) } })
    const { data } = await server.ok('write', 'sys/wrapping/unwrap', { token: String(wrapInfo?.['token']) })
    assert.equal((await logIn(role, String(data?.['secret_id']))).status, 400)
  })

  test('a token is renewed on the terms that its role has now, and not at all once the role is gone', async () => {
    const role = await makeRole('renewing', { token_ttl: 600 })
    const token = String((await logIn(role, (await makeSecretId(role)).secretId)).auth?.['client_token'])
    await server.ok('write', at('role/renewing/token-ttl'), { data: { token_ttl: 900 } })
    assert.equal((await server.ok('write', 'auth/token/renew-self', { token })).auth?.['lease_duration'], 900)
    await server.ok('write', at('role/renewing'), { data: { token_max_ttl: 1200 } })
    server.clock.advance(700)
    assert.equal((await server.ok('write', 'auth/token/renew-self', { token })).auth?.['lease_duration'], 500)
    await server.ok('delete', at('role/renewing'))
    assert.equal((await server.request('write', 'auth/token/renew-self', { token })).status, 400)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 200)
  })
})
