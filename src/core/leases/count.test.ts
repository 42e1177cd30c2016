/** Counting leases: by mount, by the path that was asked for, by who holds them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withServer } from '../../request/testing/checked-server.ts'
import { renter } from './testing/renter.ts'

test('leases are counted by mount, by role and by owner, below a prefix, the most first', async () => {
  const outside = renter()
  await withServer(async (server) => {
    for (const mount of ['a', 'b']) await server.ok('write', `sys/mounts/${mount}`, { data: { type: 'renter' } })
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/ann', { data: { password: 'password', token_policies: 'root-like' } })
    await server.ok('write', 'sys/policies/acl/root-like', { data: { policy: 'path "*" { capabilities = ["read", "sudo"] }' } })
    const login = await server.ok('write', 'auth/userpass/login/ann', { token: null, data: { password: 'password' } })
    const ann = String(login.auth?.['client_token'])
    for (let i = 0; i < 5; i++) await server.ok('read', `a/creds/${i < 3 ? 'x' : 'y'}`, { token: ann })
    await server.ok('read', 'b/creds/x')
    const counted = async (data: Record<string, string | number>): Promise<unknown> => (await server.ok('read', 'sys/leases/count', { data })).data
    assert.deepEqual(await counted({ group_by: 'mount' }), { counts: { 'a/': 5, 'auth/token/': 1, 'auth/userpass/': 1, 'b/': 1 }, lease_count: 8, names: 4 })
    assert.deepEqual(await counted({ group_by: 'role', prefix: 'a' }), { counts: { 'a/creds/x': 3, 'a/creds/y': 2 }, lease_count: 5, names: 2 })
    assert.deepEqual(await counted({ group_by: 'owner', top: 1 }), { counts: { [`entity ${String(login.auth?.['entity_id'])}`]: 6 }, lease_count: 8, names: 2 })
    assert.equal((await server.request('read', 'sys/leases/count', { data: { group_by: 'moon' } })).status, 400)
    assert.equal((await server.request('read', 'sys/leases/count')).status, 404)
  }, { engines: [outside.engine] })
})
