/**
 * Promise 3: what was revoked is refused at once, in every process. While requests of all kinds are under way, their token is revoked; from
 * the moment of the acknowledgement on, none that begins succeeds, and none that was under way changes anything any more.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../storage/seeded.ts'
import { failingStore } from './testing/failing-store.ts'
import { memoryStore } from '../storage/memory.ts'
import { checkServer, withServer } from '../request/testing/checked-server.ts'
import { serveHarness, type ServeHarness, type Served } from '../request/testing/serve-harness.ts'
import { lessor, type Lessor } from './testing/lessor.ts'
import { clientToken } from './testing/wire.ts'
import type { Store } from '../kit/store.ts'

const random = seededRandom(3)
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
/** Lets others run, some turns or none. */
const turns = async (most = 12): Promise<void> => {
  for (let left = Math.floor(random() * most); left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
}

/** A storage whose calls take some turns, so that requests overlap in every way. */
function slowStore(): Store {
  const inner = memoryStore()
  return {
    ...inner,
    async get(key) {
      if (random() < 0.3) await turns(3)
      return await inner.get(key)
    },
    async commit(expectations, writes) {
      await turns(4)
      const number = await inner.commit(expectations, writes)
      await turns(4)
      return number
    },
  }
}

const write = (
  server: ServeHarness, path: string, token: string, data = {}
): Promise<Served> => server.request('write', path, { token, data })

const uses: readonly ((server: ServeHarness, token: string, n: number) => Promise<Served>)[] = [
  (server, token) => server.request('read', 'kv/a', { token }),
  (server, token) => server.request('list', 'kv/', { token }),
  (server, token, n) => write(server, `kv/own-${n}`, token, { value: n }),
  (server, token, n) => write(server, `cubbyhole/own-${n}`, token, { value: n }),
  (server, token) => write(server, 'auth/token/create', token, { ttl: '1h' }),
  (server, token) => write(server, 'auth/token/renew-self', token),
  (server, token) => server.request('read', 'kv/a', { token, headers: { 'x-vault-wrap-ttl': '1h' } }),
  (server, token) => server.request('read', 'db/creds/app', { token }),
  (server, token, n) => write(server, `sys/policies/acl/own-${n}`, token, { policy: 'path "a" { policy = "read" }' }),
]

async function filled(store: Store, outside: Lessor): Promise<ServeHarness> {
  const server = await serveHarness({ store, engines: [outside.engine] })
  await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
  await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
  await server.ok('write', 'kv/a', { data: { value: 'guarded value' } })
  await server.ok('write', 'sys/policies/acl/all', { data: { policy: 'path "*" { policy = "sudo" }' } })
  return server
}

interface Family {
  /** Those who die together. */
  readonly tokens: readonly string[]
  readonly revoke: (server: ServeHarness) => Promise<Served>
}

/** A token with children, grandchildren and batch children, revoked in one of the ways there are. */
async function family(server: ServeHarness): Promise<Family> {
  const made = async (parent: string, data = {}) => (await server.ok(
    'write', 'auth/token/create', { token: parent, data: { policies: ['all'], ttl: '2h', ...data } }
  )).auth
  const first = await made(server.rootToken)
  const token = String(first?.['client_token'])
  const child = String((await made(token))?.['client_token'])
  const batch = String((await made(token, { type: 'batch' }))?.['client_token'])
  const grandchild = String((await made(child))?.['client_token'])
  const limited = String((await made(token, { num_uses: 1_000 }))?.['client_token'])
  const ways: Family['revoke'][] = [
    (at) => write(at, 'auth/token/revoke', at.rootToken, { token }),
    (at) => write(at, 'auth/token/revoke-accessor', at.rootToken, { accessor: String(first?.['accessor']) }),
    (at) => write(at, 'auth/token/revoke-self', token),
  ]
  return { tokens: [token, child, batch, grandchild, limited], revoke: pick(ways) }
}

/** Everything that can be seen to change. */
const traces = async (server: ServeHarness): Promise<string> =>
  JSON.stringify(await Promise.all(['kv/', 'sys/policies/acl/'].map(async (path) => (await server.request('list', path)).keys)))

test('a token and all that descend from it are refused once its revocation is acknowledged, by every process', async () => {
  for (let round = 0; round < 25; round++) {
    const outside = lessor()
    const store = slowStore()
    const server = await filled(store, outside)
    const other = await server.sibling({ store })
    const { tokens, revoke } = await family(server)
    let acknowledged = false
    let n = 0
    const late: string[] = []
    const after: Promise<unknown>[] = []
    const ask = async (at: ServeHarness): Promise<void> => {
      const isLate = acknowledged
      const use = pick(uses)
      const answer = await use(at, pick(tokens), round * 10_000 + n++)
      if (isLate && answer.status !== 403) late.push(`${answer.status} ${answer.text}`)
    }
    const clients = Array.from({ length: 12 }, async (_, i) => {
      while (!acknowledged) {
        await ask(i % 2 === 0 ? server : other)
        await turns()
      }
      for (let i = 0; i < 3; i++) after.push(ask(pick([server, other])))
    })
    await turns(30)
    assert.ok((await revoke(pick([server, other]))).status < 300)
    acknowledged = true
    // From here on nothing changes any more, whatever is still under way.
    const before = await traces(server)
    await Promise.all(clients)
    await Promise.all(after)
    assert.deepEqual(late, [])
    assert.equal(await traces(server), before)
    await checkServer(server)
    await Promise.all([server.close(), other.close()])
  }
})

for (const [whose, data] of [
  ['a token', {}], ['a batch token', { type: 'batch' }], ['a token for one use', { num_uses: 1 }],
  ['a token for two uses', { num_uses: 2 }],
] as const) {
  test(`what ${whose} asked for while that which it descends from is revoked is neither leased nor wrapped`, async () => {
    const outside = lessor()
    await withServer(async (server) => {
      await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
      await server.ok('write', 'sys/policies/acl/all', { data: { policy: 'path "*" { policy = "sudo" }' } })
      for (const [path, headers] of [['db/creds/app', {}], ['db/slow', { 'x-vault-wrap-ttl': '1h' }]] as const) {
        const parent = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['all'], ttl: '1h' } }))
        const token = clientToken(await server.ok(
          'write', 'auth/token/create', { token: parent, data: { policies: ['all'], ttl: '1h', ...data } }
        ))
        outside.whileMaking = async () => {
          outside.whileMaking = async () => undefined
          await server.ok('write', 'auth/token/revoke', { data: { token: parent } })
        }
        const { status, text } = await server.request('read', path, { token, headers })
        // A token that just spent its last use is given no leases at all.
        assert.ok(status === 403 || (status === 400 && text.includes('one use left')), `${path}: ${status} ${text}`)
        assert.equal((await server.request('list', 'sys/leases/lookup/db/creds/app')).status, 404)
      }
    }, { engines: [outside.engine] })
  })
}

test('a user, a policy and an entity that are gone count for nothing in the next request', async () => {
  await withServer(async (server) => {
    const other = await server.sibling()
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
    await server.ok('write', 'kv/a', { data: { a: '1' } })
    await server.ok('write', 'sys/policies/acl/kv', { data: { policy: 'path "kv/*" { policy = "write" }' } })
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/up/users/ann', { data: { password: 'battery staple', token_policies: 'kv' } })
    const login = await server.ok('write', 'auth/up/login/ann', { token: null, data: { password: 'battery staple' } })
    const token = clientToken(login)
    const statuses = async (): Promise<number[]> =>
      Promise.all([server, other].map(async (at) => (await at.request('read', 'kv/a', { token })).status))
    assert.deepEqual(await statuses(), [200, 200])
    await server.ok('delete', 'sys/policies/acl/kv')
    assert.deepEqual(await statuses(), [403, 403])
    await other.ok('write', 'sys/policies/acl/kv', { data: { policy: 'path "kv/*" { policy = "write" }' } })
    assert.deepEqual(await statuses(), [200, 200])
    await server.ok('write', `identity/entity/id/${String(login.auth?.['entity_id'])}`, { data: { disabled: true } })
    assert.deepEqual(await statuses(), [403, 403])
    await other.close()
  })
})

test('a mount that is disabled takes nothing more: neither data nor tokens of requests that were under way stay behind', async () => {
  for (let round = 0; round < 12; round++) {
    const outside = lessor()
    const store = slowStore()
    const server = await filled(store, outside)
    const other = await server.sibling({ store })
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    await server.ok(
      'write', 'auth/approle/role/app', { data: { role_id: 'role', bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.0/8' } }
    )
    const logins: string[] = []
    const clients = Array.from({ length: 16 }, async (_, i) => {
      const at = i % 2 === 0 ? server : other
      for (let n = 0; n < 12; n++) {
        const login = await at.request('write', 'auth/approle/login', { token: null, data: { role_id: 'role' } })
        if (login.status === 200) logins.push(clientToken(login))
        await at.request('write', `kv/${i}/${n}`, { data: { value: '1' } })
        await at.request('read', 'db/creds/app')
        await turns(4)
      }
    })
    await turns(40)
    for (const path of ['sys/auth/approle', 'sys/mounts/kv', 'sys/mounts/db']) await pick([server, other]).ok('delete', path)
    await Promise.all(clients)
    for (const token of logins) assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 403)
    await checkServer(server)
    await Promise.all([server.close(), other.close()])
  }
})

test('a revocation that meets a conflict is done once and says so, wherever the conflict comes', async () => {
  for (const how of ['revoke-orphan', 'revoke-accessor', 'revoke'] as const) for (let at = 1; ; at++) {
    const store = failingStore(memoryStore())
    const server = await serveHarness({ store })
    const { auth } = await server.ok('write', 'auth/token/create', { data: { policies: ['root'], ttl: '1h' } })
    const [token, accessor] = [String(auth?.['client_token']), String(auth?.['accessor'])]
    for (const name of ['a', 'b/c']) await server.ok('write', `cubbyhole/${name}`, { token, data: { value: '1' } })
    store.arm('conflict', at)
    const answer = await server.request('write', `auth/token/${how}`, { data: how === 'revoke-accessor' ? { accessor } : { token } })
    assert.equal(answer.status, 204, `${how}, conflict at commit ${at}: ${answer.text}`)
    const isOver = !store.struck
    store.arm('conflict', 0)
    await server.close()
    if (isOver) break
  }
})

test('requests that are under way when their mount is disabled get what was there, or that there is no mount, and nothing in between', async () => {
  const requests = [['read', 'kv/data/a'], ['list', 'kv/metadata'], ['write', 'kv/data/b']] as const
  for (const [verb, path] of requests) for (let [at, calls] = [1, 1]; at <= calls; at++) {
    const inner = memoryStore()
    let [count, overtake] = [0, async (): Promise<void> => undefined]
    const server = await serveHarness({
      store: {
        ...inner,
        async get(key) {
          if ((count += 1) === at) await overtake()
          return await inner.get(key)
        },
      },
    })
    await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv', options: { version: '2' } } })
    for (const name of ['a', 'b', 'c']) await server.ok('write', `kv/data/${name}`, { data: { data: { name } } })
    const other = await server.sibling({ store: inner })
    overtake = async () => void (await other.ok('delete', 'sys/mounts/kv'))
    count = 0
    const answer = await server.request(verb, path, verb === 'write' ? { data: { data: {} } } : {})
    calls = count
    const isGone = answer.status === 404 && answer.errors.join().startsWith('no handler for route')
    const isThere = answer.status === 200 && (verb !== 'list' || answer.keys.join() === 'a,b,c')
    assert.ok(isGone || isThere, `${verb} ${path}, disabled before get ${at}: ${answer.status} ${answer.text}`)
    await Promise.all([server.close(), other.close()])
  }
})

test('a mount that is disabled revokes at its engine what it issued, though it serves nobody any more', async () => {
  const outside = lessor()
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    for (let i = 0; i < 5; i++) await server.ok('read', 'db/creds/app')
    await server.ok('delete', 'sys/mounts/db')
    assert.equal(outside.valid.size, 0)
  }, { engines: [outside.engine] })
})

test('a lease whose engine fails is tried again and again, is shown with the reason, and is never forgotten', async () => {
  const outside = lessor(3600)
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    await server.ok('write', 'sys/policies/acl/all', { data: { policy: 'path "*" { policy = "sudo" }' } })
    const token = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['all'], ttl: '2h' } }))
    const first = String((await server.ok('read', 'db/creds/app', { token })).body?.['lease_id'])
    const second = String((await server.ok('read', 'db/creds/app', { token })).body?.['lease_id'])
    outside.isBroken = true
    assert.equal((await server.request('write', 'sys/leases/revoke', { data: { lease_id: first, sync: true } })).status, 400)
    await server.ok('write', 'auth/token/revoke', { data: { token } })
    assert.equal(outside.valid.size, 2)
    assert.match(
      String((await server.ok('write', 'sys/leases/lookup', { data: { lease_id: second } })).data?.['revoke_error']), /does not answer/
    )
    await checkServer(server)
    outside.isBroken = false
    server.clock.advance(3600)
    await server.sweep()
    assert.equal(outside.valid.size, 0)
  }, { engines: [outside.engine] })
})

test('a lease whose engine never answers becomes irrevocable, and is listed as such', async () => {
  const outside = lessor(3600)
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    await server.ok('read', 'db/creds/app')
    outside.isBroken = true
    for (let i = 0; i < 10; i++) {
      server.clock.advance(3601)
      await server.sweep()
    }
    assert.equal((await server.ok('read', 'sys/leases', { data: { type: 'irrevocable' } })).data?.['lease_count'], 1)
    await checkServer(server)
    outside.isBroken = false
    await server.ok('write', 'sys/leases/revoke-force/db')
    assert.equal((await server.ok('read', 'sys/leases', { data: { type: 'irrevocable' } })).data?.['lease_count'], 0)
  }, { engines: [outside.engine] })
})

test('what could not be revoked because the storage failed is revoked later: no token and no lease outlives its time', async () => {
  const outside = lessor(3600)
  for (let at = 1; at < 60; at++) {
    const store = failingStore(memoryStore())
    const server = await serveHarness({ store, engines: [outside.engine] })
    await server.ok('write', 'sys/mounts/db', { data: { type: 'lessor' } })
    const token = clientToken(await server.ok('write', 'auth/token/create', { data: { ttl: '1h' } }))
    await server.ok('read', 'db/creds/app')
    await server.ok('write', 'cubbyhole/mine', { token, data: { a: '1' } })
    server.clock.advance(3601)
    store.arm('error', at)
    await server.sweep().catch(() => undefined)
    const { struck } = store
    store.arm('error', 0)
    await checkServer(server)
    assert.equal(outside.valid.size, 0)
    assert.equal((await server.request('list', 'sys/leases/lookup/db/creds/app')).status, 404)
    await server.close()
    if (!struck) return
  }
  assert.fail('the storage was asked more often than expected')
})
