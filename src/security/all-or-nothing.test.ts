/**
 * Promise 2: a request is all or nothing. Each operation that writes is run with a storage that fails at its first call, at its second, and
 * so on to its last; after each, the state is sound and shows either nothing of the request or all of it, and the same request can be sent
 * again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkState } from '../core/check/state.ts'
import type { Json } from '../kit/json.ts'
import { serveHarness, type ServeHarness, type Served } from '../request/testing/serve-harness.ts'
import { copyOf, failingStore, pictureOf, settleServer, type Fault } from './testing/failing-store.ts'
import { lessor } from './testing/lessor.ts'
import { clientToken } from './testing/wire.ts'

type Context = Readonly<Record<string, string>>

interface Case {
  readonly setUp: (server: ServeHarness) => Promise<Context | void>
  readonly act: (server: ServeHarness, context: Context) => Promise<Served>
  /** What the picture does not show. */
  readonly look?: (server: ServeHarness, context: Context) => Promise<Json>
}

const write = (
  server: ServeHarness, path: string, data: Json = {}, token = server.rootToken
): Promise<Served> => server.request('write', path, { data, token })
const make = (
  server: ServeHarness, path: string, data: Json = {}, token = server.rootToken
): Promise<Served> => server.ok('write', path, { data, token })
const dataOf = async (server: ServeHarness, path: string): Promise<Json> => (await server.request('read', path)).data
const statusFor = async (server: ServeHarness, token: string): Promise<number> => (await server.request(
  'read', 'auth/token/lookup-self', { token }
)).status

const kv1 = async (server: ServeHarness): Promise<void> => void (await make(server, 'sys/mounts/kv', { type: 'kv' }))
const kv2 = async (server: ServeHarness): Promise<void> => {
  await make(server, 'sys/mounts/kv', { type: 'kv', options: { version: '2' } })
  for (const value of ['one', 'two']) await make(server, 'kv/data/a/b', { data: { value } })
}
const userpass = async (server: ServeHarness): Promise<void> => {
  await make(server, 'sys/auth/userpass', { type: 'userpass' })
  await make(server, 'auth/userpass/users/ann', { password: 'battery staple', token_ttl: '1h' })
}
const approle = async (server: ServeHarness): Promise<Context> => {
  await make(server, 'sys/auth/approle', { type: 'approle' })
  await make(server, 'auth/approle/role/app', { role_id: 'the-role', secret_id_num_uses: 2 })
  return { secretId: String((await make(server, 'auth/approle/role/app/secret-id')).data?.['secret_id']) }
}
/** A token with two children, a grandchild, and something in its cubbyhole. */
const family = async (server: ServeHarness): Promise<Context> => {
  const child = async (token: string): Promise<string> => clientToken(await make(server, 'auth/token/create', { ttl: '1h' }, token))
  const token = await child(server.rootToken)
  const [first, second] = [await child(token), await child(token)]
  const grandchild = await child(first)
  await make(server, 'cubbyhole/mine', { a: '1' }, token)
  await make(server, 'cubbyhole/mine/too', { a: '1' }, token)
  return { token, first, second, grandchild }
}
const lookAtFamily = async (server: ServeHarness, { token = '', first = '', second = '', grandchild = '' }: Context): Promise<Json> =>
  Promise.all([token, first, second, grandchild].map((one) => statusFor(server, one)))
const wrapped = async (server: ServeHarness): Promise<Context> => {
  await kv2(server)
  return { token: String((await server.ok('read', 'kv/data/a/b', { headers: { 'x-vault-wrap-ttl': '1h' } })).wrapInfo?.['token']) }
}
const limited = async (server: ServeHarness): Promise<Context> => {
  await kv2(server)
  return { token: clientToken(await make(server, 'auth/token/create', { num_uses: 1, ttl: '1h' })) }
}
const entities = async (server: ServeHarness): Promise<Context> => {
  await userpass(server)
  const login = await make(server, 'auth/userpass/login/ann', { password: 'battery staple' })
  const other = await make(server, 'identity/entity', { name: 'other' })
  const accessor = String((await server.core.mounts.at('auth/userpass/'))?.record.accessor)
  return { accessor, ann: String(login.auth?.['entity_id']), other: String(other.data?.['id']), token: clientToken(login) }
}
const outside = lessor()
const leased = async (server: ServeHarness): Promise<Context> => {
  await make(server, 'sys/mounts/db', { type: 'lessor' })
  return { lease: String((await server.ok('read', 'db/creds/app')).body?.['lease_id']) }
}

const cases: Readonly<Record<string, Case>> = {
  'KV 1: write': { setUp: kv1, act: (server) => write(server, 'kv/a/b/c', { value: '1' }) },
  'KV 1: delete': {
    async setUp(server) {
      await kv1(server)
      await make(server, 'kv/a/b/c', { value: '1' })
    },
    act: (server) => server.request('delete', 'kv/a/b/c'),
  },
  'KV 2: first write': {
    setUp: kv2, act: (server) => write(server, 'kv/data/new/one', { data: { value: '1' } }),
    look: (server) => dataOf(server, 'kv/data/new/one'),
  },
  'KV 2: write with cas': {
    setUp: kv2, act: (server) => write(server, 'kv/data/a/b', { data: { value: 'three' }, options: { cas: 2 } }),
    look: (server) => dataOf(server, 'kv/data/a/b'),
  },
  'KV 2: patch': {
    setUp: kv2, act: (server) => server.request('patch', 'kv/data/a/b', { data: { data: { more: '1' } } }),
    look: (server) => dataOf(server, 'kv/data/a/b'),
  },
  'KV 2: delete': { setUp: kv2, act: (server) => server.request('delete', 'kv/data/a/b') },
  'KV 2: destroy': { setUp: kv2, act: (server) => write(server, 'kv/destroy/a/b', { versions: [1, 2] }) },
  'KV 2: metadata': { setUp: kv2, act: (server) => write(server, 'kv/metadata/a/b', { max_versions: 1, custom_metadata: { a: 'b' } }) },
  'KV 2: delete all': { setUp: kv2, act: (server) => server.request('delete', 'kv/metadata/a/b') },
  'KV 2: settings': { setUp: kv2, act: (server) => write(server, 'kv/config', { max_versions: 3 }) },
  'cubbyhole: write': { setUp: async () => undefined, act: (server) => write(server, 'cubbyhole/a/b', { a: '1' }) },
  'token: create': {
    setUp: async () => undefined, act: (server) => write(server, 'auth/token/create', { ttl: '1h', policies: ['default'] }),
  },
  'token: create, wrapped': {
    setUp: async () => undefined,
    act: (server) => server.request('write', 'auth/token/create', { data: { ttl: '1h' }, headers: { 'x-vault-wrap-ttl': '1h' } }),
  },
  'token: create under a role': {
    setUp: async (server) => void (await make(server, 'auth/token/roles/r', { allowed_policies: 'default', path_suffix: 'suffix' })),
    act: (server) => write(server, 'auth/token/create/r', { ttl: '1h' }),
  },
  'token: renew': { setUp: family, act: (server, { token = '' }) => write(server, 'auth/token/renew', { token, increment: '2h' }) },
  'token: revoke': { setUp: family, act: (server, { token = '' }) => write(server, 'auth/token/revoke', { token }), look: lookAtFamily },
  'token: revoke self': {
    setUp: family, act: (server, { token = '' }) => write(server, 'auth/token/revoke-self', {}, token), look: lookAtFamily,
  },
  'token: revoke without children': {
    setUp: family, act: (server, { token = '' }) => write(server, 'auth/token/revoke-orphan', { token }), look: lookAtFamily,
  },
  'token: last use': { setUp: limited, act: (server, { token = '' }) => server.request('read', 'kv/data/a/b', { token }) },
  'token: role': { setUp: async () => undefined, act: (server) => write(server, 'auth/token/roles/r', { allowed_policies: 'default' }) },
  'userpass: user': { setUp: userpass, act: (server) => write(server, 'auth/userpass/users/bob', { password: 'x' }) },
  'userpass: first login': { setUp: userpass, act: (server) => write(server, 'auth/userpass/login/ann', { password: 'battery staple' }) },
  'approle: role': { setUp: approle, act: (server) => write(server, 'auth/approle/role/new', { role_id: 'new-role' }) },
  'approle: secret id': { setUp: approle, act: (server) => write(server, 'auth/approle/role/app/secret-id') },
  'approle: login': {
    setUp: approle, act: (server, { secretId = '' }) => write(server, 'auth/approle/login', { role_id: 'the-role', secret_id: secretId }),
    look: async (server, { secretId = '' }) => (await write(
      server, 'auth/approle/role/app/secret-id/lookup', { secret_id: secretId }
    )).data?.['secret_id_num_uses'] ?? null,
  },
  'approle: delete role': { setUp: approle, act: (server) => server.request('delete', 'auth/approle/role/app') },
  'wrapping: wrap': { setUp: kv2, act: (server) => server.request('read', 'kv/data/a/b', { headers: { 'x-vault-wrap-ttl': '1h' } }) },
  'wrapping: unwrap': { setUp: wrapped, act: (server, { token = '' }) => write(server, 'sys/wrapping/unwrap', { token }) },
  'wrapping: rewrap': {
    setUp: wrapped, act: (server, { token = '' }) => write(server, 'sys/wrapping/rewrap', { token }),
    look: async (server, { token = '' }) => (await write(server, 'sys/wrapping/lookup', { token })).status,
  },
  'sys: policy': {
    setUp: async () => undefined, act: (server) => write(server, 'sys/policies/acl/p', { policy: 'path "a" { policy = "read" }' }),
  },
  'sys: enable a mount': {
    setUp: async () => undefined, act: (server) => write(server, 'sys/mounts/kv', { type: 'kv', options: { version: '2' } }),
  },
  'sys: disable a mount': { setUp: kv2, act: (server) => server.request('delete', 'sys/mounts/kv') },
  'sys: move a mount': { setUp: kv2, act: (server) => write(server, 'sys/remount', { from: 'kv', to: 'moved' }) },
  'sys: tune a mount': {
    setUp: kv2, act: (server) => write(server, 'sys/mounts/kv/tune', { description: 'changed', default_lease_ttl: '1h' }),
  },
  'sys: enable an auth method': { setUp: async () => undefined, act: (server) => write(server, 'sys/auth/up', { type: 'userpass' }) },
  'sys: disable an auth method': {
    async setUp(server) {
      await userpass(server)
      return { token: clientToken(await make(server, 'auth/userpass/login/ann', { password: 'battery staple' })) }
    },
    act: (server) => server.request('delete', 'sys/auth/userpass'),
    look: (server, { token = '' }) => statusFor(server, token),
  },
  'sys: rate limit': { setUp: async () => undefined, act: (server) => write(server, 'sys/quotas/rate-limit/q', { rate: 1_000, path: '' }) },
  'sys: CORS': { setUp: async () => undefined, act: (server) => write(server, 'sys/config/cors', { allowed_origins: ['*'] }) },
  'leases: revoke': { setUp: leased, act: (server, { lease = '' }) => write(server, 'sys/leases/revoke', { lease_id: lease }) },
  'leases: renew': {
    setUp: leased, act: (server, { lease = '' }) => write(server, 'sys/leases/renew', { lease_id: lease, increment: '2h' }),
  },
  'leases: issue': { setUp: leased, act: (server) => server.request('read', 'db/creds/app') },
  'identity: entity': { setUp: entities, act: (server) => write(server, 'identity/entity', { name: 'new', policies: 'default' }) },
  'identity: alias': {
    setUp: entities,
    act: (server, { other = '', accessor = '' }) => write(
      server, 'identity/entity-alias', { name: 'bob', canonical_id: other, mount_accessor: accessor }
    ),
  },
  'identity: rename': {
    setUp: entities, act: (server, { other = '' }) => write(server, `identity/entity/id/${other}`, { name: 'renamed' }),
  },
  'identity: merge': {
    setUp: entities,
    act: (server, { ann = '', other = '' }) => write(server, 'identity/entity/merge', { from_entity_ids: [ann], to_entity_id: other }),
    look: (server, { token = '' }) => statusFor(server, token),
  },
  'identity: delete': {
    setUp: entities, act: (server, { ann = '' }) => server.request('delete', `identity/entity/id/${ann}`),
    look: (server, { token = '' }) => statusFor(server, token),
  },
}

interface Seen {
  readonly picture: Readonly<Record<string, number>>
  readonly look: Json
}

async function see(server: ServeHarness, { look }: Case, context: Context): Promise<Seen> {
  await settleServer(server)
  return { picture: await pictureOf(server), look: look === undefined ? null : await look(server, context) }
}

const isSame = (a: Seen, b: Seen): boolean => JSON.stringify(a) === JSON.stringify(b)
const faults: readonly Fault[] = ['error', 'lost', 'conflict', 'gone']

for (const [name, one] of Object.entries(cases)) {
  test(`${name}: is done wholly or not at all, wherever the storage fails`, async () => {
    const origin = await serveHarness({ engines: [outside.engine] })
    const context = (await one.setUp(origin)) ?? {}
    const on = async () => {
      const store = failingStore(await copyOf(origin.store))
      return { store, server: await origin.sibling({ store }) }
    }
    const before = await see((await on()).server, one, context)
    const clean = await on()
    const answer = await one.act(clean.server, context)
    assert.ok(answer.status < 400, answer.text)
    const after = await see(clean.server, one, context)
    let strikes = 0
    for (const fault of faults) {
      for (let at = 1; ; at++) {
        const { store, server } = await on()
        store.arm(fault, at)
        const met = await one.act(server, context)
        const { struck } = store
        store.arm('error', 0)
        const where = `${fault} at call ${at}: ${met.status} ${met.text.slice(0, 200)}`
        const seen = await see(server, one, context)
        assert.deepEqual(await checkState(server.core, { isSettled: true }), [], where)
        if (met.status < 400) assert.deepEqual(seen, after, where)
        else assert.ok(isSame(seen, before) || isSame(seen, after), `${where}\n${JSON.stringify([before, after, seen], null, 1)}`)
        if (fault === 'conflict') assert.ok(met.status < 400, where)
        if (isSame(seen, before)) assert.equal((await one.act(server, context)).status, answer.status, `${where}: sent again`)
        await server.close()
        if (!struck) break
        strikes += 1
        assert.ok(at < 400)
      }
    }
    assert.ok(strikes > 3)
    await origin.close()
  })
}
