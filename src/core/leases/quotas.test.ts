/** Lease count quotas: a limit of N is N, whatever happens at the same time, and the counter is what there is. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { Served, ServeHarness } from '../../request/testing/serve-harness.ts'
import { opaqueStore } from '../base.ts'
import { withUnit } from '../unit.ts'
import { changeLeaseQuota, leaseCounts, readLeaseQuotas, repairLeaseCounts, resumeRecounts } from './quotas.ts'
import { renter, type Renter } from './testing/renter.ts'

const withRenter = (work: (server: ServeHarness, outside: Renter) => Promise<void>) => async (): Promise<void> => {
  const outside = renter()
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/a', { data: { type: 'renter' } })
    await work(server, outside)
  }, { engines: [outside.engine] })
}
const quota = (server: ServeHarness, data: JsonObject, name = 'q') => server.ok('write', `sys/quotas/lease-count/${name}`, { data })
const counter = async (server: ServeHarness, name = 'q'): Promise<unknown> => (await server.ok('read', `sys/quotas/lease-count/${name}`)).data?.['counter']
const rent = (server: ServeHarness, name = 'one') => server.request('read', `a/creds/${name}`)
const token = (server: ServeHarness, data: JsonObject = {}) => server.request('write', 'auth/token/create', { data: { policies: ['default'], ttl: '1h', ...data } })
const tokenOf = ({ auth }: Served): string => String(auth?.['client_token'])
const times = <T>(count: number, work: (i: number) => Promise<T>): Promise<T[]> => Promise.all(Array.from({ length: count }, (_, i) => work(i)))
const passed = (answers: readonly Served[]): number => answers.filter(({ status }) => status === 200).length

describe('counting', () => {
  test('of a hundred requests at once, in two processes, exactly as many get a lease as the limit says; the others write nothing', withRenter(async (server) => {
    const other = await server.sibling()
    await quota(server, { max_leases: 17, path: 'a/' })
    const answers = await times(100, (i) => rent(i % 2 === 0 ? server : other, `n${i}`))
    assert.equal(passed(answers), 17)
    const refused = answers.find(({ status }) => status !== 200)
    assert.deepEqual([refused?.status, refused?.errors.join()], [429, refused?.errors.join().match(/^1 error occurred:\n\t\* request path "a\/creds\/n\d+": lease count quota exceeded\n\n$/)?.[0]])
    assert.equal(await counter(server), 17)
    await other.close()
  }))

  test('a lease that ends makes room, however it ends', withRenter(async (server) => {
    await quota(server, { max_leases: 2, path: 'a/' })
    const renterToken = tokenOf(await token(server, { policies: ['root'] }))
    const first = await rent(server)
    await server.ok('read', 'a/creds/two', { token: renterToken })
    assert.equal((await rent(server)).status, 429)
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(first.body?.['lease_id']) } })
    assert.deepEqual([await counter(server), (await rent(server)).status, (await rent(server)).status], [1, 200, 429])
    await server.ok('write', 'auth/token/revoke', { data: { token: renterToken } })
    assert.equal(await counter(server), 1)
    server.clock.advance(40 * 24 * 3600)
    await server.sweep()
    assert.equal(await counter(server), 0)
  }))

  test('tokens count: those of logins and those that are made, but neither root, batch nor wrapping tokens', () => withServer(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/ann', { data: { password: 'long enough' } })
    await quota(server, { max_leases: 3 })
    const login = () => server.request('write', 'auth/userpass/login/ann', { data: { password: 'long enough' }, token: null })
    const answers = [await token(server), await token(server, { type: 'batch' }), await token(server, { policies: ['root'] }), await login(), await login()]
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 200])
    await server.ok('read', 'sys/mounts', { headers: { 'x-vault-wrap-ttl': '10m' } })
    assert.equal(await counter(server), 3)
    assert.match((await login()).errors.join(), /request path "auth\/userpass\/login\/ann": lease count quota exceeded/)
    assert.equal((await token(server)).status, 429)
    assert.equal((await token(server, { policies: ['root'] })).status, 200)
    await server.ok('write', 'auth/token/revoke', { data: { token: tokenOf(answers[0] as Served) } })
    assert.equal((await token(server)).status, 200)
  }))

  test('the most precise quota counts, and only that one', withRenter(async (server) => {
    await quota(server, { max_leases: 9 }, 'all')
    await quota(server, { max_leases: 5, path: 'a' }, 'mount')
    await quota(server, { max_leases: 2, path: 'a/creds/b*' }, 'names')
    for (const name of ['b1', 'b2', 'c']) assert.equal((await rent(server, name)).status, 200)
    assert.equal((await rent(server, 'b3')).status, 429)
    await token(server)
    assert.deepEqual([await counter(server, 'all'), await counter(server, 'mount'), await counter(server, 'names')], [1, 1, 2])
  }))

  test('a quota of a role counts the logins of that role alone', () => withServer(async (server) => {
    const login = await appRoles(server, ['one', 'two'])
    await quota(server, { max_leases: 2, path: 'auth/approle', role: 'One' })
    assert.equal(passed(await times(5, () => login('one'))), 2)
    assert.equal(passed(await times(5, () => login('two'))), 5)
    await server.ok('delete', 'sys/quotas/lease-count/q')
    await quota(server, { max_leases: 1, path: 'auth/approle', role: 'two' })
    assert.deepEqual([await counter(server), (await login('two')).status, (await login('one')).status], [5, 429, 200])
  }))
})

describe('changing quotas', () => {
  test('a new quota counts what is there already; more than it allows stays, and nothing comes', withRenter(async (server) => {
    await times(4, () => rent(server))
    await quota(server, { max_leases: 3, path: 'a/' })
    assert.deepEqual([await counter(server), (await rent(server)).status], [4, 429])
    await quota(server, { max_leases: 5, path: 'a/' })
    assert.deepEqual([await counter(server), (await rent(server)).status, (await rent(server)).status], [4, 200, 429])
  }))

  test('leases go over to a more precise quota, and back when it is deleted', withRenter(async (server) => {
    await quota(server, { max_leases: 9 }, 'all')
    await times(3, () => rent(server))
    await quota(server, { max_leases: 9, path: 'a/' })
    assert.deepEqual([await counter(server), await counter(server, 'all')], [3, 0])
    await server.ok('delete', 'sys/quotas/lease-count/q')
    assert.deepEqual([await counter(server, 'all'), (await server.request('read', 'sys/quotas/lease-count/q')).status], [3, 404])
    await server.ok('delete', 'sys/quotas/lease-count/q')
  }))

  test('while quotas come and go, leases too, no counter loses count', withRenter(async (server) => {
    const other = await server.sibling()
    await Promise.all([
      ...Array.from({ length: 60 }, async (_, i) => {
        const answer = await rent(i % 2 === 0 ? server : other, `n${i}`)
        if (i % 3 === 0 && answer.status === 200) await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(answer.body?.['lease_id']) } })
      }),
      ...Array.from({ length: 8 }, async (_, i) => {
        await quota(i % 2 === 0 ? other : server, { max_leases: 1_000, path: i < 4 ? 'a/' : 'a/creds/n1*' }, i < 4 ? 'x' : 'y')
        if (i % 3 === 2) await server.ok('delete', `sys/quotas/lease-count/${i < 4 ? 'x' : 'y'}`)
      }),
    ])
    await resumeRecounts(server.core)
    await other.close()
  }))

  test('a secret that is made outside is refused before it is made', withRenter(async (server, outside) => {
    await quota(server, { max_leases: 1, path: 'a/' })
    const answers = await times(8, (i) => server.request('read', `a/made/n${i}`))
    assert.deepEqual([answers.filter(({ status }) => status === 200).length, answers.filter(({ status }) => status === 429).length], [1, 7])
    assert.deepEqual([outside.valid.size, outside.asked.size], [1, 0])
  }))

  test('a count that a crash interrupted is gone on with', withRenter(async (server) => {
    await times(3, () => rent(server))
    await withUnit((unit) => changeLeaseQuota(server.core, unit.on(opaqueStore(server.core)), 'q', { name: 'q', path: 'a/', role: '', maxLeases: 9, inheritable: false }))
    assert.equal(await counter(server), 0)
    assert.equal(await resumeRecounts(await server.sibling().then(({ core }) => core)), 3)
    assert.equal(await counter(server), 3)
  }))

  test('quotas move with their mount, and end with it', withRenter(async (server) => {
    await quota(server, { max_leases: 2, path: 'a/creds/x' })
    await server.ok('write', 'sys/quotas/rate-limit/r', { data: { rate: 5_000, path: 'a/' } })
    await server.ok('write', 'sys/remount', { data: { from: 'a', to: 'b' } })
    assert.equal((await server.ok('read', 'sys/quotas/lease-count/q')).data?.['path'], 'b/creds/x')
    assert.equal((await server.ok('read', 'sys/quotas/rate-limit/r')).data?.['path'], 'b/')
    await server.ok('delete', 'sys/mounts/b')
    for (const path of ['lease-count/q', 'rate-limit/r']) assert.equal((await server.request('read', `sys/quotas/${path}`)).status, 404)
  }))

  test('tidying puts a counter right that is wrong', withRenter(async (server) => {
    await quota(server, { max_leases: 2, path: 'a/' })
    await rent(server)
    const [{ id } = { id: '' }] = await readLeaseQuotas(opaqueStore(server.core))
    await withUnit(async (unit) => leaseCounts.write(unit.on(opaqueStore(server.core)), { leases: 2 }, id))
    assert.equal((await rent(server)).status, 429)
    assert.equal(await repairLeaseCounts(server.core), 1)
    assert.deepEqual([await counter(server), (await rent(server)).status, await repairLeaseCounts(server.core)], [1, 200, 0])
  }))

  test('it is shown and listed, and what cannot be meant is refused by name', withRenter(async (server) => {
    await quota(server, { max_leases: 2, path: 'a' })
    assert.deepEqual({ ...(await server.ok('read', 'sys/quotas/lease-count/q')).data }, { counter: 0, inheritable: false, max_leases: 2, name: 'q', path: 'a/', role: '', type: 'lease-count' })
    assert.deepEqual((await server.ok('list', 'sys/quotas/lease-count')).keys, ['q'])
    const bad: readonly (readonly [JsonObject, RegExp])[] = [
      [{}, /'max_leases' is invalid/], [{ max_leases: 0 }, /'max_leases' is invalid/], [{ max_leases: -1 }, /'max_leases' is invalid/],
      [{ max_leases: 'many' }, /max_leases/], [{ max_leases: 1, path: 'nowhere/' }, /invalid mount path "nowhere\/"/],
      [{ max_leases: 1, path: 'a/', role: 'r' }, /its logins have no roles/], [{ max_leases: 1, role: 'r' }, /invalid mount path ""/],
      [{ max_leases: 1, path: 'a/' }, /similar properties exists under the name "q"/],
    ]
    for (const [data, text] of bad) {
      const answer = await server.request('write', 'sys/quotas/lease-count/other', { data })
      assert.equal(answer.status, 400, answer.text)
      assert.match(answer.errors.join(), text)
    }
  }))
})

/** Roles that need no secret id; the answer logs in to one. */
async function appRoles(server: ServeHarness, names: readonly string[]): Promise<(name: string) => Promise<Served>> {
  await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
  for (const name of names) {
    await server.ok('write', `auth/approle/role/${name}`, { data: { bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32' } })
    await server.ok('write', `auth/approle/role/${name}/role-id`, { data: { role_id: `id-${name}` } })
  }
  return (name) => server.request('write', 'auth/approle/login', { data: { role_id: `id-${name}` }, token: null })
}
