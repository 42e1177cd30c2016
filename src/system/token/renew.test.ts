/** Renewing tokens: what is left of their longest life, and who has a say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { Served, ServeHarness } from '../../request/testing/serve-harness.ts'

const idOf = ({ auth }: Served): string => String(auth?.['client_token'])
const make = async (server: ServeHarness, data: JsonObject, path = 'auth/token/create'): Promise<string> => idOf(await server.ok('write', path, { data }))
const tryRenew = (server: ServeHarness, token: string, increment: string | number = 0): Promise<Served> => server.request('write', 'auth/token/renew', { data: { token, increment } })

async function renewed(server: ServeHarness, token: string, increment: string | number = 0): Promise<unknown> {
  const answer = await tryRenew(server, token, increment)
  assert.equal(answer.status, 200, answer.text)
  return answer.auth?.['lease_duration']
}
async function notRenewed(server: ServeHarness, token: string, text: RegExp, increment: string | number = 0): Promise<void> {
  const answer = await tryRenew(server, token, increment)
  assert.equal(answer.status, 400, answer.text)
  assert.match(answer.errors.join(), text)
}
const isAlive = async (server: ServeHarness, token: string): Promise<boolean> => (await server.request('read', 'auth/token/lookup-self', { token })).status === 200

test('a renewal begins now, repeats the last lifetime, or is as long as asked', async () => {
  await withServer(async (server) => {
    const token = await make(server, { ttl: '1h', policies: ['default'] })
    server.clock.advance(3000)
    assert.equal(await renewed(server, token), 3600)
    assert.equal(await renewed(server, token, '2h'), 7200)
    assert.equal(await renewed(server, token), 7200)
    server.clock.advance(7199)
    assert.ok(await isAlive(server, token))
    server.clock.advance(1)
    assert.equal(await isAlive(server, token), false)
    await notRenewed(server, token, /token not found/)
  })
})

test('a renewal stops at the maximum of the mount, counted from the creation', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/auth/token/tune', { data: { max_lease_ttl: '2h', default_lease_ttl: '1h' } })
    const token = await make(server, { policies: ['default'] })
    server.clock.advance(3000)
    assert.equal(await renewed(server, token, '10h'), 4200)
    server.clock.advance(4199)
    assert.equal(await renewed(server, token), 1)
  })
})

test('a token that is older than its mount allows by now is not renewed, and lives on as it was promised', async () => {
  await withServer(async (server) => {
    const token = await make(server, { ttl: '5h', policies: ['default'] })
    await server.ok('write', 'sys/auth/token/tune', { data: { max_lease_ttl: '1h', default_lease_ttl: '1h' } })
    server.clock.advance(2 * 3600)
    await notRenewed(server, token, /past the max TTL, cannot renew/)
    server.clock.advance(3 * 3600 - 1)
    assert.ok(await isAlive(server, token))
    server.clock.advance(1)
    assert.equal(await isAlive(server, token), false)
  })
})

test('an explicit maximum ends also a token with a period', async () => {
  await withServer(async (server) => {
    const token = await make(server, { period: '10m', explicit_max_ttl: '25m', policies: ['default'] })
    server.clock.advance(590)
    assert.equal(await renewed(server, token), 600)
    server.clock.advance(590)
    assert.equal(await renewed(server, token), 320)
    server.clock.advance(321)
    assert.equal(await isAlive(server, token), false)
  })
})

test('a token with a period lives as long as it is renewed, beyond every maximum', async () => {
  await withServer(async (server) => {
    const token = await make(server, { period: '24h', policies: ['default'] })
    for (let day = 0; day < 40; day++) {
      server.clock.advance(86_000)
      assert.equal(await renewed(server, token, '1000h'), 86_400)
    }
  })
})

test('what may not be renewed: batch tokens, tokens made so, and those that never end', async () => {
  await withServer(async (server) => {
    const batch = await make(server, { type: 'batch', policies: ['default'] })
    await notRenewed(server, batch, /batch tokens cannot be renewed/)
    assert.match((await server.request('write', 'auth/token/renew-self', { token: batch })).errors.join(), /batch tokens cannot be renewed/)
    await notRenewed(server, await make(server, { ttl: '1h', renewable: false, policies: ['default'] }), /lease is not renewable/)
    await notRenewed(server, server.rootToken, /lease is not renewable/)
    await notRenewed(server, 'hvs.nobody', /token not found/)
    await notRenewed(server, await make(server, { ttl: '1h', policies: ['default'] }), /"increment": cannot be negative/, '-1h')
  })
})

test('a renewal by accessor does not show the token', async () => {
  await withServer(async (server) => {
    const made = await server.ok('write', 'auth/token/create', { data: { ttl: '1h', policies: ['default'] } })
    const answer = await server.ok('write', 'auth/token/renew-accessor', { data: { accessor: String(made.auth?.['accessor']), increment: '2h' } })
    assert.deepEqual([answer.auth?.['client_token'], answer.auth?.['lease_duration']], ['', 7200])
    assert.ok(!answer.text.includes(idOf(made)))
  })
})

test('a token of a role is renewed as the role says now, and not at all once the role is gone', async () => {
  await withServer(async (server) => {
    const role = (data: JsonObject) => server.ok('write', 'auth/token/roles/r', { data })
    await role({ token_period: '1h' })
    const token = await make(server, { policies: ['default'] }, 'auth/token/create/r')
    await role({ token_period: '2h' })
    assert.equal(await renewed(server, token), 7200)
    await role({ token_explicit_max_ttl: '90m' })
    assert.equal(await renewed(server, token), 5400)
    await role({ token_explicit_max_ttl: '0', token_period: '0' })
    assert.equal(await renewed(server, token, '3h'), 3 * 3600)
    await server.ok('delete', 'auth/token/roles/r')
    await notRenewed(server, token, /original token role "r" could not be found, not renewing/)
    assert.ok(await isAlive(server, token))
  })
})

test('a role cannot prolong what was promised at the creation of a token', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'auth/token/roles/r', { data: { token_explicit_max_ttl: '1h' } })
    const token = await make(server, { policies: ['default'] }, 'auth/token/create/r')
    await server.ok('write', 'auth/token/roles/r', { data: { token_explicit_max_ttl: '100h' } })
    server.clock.advance(1800)
    assert.equal(await renewed(server, token, '50h'), 1800)
  })
})

test('a parent that has ended takes a renewed child along', async () => {
  await withServer(async (server) => {
    await server.ok('write', 'sys/policies/acl/maker', { data: { policy: 'path "auth/token/*" { capabilities = ["create", "update"] }' } })
    const parent = await make(server, { ttl: '1h', policies: ['maker'] })
    const child = idOf(await server.ok('write', 'auth/token/create', { token: parent, data: { ttl: '10h' } }))
    assert.equal(await renewed(server, child, '20h'), 20 * 3600)
    server.clock.advance(3600)
    assert.equal(await isAlive(server, child), false)
    await notRenewed(server, child, /token not found/)
  })
})

test('twenty renewals at once all hold, and one time is in the index', async () => {
  await withServer(async (server) => {
    const token = await make(server, { ttl: '1h', policies: ['default'] })
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => tryRenew(server, token, `${i + 1}h`)))
    assert.ok(answers.every(({ status }) => status === 200), answers.map(({ text }) => text).join())
  })
})
