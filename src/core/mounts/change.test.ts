/** Mounts come, are tuned, move and go; what goes leaves nothing behind, whatever happens meanwhile. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Json, JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { namedStore, opaqueStore } from '../base.ts'
import { renter } from '../leases/testing/renter.ts'
import { forgetLeaving, markLeaving } from '../tokens/leaving.ts'
import { withUnit } from '../unit.ts'
import { removalSeconds, resumeRemovals } from './change.ts'

const write = (server: ServeHarness, path: string, data: Json = {}) => server.request('write', path, { data })
async function refused(server: ServeHarness, path: string, data: Json, text: RegExp): Promise<void> {
  const answer = await write(server, path, data)
  assert.equal(answer.status, 400, `${path} ${answer.text}`)
  assert.match(answer.errors.join(), text)
}
const kv = async (server: ServeHarness, at = 'kv'): Promise<string> => {
  await server.ok('write', `sys/mounts/${at}`, { data: { type: 'kv', options: { version: '2' } } })
  return String((await server.ok('read', `sys/mounts/${at}`)).data?.['uuid'])
}
const put = (server: ServeHarness, path: string, value = 'v') => server.request('write', path, { data: { data: { value } } })

/** Every key below the barrier. */
async function rawKeys(store: Store, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for (const name of await store.list(prefix)) keys.push(...(name.endsWith('/') ? await rawKeys(store, prefix + name) : [prefix + name]))
  return keys
}

describe('enabling', () => {
  test('no mount lies inside another, nor where the system is', () => withServer(async (server) => {
    await kv(server, 'a/b')
    for (const path of ['a', 'a/b', 'a/b/', 'a/b/c']) await refused(server, `sys/mounts/${path}`, { type: 'kv' }, /path is already in use at a\/b\//)
    for (const path of ['sys', 'sys/x', 'cubbyhole/x', 'identity', 'auth', 'auth/x', 'audit/x']) await refused(server, `sys/mounts/${path}`, { type: 'kv' }, /cannot mount|already in use/)
    for (const path of ['a//b', ' x', 'x /', Array.from({ length: 17 }, () => 'd').join('/')]) await refused(server, `sys/mounts/${path}`, { type: 'kv' }, /cannot mount/)
    await refused(server, 'sys/auth/token', { type: 'userpass' }, /already in use/)
    assert.equal((await write(server, 'sys/auth/a/b', { type: 'userpass' })).status, 204)
    assert.equal((await write(server, 'sys/mounts/ab', { type: 'kv' })).status, 204)
  }))

  test('a type that is not known, or of the other kind, is refused', () => withServer(async (server) => {
    await refused(server, 'sys/mounts/x', { type: 'nothing' }, /plugin not found in the catalog: nothing/)
    await refused(server, 'sys/mounts/x', { type: 'userpass' }, /plugin not found/)
    await refused(server, 'sys/auth/x', { type: 'kv' }, /plugin not found/)
    for (const type of ['system', 'cubbyhole', 'identity']) await refused(server, 'sys/mounts/x', { type }, /not mountable/)
    for (const type of ['__proto__', 'constructor', '', 'kv/2']) await refused(server, 'sys/mounts/x', { type }, /./)
  }))

  test('settings that cannot be meant are refused by name, and nothing is enabled', () => withServer(async (server) => {
    const bad: readonly (readonly [JsonObject, RegExp])[] = [
      [{ default_lease_ttl: 'soon' }, /unable to parse default TTL/], [{ max_lease_ttl: '-1h' }, /max TTL.*negative/], [{ default_lease_ttl: -5 }, /default TTL.*negative/],
      [{ default_lease_ttl: '3h', max_lease_ttl: '2h' }, /greater than/], [{ default_lease_ttl: '1000h' }, /greater than system max/],
      [{ force_no_cache: 'yes' }, /unable to convert/], [{ listing_visibility: 'all' }, /listing_visibility/],
      [{ passthrough_request_headers: { a: 1 } }, /"passthrough_request_headers"/], [{ user_lockout_config: { lockout_threshold: 'many' } }, /"lockout_threshold"/],
      [{ user_lockout_config: { lockout_threshold: -1 } }, /lockout_threshold cannot be negative/], [{ user_lockout_config: { lockout_duration: '-1m' } }, /lockout_duration.*negative/],
    ]
    for (const [config, text] of bad) await refused(server, 'sys/auth/up', { type: 'userpass', config }, text)
    await refused(server, 'sys/auth/up', { type: 'userpass', config: { token_type: 'other' } }, /token_type/)
    assert.equal((await server.request('read', 'sys/auth/up')).status, 400)
  }))
})

describe('tuning', () => {
  test('changes what it names, and no more', () => withServer(async (server) => {
    await kv(server)
    await server.ok('write', 'sys/mounts/kv/tune', { data: { default_lease_ttl: '1h', max_lease_ttl: '2h', description: 'first', listing_visibility: 'unauth' } })
    await server.ok('write', 'sys/mounts/kv/tune', { data: { max_lease_ttl: '3h' } })
    const shown = (await server.ok('read', 'sys/mounts/kv/tune')).data
    assert.deepEqual([shown?.['default_lease_ttl'], shown?.['max_lease_ttl'], shown?.['description'], shown?.['listing_visibility']], [3600, 10_800, 'first', 'unauth'])
    await server.ok('write', 'sys/mounts/kv/tune', { data: { default_lease_ttl: 'system', max_lease_ttl: '0', listing_visibility: '' } })
    const reset = (await server.ok('read', 'sys/mounts/kv/tune')).data
    assert.deepEqual([reset?.['default_lease_ttl'], reset?.['max_lease_ttl'], reset?.['listing_visibility']], [2_764_800, 2_764_800, undefined])
  }))

  test('refuses what no mount can have, and changes nothing then', () => withServer(async (server) => {
    await kv(server)
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    const before = (await server.ok('read', 'sys/auth/up/tune')).text.replace(/.*"data"/, '')
    const bad: readonly (readonly [JsonObject, RegExp])[] = [
      [{ max_lease_ttl: '-1h' }, /negative/], [{ default_lease_ttl: 'x' }, /invalid duration/], [{ default_lease_ttl: '2h', max_lease_ttl: '1h' }, /would be less than/],
      [{ description: 'changed', token_type: 'x' }, /token_type/], [{ user_lockout_config: { lockout_disable: 'perhaps' } }, /"lockout_disable"/], [{ listing_visibility: 'x' }, /listing_visibility/],
    ]
    for (const [data, text] of bad) await refused(server, 'sys/auth/up/tune', data, text)
    assert.equal((await server.ok('read', 'sys/auth/up/tune')).text.replace(/.*"data"/, ''), before)
    await refused(server, 'sys/mounts/kv/tune', { token_type: 'batch' }, /only be modified on auth mounts/)
    await refused(server, 'sys/mounts/kv/tune', { user_lockout_config: {} }, /only be modified on auth mounts/)
    await refused(server, 'sys/auth/token/tune', { token_type: 'batch' }, /cannot be set for 'token'/)
    await refused(server, 'sys/mounts/nowhere/tune', { description: 'x' }, /no mount entry found/)
    await refused(server, 'sys/mounts/kv/tune', { options: { version: '1' } }, /cannot downgrade/)
  }))

  test('holds in every process from its answer on', () => withServer(async (server) => {
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/up/users/ann', { data: { password: 'long enough' } })
    const other = await server.sibling()
    const login = async () => (await other.ok('write', 'auth/up/login/ann', { token: null, data: { password: 'long enough' } })).auth?.['lease_duration']
    assert.equal(await login(), 2_764_800)
    await server.ok('write', 'sys/auth/up/tune', { data: { max_lease_ttl: '5m', default_lease_ttl: '5m' } })
    assert.equal(await login(), 300)
    await other.close()
  }))
})

describe('disabling', () => {
  test('removes every key of the mount below the barrier', () => withServer(async (server) => {
    const uuid = await kv(server)
    for (let i = 0; i < 40; i++) await put(server, `kv/data/some/deep/path/n${i}`)
    assert.ok((await rawKeys(server.store)).some((key) => key.includes(uuid)))
    await server.ok('delete', 'sys/mounts/kv')
    assert.deepEqual((await rawKeys(server.store)).filter((key) => key.includes(uuid)), [])
    assert.equal((await server.request('read', 'kv/data/some/deep/path/n1')).status, 404)
    await kv(server)
    assert.equal((await server.request('read', 'kv/data/some/deep/path/n1')).status, 404)
  }))

  test('leaves nothing of the writes that were under way', () => withServer(async (server) => {
    for (let round = 0; round < 5; round++) {
      const uuid = await kv(server)
      const writes = Array.from({ length: 30 }, (_, i) => put(server, `kv/data/n${i}`))
      const [gone, ...answers] = await Promise.all([server.request('delete', 'sys/mounts/kv'), ...writes])
      assert.equal(gone.status, 204)
      assert.ok(answers.every(({ status }) => status === 200 || status === 404), answers.map(({ text }) => text).join())
      assert.deepEqual((await rawKeys(server.store)).filter((key) => key.includes(uuid)), [])
    }
  }))

  test('of an auth method ends its tokens; what is not there is disabled already; the system stays', () => withServer(async (server) => {
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/up/users/ann', { data: { password: 'long enough' } })
    const token = String((await server.ok('write', 'auth/up/login/ann', { token: null, data: { password: 'long enough' } })).auth?.['client_token'])
    await server.ok('delete', 'sys/auth/up')
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 403)
    assert.equal((await server.request('delete', 'sys/mounts/nowhere')).status, 204)
    for (const path of ['sys/mounts/sys', 'sys/mounts/cubbyhole', 'sys/mounts/identity', 'sys/auth/token']) assert.equal((await server.request('delete', path)).status, 400)
  }))

  test('goes on where a crash interrupted it, from any of its steps, and until then nobody sees the mount', () => withServer(async (server) => {
    for (let step = 1; ; step++) {
      const uuid = await kv(server)
      for (let i = 0; i < 5; i++) await put(server, `kv/data/n${i}`)
      let commits = 0
      const dying = await server.sibling({ store: { ...server.store, commit: async (...args) => {
        // The barrier counts its encryptions whenever it likes.
        if (!args[1].some((w) => 'put' in w && w.put.startsWith('barrier/')) && (commits += 1) >= step) throw new Error('the machine stopped')
        return await server.store.commit(...args)
      } } })
      const answer = await dying.request('delete', 'sys/mounts/kv')
      await dying.close()
      if (answer.status === 204) return assert.ok(step > 3, 'a removal has several steps')
      const isStarted = (await namedStore(server.core).list('removals/')).length > 0
      assert.equal((await server.request('read', 'kv/data/n1')).status, isStarted ? 404 : 200)
      if (isStarted) await refused(server, 'sys/mounts/kv', { type: 'kv' }, /already in use/)
      await resumeRemovals(server.core)
      if (!isStarted) await server.ok('delete', 'sys/mounts/kv')
      assert.deepEqual((await rawKeys(server.store)).filter((key) => key.includes(uuid)), [], `step ${step}`)
    }
  }))

  test('that takes longer than anybody waits is answered when nothing is usable any more, and goes on afterwards', () => withServer(async (server) => {
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    await server.ok('write', 'sys/policies/acl/make', { data: { policy: 'path "auth/token/create" { capabilities = ["update"] }' } })
    await server.ok('write', 'auth/up/users/ann', { data: { password: 'long enough', token_policies: 'make' } })
    const tokenOf = async (path: string, token: string | null, data: JsonObject): Promise<string> => String((await server.ok('write', path, { token, data })).auth?.['client_token'])
    const token = await tokenOf('auth/up/login/ann', null, { password: 'long enough' })
    const tokens = [token, await tokenOf('auth/token/create', token, {})]
    const statuses = (): Promise<number[]> => Promise.all(tokens.map(async (one) => (await server.request('read', 'auth/token/lookup-self', { token: one })).status))
    // What the first commit writes is enough, however many tokens are left.
    const accessor = String((await server.ok('read', 'sys/auth/up')).data?.['accessor'])
    const opaque = opaqueStore(server.core)
    await withUnit(async (unit) => markLeaving(unit.on(opaque), accessor))
    assert.deepEqual(await statuses(), [403, 403])
    await withUnit(async (unit) => forgetLeaving(unit.on(opaque), accessor))
    assert.deepEqual(await statuses(), [200, 200])
    const slow = await server.sibling({ store: { ...server.store, commit: async (...args) => {
      if (args[1].length > 1) server.clock.advance(removalSeconds)
      return await server.store.commit(...args)
    } } })
    const answer = await slow.request('delete', 'sys/auth/up')
    assert.deepEqual([answer.status, /still being revoked/.test(answer.text)], [200, true])
    assert.deepEqual(await statuses(), [403, 403])
    assert.deepEqual(await opaque.list('leaving/'), [`${accessor}`])
    await refused(server, 'sys/auth/up', { type: 'userpass' }, /already in use/)
    await resumeRemovals(server.core)
    assert.deepEqual(await opaque.list('leaving/'), [])
    await server.ok('write', 'sys/auth/up', { data: { type: 'userpass' } })
    await slow.close()
  }))

  test('that fails for one mount does not keep others from being removed', () => withServer(async (server) => {
    const [one, other] = [await kv(server, 'one'), await kv(server, 'two')]
    const failing = await server.sibling({ store: { ...server.store, commit: async (...args) => {
      if (args[1].some((w) => 'del' in w && (w.del.includes(one) || w.del.includes(other)))) throw new Error('the disk is full')
      return await server.store.commit(...args)
    } } })
    for (const path of ['one', 'two']) assert.ok((await failing.request('delete', `sys/mounts/${path}`)).status >= 500)
    const half = await failing.sibling({ store: { ...server.store, commit: async (...args) => {
      if (args[1].some((w) => 'del' in w && w.del.includes(one))) throw new Error('the disk is full')
      return await server.store.commit(...args)
    } } })
    await resumeRemovals(half.core)
    assert.deepEqual([one, other].filter((uuid) => half.logged.join().includes(uuid) || uuid === one), [one])
    assert.deepEqual((await rawKeys(server.store)).filter((key) => key.includes(other)), [])
    await resumeRemovals(server.core)
    assert.deepEqual((await rawKeys(server.store)).filter((key) => key.includes(one)), [])
    await failing.close()
    await half.close()
  }))
})

describe('moving', () => {
  test('takes the data along, and not the leases', () => {
    const outside = renter()
    return withServer(async (server) => {
      await kv(server)
      await put(server, 'kv/data/a', 'kept')
      await server.ok('write', 'sys/mounts/rent', { data: { type: 'renter' } })
      await server.ok('read', 'rent/creds/one')
      await server.ok('write', 'sys/remount', { data: { from: 'kv', to: 'new/place' } })
      assert.deepEqual((await server.ok('read', 'new/place/data/a')).data?.['data'], { value: 'kept' })
      assert.equal((await server.request('read', 'kv/data/a')).status, 404)
      const moved = await server.ok('write', 'sys/remount', { data: { from: 'rent/', to: '/let' } })
      const status = await server.ok('read', `sys/remount/status/${String(moved.data?.['migration_id'])}`)
      assert.deepEqual(status.data?.['migration_info'], { source_mount: 'rent/', target_mount: 'let/', status: 'success' })
      assert.equal(outside.valid.size, 0)
    }, { engines: [outside.engine] })
  })

  test('that is refused costs nothing', () => {
    const outside = renter()
    return withServer(async (server) => {
      await server.ok('write', 'sys/mounts/rent', { data: { type: 'renter' } })
      await kv(server, 'taken/here')
      await server.ok('read', 'rent/creds/one')
      for (const to of ['taken', 'taken/here', 'taken/here/in', 'sys/x', 'auth/x', 'cubbyhole', 'identity/x', 'rent/inside', '/', '//', 'a//b', ' a', 'rent', Array.from({ length: 17 }, () => 'd').join('/')]) {
        const answer = await write(server, 'sys/remount', { from: 'rent', to })
        assert.equal(answer.status, 400, `${to}: ${answer.text}`)
      }
      for (const from of ['', 'nowhere', 'sys', 'cubbyhole', 'identity', 'auth/token', 'ren']) assert.equal((await write(server, 'sys/remount', { from, to: 'free' })).status, 400, from)
      assert.deepEqual([...outside.valid], ['rent/one'])
      assert.equal((await server.request('read', 'rent/creds/two')).status, 200)
    }, { engines: [outside.engine] })
  })
})
