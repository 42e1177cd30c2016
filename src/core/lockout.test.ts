/** Locking out: counted by the user, for a time, until somebody says otherwise; and nothing of it stays for ever. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../kit/json.ts'
import { withServer } from '../request/testing/checked-server.ts'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { opaqueStore } from './base.ts'
import { findLockout, forgetStaleFailures, lockoutConfigOf, noteFailure, type LockoutConfig } from './lockout.ts'
import type { Mount } from './mounts/table.ts'

const tenYears = 10 * 365 * 86_400

/** `auth/up/` with the user `ann`, who is locked out after two failures, for a minute; failures count for two minutes. */
const withUsers = (work: (server: ServeHarness, mount: () => Promise<Mount>) => Promise<void>) => (): Promise<void> =>
  withServer(async (server) => {
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    await tune(server, { lockout_threshold: 2, lockout_duration: '1m', lockout_counter_reset_duration: '2m' })
    await work(server, async () => (await server.core.mounts.at('auth/up/')) as Mount)
  })
const tune = (server: ServeHarness, config: JsonObject) => server.ok('write', 'sys/auth/up/tune', { data: { user_lockout_config: config } })
/** Failures are noted as the request path does; the passwords themselves are the business of the auth method. */
async function fail(server: ServeHarness, mount: () => Promise<Mount>, times = 1, name = 'ann'): Promise<void> {
  const found = await mount()
  const config = lockoutConfigOf(found)
  assert.ok(config !== null)
  for (let i = 0; i < times; i++) await noteFailure(server.core, found, name, config)
}
/** Whether a login would get as far as the password: which nobody here has, so that it need not be hashed. */
async function mayLogIn(server: ServeHarness): Promise<boolean> {
  const found = await server.core.mounts.at('auth/up/')
  const config = found === null ? null : lockoutConfigOf(found)
  return found !== null && (config === null || (await findLockout(server.core, found, 'ann', config)) !== 'locked')
}
const logIn = async (server: ServeHarness, at = 'up'): Promise<number> => (await server.request('write', `auth/${at}/login/ann`, { token: null, data: { password: 'long enough' } })).status
const locked = async (server: ServeHarness): Promise<unknown> => (await server.ok('read', 'sys/locked-users')).data?.['total']
const kept = async (server: ServeHarness): Promise<number> => (await opaqueStore(server.core).list('lockout/')).length

test('the threshold locks out, for as long as the mount says', withUsers(async (server, mount) => {
  await fail(server, mount)
  assert.deepEqual([await locked(server), await mayLogIn(server)], [0, true])
  await fail(server, mount, 2)
  assert.deepEqual([await locked(server), await mayLogIn(server)], [1, false])
  server.clock.advance(59)
  assert.equal(await mayLogIn(server), false)
  server.clock.advance(1)
  assert.deepEqual([await locked(server), await mayLogIn(server)], [0, true])
}))

test('a try while locked out is refused also with the right password, and does not keep the user out', withUsers(async (server, mount) => {
  await server.ok('write', 'auth/up/users/ann', { data: { password: 'long enough' } })
  await fail(server, mount, 2)
  server.clock.advance(59)
  assert.equal(await logIn(server), 403)
  server.clock.advance(1)
  assert.equal(await logIn(server), 200)
}))

test('after a lockout is over, counting begins anew', withUsers(async (server, mount) => {
  await fail(server, mount, 2)
  server.clock.advance(60)
  await fail(server, mount)
  assert.equal(await mayLogIn(server), true)
}))

test('failures that are older than the reset time count no more', withUsers(async (server, mount) => {
  await fail(server, mount)
  server.clock.advance(119)
  await fail(server, mount)
  assert.equal(await locked(server), 1)
  server.clock.advance(200)
  await fail(server, mount)
  server.clock.advance(120)
  await fail(server, mount)
  assert.equal(await locked(server), 0)
}))

test('a login that succeeds forgets the failures before it', withUsers(async (server, mount) => {
  await server.ok('write', 'auth/up/users/ann', { data: { password: 'long enough' } })
  await fail(server, mount)
  assert.equal(await logIn(server), 200)
  assert.equal(await kept(server), 0)
}))

test('an operator unlocks a user, by any spelling of the name', withUsers(async (server, mount) => {
  await fail(server, mount, 2)
  const { accessor } = (await mount()).record
  await server.ok('write', `sys/locked-users/${accessor}/unlock/bob`)
  assert.equal(await mayLogIn(server), false)
  await server.ok('write', `sys/locked-users/${accessor}/unlock/ANN`)
  assert.equal(await mayLogIn(server), true)
  await server.ok('write', `sys/locked-users/${accessor}/unlock/ann`)
}))

test('switching it off, and other thresholds, hold at once', withUsers(async (server, mount) => {
  await fail(server, mount, 2)
  await tune(server, { lockout_disable: true })
  assert.equal(await mayLogIn(server), true)
  await tune(server, { lockout_disable: false, lockout_threshold: 3 })
  assert.equal(await mayLogIn(server), true)
  await fail(server, mount)
  assert.equal(await mayLogIn(server), false)
}))

test('users of two mounts are two users', withUsers(async (server, mount) => {
  await server.ok('write', 'sys/auth/other', { data: { type: 'userpass' } })
  await fail(server, mount, 2)
  const other = (await server.core.mounts.at('auth/other/')) as Mount
  assert.equal(await findLockout(server.core, other, 'ann', lockoutConfigOf(other) as LockoutConfig), 'none')
}))

test('a clock that jumps locks nobody out for years', withUsers(async (server, mount) => {
  server.clock.advance(tenYears)
  await fail(server, mount, 2)
  server.clock.advance(-30)
  assert.equal(await mayLogIn(server), false)
  server.clock.advance(-tenYears)
  assert.deepEqual([await locked(server), await mayLogIn(server)], [0, true])
}))

test('what counts no more is removed, whatever names were tried, and what counts stays', withUsers(async (server, mount) => {
  for (let i = 0; i < 300; i++) await fail(server, mount, 1, `made-up-${i}`)
  await fail(server, mount, 2)
  assert.equal(await forgetStaleFailures(server.core), 0)
  server.clock.advance(100)
  await fail(server, mount, 2, 'late')
  server.clock.advance(20)
  assert.equal(await forgetStaleFailures(server.core), 301)
  assert.deepEqual([await kept(server), await locked(server)], [1, 1])
  await server.ok('delete', 'sys/auth/up')
  assert.equal(await forgetStaleFailures(server.core), 1)
}))
