/** One-time passwords: what the recordings do not show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'

const withOtp = (work: (server: ServeHarness) => Promise<void>): Promise<void> => withServer(async (server) => {
  await server.ok('write', 'sys/mounts/ssh', { data: { type: 'ssh' } })
  await server.ok('write', 'ssh/roles/r', { data: { key_type: 'otp', default_user: 'ubuntu', cidr_list: '10.0.0.0/8,2001:db8::/32', exclude_cidr_list: '10.9.0.0/16' } })
  await work(server)
})

const creds = async (server: ServeHarness, body: JsonObject = { ip: '10.1.2.3' }) => {
  const { body: answer, data } = await server.ok('write', 'ssh/creds/r', { data: body })
  return { lease: String(answer?.['lease_id']), otp: String(data?.['key']), data }
}
const verify = async (server: ServeHarness, otp: string): Promise<JsonObject | string | undefined> => {
  const { data, errors } = await server.request('write', 'ssh/verify', { token: null, data: { otp } })
  return data ?? errors[0]
}
const spent = 'OTP not found'
const right = { ip: '10.1.2.3', role_name: 'r', username: 'ubuntu' }

test('a password is good once, however many ask at the same time', () => withOtp(async (server) => {
  const { otp } = await creds(server)
  const answers = await Promise.all(Array.from({ length: 20 }, () => verify(server, otp)))
  assert.deepEqual(answers.filter((answer) => typeof answer !== 'string'), [right])
  assert.equal(answers.filter((answer) => answer === spent).length, 19)
}))

test('a password dies with its lease, and with the token that asked for it', () => withOtp(async (server) => {
  const first = await creds(server)
  await server.ok('write', 'sys/leases/revoke', { data: { lease_id: first.lease } })
  assert.equal(await verify(server, first.otp), spent)
  await server.ok('write', 'sys/policies/acl/otp', { data: { policy: 'path "ssh/creds/r" { capabilities = ["update"] }' } })
  const { auth } = await server.ok('write', 'auth/token/create', { data: { policies: ['otp'] } })
  const token = String(auth?.['client_token'])
  const { data } = await server.ok('write', 'ssh/creds/r', { token, data: { ip: '10.1.2.3' } })
  await server.ok('write', 'auth/token/revoke', { data: { token } })
  await server.sweep()
  assert.equal(await verify(server, String(data?.['key'])), spent)
}))

test('a password is refused when its time is over, also before anything has tidied up', () => withOtp(async (server) => {
  await server.ok('write', 'sys/mounts/ssh/tune', { data: { default_lease_ttl: '1m' } })
  const [early, late] = [await creds(server), await creds(server)]
  server.clock.advance(59)
  assert.deepEqual(await verify(server, early.otp), right)
  server.clock.advance(1)
  assert.equal(await verify(server, late.otp), spent)
  await server.sweep()
}))

test('revoking the lease of a password that was used is no error, and a lease cannot be renewed', () => withOtp(async (server) => {
  const { lease, otp } = await creds(server)
  await verify(server, otp)
  assert.equal((await server.request('write', 'sys/leases/renew', { data: { lease_id: lease } })).status, 400)
  assert.equal((await server.request('write', 'sys/leases/revoke', { data: { lease_id: lease } })).status, 204)
}))

test('what is no password is refused alike: empty, long, of another mount', () => withOtp(async (server) => {
  await server.ok('write', 'sys/mounts/ssh2', { data: { type: 'ssh' } })
  const { otp } = await creds(server)
  for (const wrong of ['', 'x', 'y'.repeat(100_000), otp.toUpperCase(), ` ${otp}`, `${otp}\u0000`]) assert.equal(await verify(server, wrong), spent)
  assert.deepEqual((await server.request('write', 'ssh2/verify', { token: null, data: { otp } })).errors, [spent])
  assert.deepEqual(await verify(server, otp), right)
}))

test('addresses count as what they are, in every way of writing them', () => withOtp(async (server) => {
  const ask = async (ip: string): Promise<unknown> => {
    const { data, errors } = await server.request('write', 'ssh/creds/r', { data: { ip } })
    return data === null ? errors[0] : data['ip']
  }
  assert.deepEqual([await ask('::ffff:10.1.2.3'), await ask('2001:DB8:0::1')], ['10.1.2.3', '2001:db8::1'])
  for (const outside of ['11.0.0.1', '10.9.255.255', '::ffff:10.9.0.1', '2001:db9::1']) assert.equal(await ask(outside), 'Error validating IP: IP does not belong to role')
  for (const none of ['10.1.2', '010.1.2.3', 'fe80::1%eth0', '10.1.2.3/32', 'localhost']) assert.equal(await ask(none), `Invalid IP ${JSON.stringify(none)}`)
}))

test('a role is found by an address that it gives passwords for, not by one that is left out', () => withOtp(async (server) => {
  const lookup = async (ip: string) => (await server.ok('write', 'ssh/lookup', { data: { ip } })).data?.['roles']
  assert.deepEqual([await lookup('10.1.2.3'), await lookup('10.9.0.1'), await lookup('8.8.8.8')], [['r'], null, null])
  await server.ok('write', 'ssh/config/zeroaddress', { data: { roles: 'r' } })
  assert.deepEqual(await lookup('8.8.8.8'), ['r'])
  await server.ok('delete', 'ssh/roles/r')
  assert.deepEqual((await server.ok('read', 'ssh/config/zeroaddress')).data, { roles: [] })
  assert.equal(await lookup('8.8.8.8'), null)
}))
