import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { serveHarness, type Served, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'

let server: ServeHarness
let accessor: string
/** Runs once, right before the next commit. */
let beforeCommit: (() => Promise<unknown>) | null = null

before(async () => {
  const memory = memoryStore()
  const store: Store = {
    ...memory,
    async commit(expectations, writes) {
      const work = beforeCommit
      beforeCommit = null
      await work?.()
      return await memory.commit(expectations, writes)
    },
  }
  server = await serveHarness({ store })
  await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
  await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
  await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
  accessor = String((await server.ok('read', 'sys/auth/userpass')).data?.['accessor'])
  await server.ok('write', 'sys/policies/acl/kv', { data: { policy: 'path "kv/*" { capabilities = ["create", "update", "read"] }' } })
})
after(() => server.close())

const at = (path: string): string => `identity/${path}`
const idOf = ({ data }: Served): string => String(data?.['id'])
const create = async (fields: JsonObject): Promise<string> => idOf(await server.ok('write', at('entity'), { data: fields }))
const entity = async (id: string): Promise<JsonObject> => (await server.ok('read', at(`entity/id/${id}`))).data as JsonObject
const aliasesOf = async (id: string): Promise<readonly JsonObject[]> => (await entity(id))['aliases'] as readonly JsonObject[]

/** A user of an auth method that costs no time: its role id is the name of its alias. */
async function makeUser(name: string, policies = ''): Promise<() => Promise<Served>> {
  await server.ok('write', `auth/approle/role/${name}`, { data: { role_id: name, bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.0/8', token_policies: policies } })
  return () => server.request('write', 'auth/approle/login', { token: null, data: { role_id: name } })
}
const tokenOf = ({ auth }: Served): string => String(auth?.['client_token'])
const entityOf = ({ auth }: Served): string => String(auth?.['entity_id'])
const statusOfSelf = async (token: string): Promise<number> => (await server.request('read', 'auth/token/lookup-self', { token })).status

describe('entities', () => {
  test('a name belongs to one entity, whatever the case, and is free again after a rename or deletion', async () => {
    const [ann, bob] = [await create({ name: 'Ann' }), await create({ name: 'bob' })]
    assert.equal((await server.request('write', at(`entity/id/${bob}`), { data: { name: 'ANN' } })).status, 400)
    await server.ok('write', at(`entity/id/${ann}`), { data: { name: 'ann/of%2Fold' } })
    assert.equal(idOf(await server.ok('read', at('entity/name/ANN/of%2Fold'))), ann)
    assert.equal((await server.request('read', at('entity/name/ann'))).status, 404)
    await server.ok('write', at(`entity/id/${bob}`), { data: { name: 'ANN' } })
    await server.ok('delete', at('entity/name/ann'))
    assert.notEqual(await create({ name: 'ann' }), bob)
  })

  test('of many that are created at once under one name, there is one', async () => {
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => server.ok('write', at('entity'), { data: { name: i % 2 ? 'race' : 'RACE', metadata: { i: String(i) } } })))
    assert.equal(made.filter(({ status }) => status === 200).length, 1)
  })

  test('an update keeps what it does not name', async () => {
    const id = await create({ name: 'kept', metadata: { team: 'red' }, policies: ['b', ' A ', 'b'] })
    await server.ok('write', at('entity/name/kept'), { data: { disabled: true } })
    const shown = await entity(id)
    assert.deepEqual([shown['metadata'], shown['policies'], shown['disabled']], [{ team: 'red' }, ['a', 'b'], true])
  })

  test('lists can be read page by page, names without regard to the case', async () => {
    for (const name of ['page-a', 'PAGE-b', 'page-c']) await create({ name })
    assert.deepEqual((await server.ok('list', at('entity/name'), { data: { after: 'Page-a', limit: 1 } })).keys, ['PAGE-b'])
    const all = (await server.ok('list', at('entity/id'))).keys
    const page = await server.ok('list', at('entity/id'), { data: { after: String(all[0]), limit: 2 } })
    assert.deepEqual([page.keys, Object.keys(page.data?.['key_info'] as JsonObject)], [all.slice(1, 3), all.slice(1, 3)])
  })

  test('an over-long name is refused', async () => {
    assert.equal((await server.request('write', at('entity'), { data: { name: '語'.repeat(513) } })).status, 400)
    assert.equal((await server.request('write', at('entity'), { data: { name: '語'.repeat(512) } })).status, 200)
  })
})

describe('logging in', () => {
  test('first logins at once make one entity', async () => {
    const logIn = await makeUser('crowd')
    const ids = (await Promise.all(Array.from({ length: 20 }, logIn))).map(entityOf)
    assert.equal(new Set(ids).size, 1)
    assert.equal((await aliasesOf(ids[0] as string)).length, 1)
  })

  test('the policies of the entity are added to those of its tokens, at once and only as long as it has them', async () => {
    const logIn = await makeUser('added')
    const first = await logIn()
    const write = (): Promise<Served> => server.request('write', 'kv/added', { token: tokenOf(first), data: { a: 1 } })
    assert.equal((await write()).status, 403)
    await server.ok('write', at(`entity/id/${entityOf(first)}`), { data: { policies: 'kv' } })
    assert.equal((await write()).status, 204)
    const { auth } = await logIn()
    assert.deepEqual([auth?.['policies'], auth?.['token_policies'], auth?.['identity_policies']], [['default', 'kv'], ['default'], ['kv']])
    await server.ok('write', at(`entity/id/${entityOf(first)}`), { data: { policies: [] } })
    assert.equal((await write()).status, 403)
  })

  test('an alias that is made before the first login is found by it, in any case where the method folds names', async () => {
    const id = await create({ name: 'prepared' })
    await server.ok('write', at('entity-alias'), { data: { name: 'Cay', canonical_id: id, mount_accessor: accessor } })
    await server.ok('write', 'auth/userpass/users/cay', { data: { password: 'pw' } })
    assert.equal(entityOf(await server.ok('write', 'auth/userpass/login/CAY', { token: null, data: { password: 'pw' } })), id)
  })

  test('a disabled entity is refused, its tokens and its logins, until it is enabled', async () => {
    const logIn = await makeUser('disabled')
    const first = await logIn()
    await server.ok('write', at(`entity/id/${entityOf(first)}`), { data: { disabled: true } })
    assert.deepEqual([await statusOfSelf(tokenOf(first)), (await logIn()).status], [403, 403])
    const { data } = await server.ok('write', 'sys/capabilities', { data: { token: tokenOf(first), paths: ['auth/token/lookup-self'] } })
    assert.deepEqual(data?.['capabilities'], ['deny'])
    await server.ok('write', at(`entity/id/${entityOf(first)}`), { data: { disabled: false } })
    assert.deepEqual([await statusOfSelf(tokenOf(first)), (await logIn()).status], [200, 200])
  })

  test('deleting an entity refuses its tokens at once, their children and batch tokens too; the next login makes another', async () => {
    const logIn = await makeUser('deleted', 'child')
    await server.ok('write', 'sys/policies/acl/child', { data: { policy: 'path "auth/token/create" { capabilities = ["update"] }' } })
    const first = await logIn()
    const child = tokenOf(await server.ok('write', 'auth/token/create', { token: tokenOf(first) }))
    const batch = tokenOf(await server.ok('write', 'auth/token/create', { token: tokenOf(first), data: { type: 'batch' } }))
    await server.ok('delete', at(`entity/id/${entityOf(first)}`))
    for (const token of [tokenOf(first), child, batch]) assert.equal(await statusOfSelf(token), 403)
    const again = await logIn()
    assert.equal(again.status, 200)
    assert.notEqual(entityOf(again), entityOf(first))
    assert.equal(await statusOfSelf(tokenOf(first)), 403)
  })

  test('a write whose entity is deleted while it is under way writes nothing', async () => {
    const logIn = await makeUser('late', 'kv')
    const first = await logIn()
    beforeCommit = () => server.ok('delete', at(`entity/id/${entityOf(first)}`))
    assert.equal((await server.request('write', 'kv/late', { token: tokenOf(first), data: { a: 1 } })).status, 403)
    assert.equal((await server.request('read', 'kv/late')).status, 404)
  })
})

describe('aliases', () => {
  test('an entity has one alias at a mount, and an alias one entity', async () => {
    const [a, b] = [await create({ name: 'alias-a' }), await create({ name: 'alias-b' })]
    await server.ok('write', at('entity-alias'), { data: { name: 'one', canonical_id: a, mount_accessor: accessor } })
    assert.equal((await server.request('write', at('entity-alias'), { data: { name: 'two', canonical_id: a, mount_accessor: accessor } })).status, 400)
    await server.ok('write', at('entity-alias'), { data: { name: 'one', canonical_id: b, mount_accessor: accessor } })
    assert.deepEqual([(await aliasesOf(a)).length, (await aliasesOf(b)).map(({ name }) => name)], [0, ['one']])
  })

  test('renaming an alias moves the login, and its old name makes a new entity', async () => {
    const logIn = await makeUser('renamed')
    const id = entityOf(await logIn())
    const [alias] = await aliasesOf(id)
    await server.ok('write', at(`entity-alias/id/${String(alias?.['id'])}`), { data: { name: 'other' } })
    assert.notEqual(entityOf(await logIn()), id)
    assert.equal(entityOf(await (await makeUser('other'))()), id)
  })

  test('deleting an alias leaves the entity and its tokens, and the next login makes a new one', async () => {
    const logIn = await makeUser('unlinked')
    const first = await logIn()
    const [alias] = await aliasesOf(entityOf(first))
    await server.ok('delete', at(`entity-alias/id/${String(alias?.['id'])}`))
    assert.equal(await statusOfSelf(tokenOf(first)), 200)
    assert.notEqual(entityOf(await logIn()), entityOf(first))
  })

  test('an alias needs an auth method that is there', async () => {
    const kv = String((await server.ok('read', 'sys/mounts/kv')).data?.['accessor'])
    for (const mount of ['nothing_00000000', kv]) assert.equal((await server.request('write', at('entity-alias'), { data: { name: 'x', mount_accessor: mount } })).status, 400)
  })

  test('custom metadata is bounded', async () => {
    const of = (custom: JsonObject): JsonObject => ({ name: 'bounded', mount_accessor: accessor, custom_metadata: custom })
    const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 'v']))
    for (const custom of [many, { ['k'.repeat(129)]: 'v' }, { k: 'v'.repeat(513) }]) assert.equal((await server.request('write', at('entity-alias'), { data: of(custom) })).status, 400)
  })
})

describe('merging', () => {
  test('the tokens of a merged entity get the policies of the one that is left, and die with it', async () => {
    const [from, to] = [await (await makeUser('merge-from'))(), await create({ name: 'merge-to', policies: 'kv' })]
    assert.equal((await server.request('write', 'kv/merged', { token: tokenOf(from), data: { a: 1 } })).status, 403)
    await server.ok('write', at('entity/merge'), { data: { from_entity_ids: [entityOf(from)], to_entity_id: to } })
    assert.equal((await server.request('write', 'kv/merged', { token: tokenOf(from), data: { a: 1 } })).status, 204)
    assert.deepEqual([(await aliasesOf(to)).map(({ name }) => name), (await entity(to))['merged_entity_ids']], [['merge-from'], [entityOf(from)]])
    const last = await create({ name: 'merge-last' })
    await server.ok('write', at('entity/merge'), { data: { from_entity_ids: [to], to_entity_id: last } })
    assert.equal(await statusOfSelf(tokenOf(from)), 200)
    await server.ok('delete', at(`entity/id/${last}`))
    assert.equal(await statusOfSelf(tokenOf(from)), 403)
  })

  test('where both have an alias at one mount, one must be named that stays', async () => {
    const [a, b] = [entityOf(await (await makeUser('clash-a'))()), entityOf(await (await makeUser('clash-b'))())]
    const wish = { from_entity_ids: [a], to_entity_id: b }
    assert.equal((await server.request('write', at('entity/merge'), { data: wish })).status, 400)
    const kept = String((await aliasesOf(a))[0]?.['id'])
    await server.ok('write', at('entity/merge'), { data: { ...wish, conflicting_alias_ids_to_keep: [kept] } })
    assert.deepEqual((await aliasesOf(b)).map(({ name }) => name), ['clash-a'])
  })
})
