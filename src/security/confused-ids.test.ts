/**
 * Class: an id is taken for what it is not. An accessor, a lease id, a secret id or a key of a cache means something only where it belongs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../request/testing/checked-server.ts'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { leaseIdOf } from '../core/tokens/create.ts'
import { findToken } from '../core/tokens/find.ts'
import { clientToken, send, tokenWith } from './testing/wire.ts'

interface Victim {
  readonly token: string
  readonly accessor: string
  readonly lease: string
}

async function makeVictim(server: ServeHarness): Promise<Victim> {
  const { auth } = await server.ok('write', 'auth/token/create', { data: { policies: ['default'], ttl: '1h' } })
  const token = String(auth?.['client_token'])
  const record = await findToken(server.core, token)
  assert.ok(record !== null)
  return { token, accessor: record.accessor, lease: leaseIdOf(record) }
}

const isAlive = async (server: ServeHarness, token: string): Promise<boolean> => (await server.request(
  'read', 'auth/token/lookup-self', { token }
)).status === 200

/** Everything that takes an accessor, a token or a lease id of somebody else. */
const idOperations = ({ token, accessor, lease }: Victim): readonly (readonly [path: string, data: Readonly<Record<string, string>>])[] => [
  ['auth/token/renew-accessor', { accessor }], ['auth/token/revoke-accessor', { accessor }], ['auth/token/lookup-accessor', { accessor }], [
    'sys/capabilities-accessor', { accessor, paths: 'x' },
  ],
  ['auth/token/renew', { token }], ['auth/token/revoke', { token }], [
    'auth/token/revoke-orphan', { token },
  ], ['auth/token/lookup', { token }],
  [
    'sys/leases/revoke', { lease_id: lease },
  ], [`sys/leases/revoke/${lease}`, {}], ['sys/revoke', { lease_id: lease }], [`sys/revoke/${lease}`, {}],
  [
    'sys/leases/revoke-prefix/auth/token', {},
  ], ['sys/leases/revoke-force/auth/token', {}], ['sys/revoke-prefix/auth/token', {}], ['sys/revoke-force/auth/token', {}],
]

test('CVE-2026-40264: an accessor, a token or a lease id does nothing for a caller without the right, in any namespace', async () => {
  await withServer(async (server) => {
    const victim = await makeVictim(server)
    const nobody = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['default'] } }))
    for (const [path, data] of idOperations(victim)) {
      for (const headers of [{}, { 'x-vault-namespace': 'other' }]) {
        for (const token of [null, nobody, server.rootToken]) {
          if (token === server.rootToken && !('x-vault-namespace' in headers)) continue
          const { status, text } = await send(server, 'POST', path, { token, data, headers })
          assert.ok(status >= 400 && status < 500, `${path}: ${status} ${text}`)
        }
      }
    }
    assert.equal(await isAlive(server, victim.token), true)
  })
})

test('GHSA-c36x-h252-g9x2: what answers and errors tell of leases leads nobody to a token', async () => {
  await withServer(async (server) => {
    const victim = await makeVictim(server)
    // The lease id of a token is no token: it holds its hash, which proves nothing.
    for (const token of [
      victim.lease, victim.lease.split('/').at(-1) ?? '', (victim.lease.split('/').at(-1) ?? '').slice(1), victim.accessor,
      `hvs.${victim.accessor}`,
    ]) {
      assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 403)
    }
    const shown = await server.ok('write', 'auth/token/lookup-accessor', { data: { accessor: victim.accessor } })
    assert.equal(shown.text.includes(victim.token), false)
    assert.equal(shown.data?.['id'], '')
  })
})

test('CVE-2026-45808: the old paths of leases ask for the same rights as the new ones', async () => {
  await withServer(async (server) => {
    const victim = await makeVictim(server)
    const token = await tokenWith(server, 'path "sys/leases/*" { policy = "sudo" } path "sys/renew*" { policy = "deny" }')
    for (const [path, data] of [
      ['sys/revoke', { lease_id: victim.lease }], [`sys/revoke/${victim.lease}`, {}], ['sys/revoke-prefix/auth/token', {}],
      ['sys/revoke-force/auth/token', {}], ['sys/renew', { lease_id: victim.lease }],
    ] as const) {
      assert.equal((await server.request('write', path, { token, data })).status, 403, path)
    }
    const withoutSudo = await tokenWith(server, 'path "sys/*" { capabilities = ["create", "read", "update", "delete", "list"] }')
    for (const path of [
      'sys/leases/revoke-prefix/auth/token', 'sys/leases/revoke-force/auth/token', 'sys/revoke-prefix/auth/token',
      'sys/revoke-force/auth/token',
    ]) {
      assert.equal((await server.request('write', path, { token: withoutSudo })).status, 403, path)
    }
    assert.equal(await isAlive(server, victim.token), true)
  })
})

test('CVE-2023-24999: an accessor of a secret id of one role is none at another', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    await server.ok('write', 'auth/approle/role/a', { data: { role_id: 'role-a' } })
    await server.ok('write', 'auth/approle/role/b', { data: { role_id: 'role-b' } })
    const { data } = await server.ok('write', 'auth/approle/role/a/secret-id')
    const [secretId, accessor] = [String(data?.['secret_id']), String(data?.['secret_id_accessor'])]
    for (const name of ['b', 'B', 'nobody']) {
      for (const what of ['lookup', 'destroy']) {
        assert.ok((await server.request(
          'write', `auth/approle/role/${name}/secret-id-accessor/${what}`, { data: { secret_id_accessor: accessor } }
        )).status >= 400)
        const byId = await server.request('write', `auth/approle/role/${name}/secret-id/${what}`, { data: { secret_id: secretId } })
        assert.equal(byId.text.includes(accessor), false)
      }
    }
    for (const forged of [`../a/${accessor}`, `a/${accessor}`, `${accessor}/`, '']) {
      assert.ok((await server.request(
        'write', 'auth/approle/role/b/secret-id-accessor/destroy', { data: { secret_id_accessor: forged } }
      )).status >= 400)
    }
    assert.equal(
      (await server.request('write', 'auth/approle/login', { token: null, data: { role_id: 'role-b', secret_id: secretId } })).status, 400
    )
    assert.equal(
      (await server.request('write', 'auth/approle/login', { token: null, data: { role_id: 'role-a', secret_id: secretId } })).status, 200
    )
  })
})

test('CVE-2025-11621: of two mounts of the same method, no user, alias or lockout of the one counts at the other', async () => {
  await withServer(async (server) => {
    for (const mount of ['up', 'up2']) await server.ok('write', `sys/auth/${mount}`, { data: { type: 'userpass' } })
    await server.ok('write', 'auth/up/users/ann', { data: { password: 'battery staple', token_policies: 'one' } })
    await server.ok('write', 'auth/up2/users/ann', { data: { password: 'correct horse', token_policies: 'two' } })
    const login = (mount: string, password: string) => server.request(
      'write', `auth/${mount}/login/ann`, { token: null, data: { password } }
    )
    assert.equal((await login('up2', 'battery staple')).status, 400)
    const [one, two] = [await login('up', 'battery staple'), await login('up2', 'correct horse')]
    assert.deepEqual([one.auth?.['policies'], two.auth?.['policies']], [['default', 'one'], ['default', 'two']])
    assert.notEqual(one.auth?.['entity_id'], two.auth?.['entity_id'])
    for (let i = 0; i < 5; i++) await login('up2', 'wrong')
    assert.deepEqual([(await login('up2', 'correct horse')).status, (await login('up', 'battery staple')).status], [403, 200])
  })
})

test('GHSA-vv66-6rp4-wr4f: a mount that is made, disabled and made again inherits neither tokens, leases, users nor secrets', async () => {
  await withServer(async (server) => {
    const tokens: string[] = []
    for (let round = 0; round < 3; round++) {
      await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
      await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
      assert.equal((await server.request('read', 'kv/a')).status, 404)
      assert.equal((await server.request('read', 'auth/up/users/ann')).status, 404)
      assert.equal((await server.request('list', 'sys/leases/lookup/auth/up')).status, 404)
      await server.ok('write', 'kv/a', { data: { a: '1' } })
      await server.ok('write', 'auth/up/users/ann', { data: { password: 'battery staple' } })
      tokens.push(clientToken(await server.ok('write', 'auth/up/login/ann', { token: null, data: { password: 'battery staple' } })))
      await server.ok('delete', 'sys/auth/up')
      await server.ok('delete', 'sys/mounts/kv')
      for (const token of tokens) assert.equal(await isAlive(server, token), false)
    }
  })
})
