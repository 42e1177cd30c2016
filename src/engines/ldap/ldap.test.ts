/** Accounts of a real OpenLDAP server, through the whole server: made, kept, lent. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { intend } from '../../kit/rotation/rotator.ts'
import type { RotatingName } from '../../kit/rotation/record.ts'
import { withSlapd, type MountedDirectory } from '../../request/testing/mounted-directory.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { runTransaction } from '../../storage/transaction.ts'
import { freePort } from '../database/testing/place.ts'
import { accountName, keeper, readSubject, rootName, staticName } from './rotation.ts'
import type { Slapd } from './testing/slapd.ts'

const onSlapd = withSlapd()

const creation = 'dn: cn={{.Username}},ou=users,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: {{.Username}}\nsn: {{.RoleName}}\ndescription: until {{.ExpirationTimeSeconds}}\nuserPassword:: {{.Password | base64}}\n'
const deletion = 'dn: cn={{.Username}},ou=users,dc=example,dc=com\nchangetype: delete\n'

describe('an entry', () => {
  test('is made by the LDIF of its role, can log in, and is gone when its lease is', onSlapd(async ({ server, slapd, connect, write }) => {
    await connect()
    assert.equal((await write('role/org/app', { creation_ldif: creation, deletion_ldif: deletion, default_ttl: '1h' })).status, 204)
    const { data, body } = await server.ok('read', 'ldap/creds/org/app')
    const [username, password] = [String(data?.['username']), String(data?.['password'])]
    assert.match(username, /^v_root_org-app_\w{10}_\d+$/)
    assert.deepEqual(data?.['distinguished_names'], [slapd.dnOf(username)])
    assert.deepEqual([slapd.canLogIn(slapd.dnOf(username), password), slapd.canLogIn(slapd.dnOf(username), 'other'), password.length], [true, false, 64])
    assert.deepEqual(slapd.values(slapd.dnOf(username), 'sn'), [Buffer.from('org/app').toString('base64')])
    await server.ok('write', 'sys/leases/renew', { data: { lease_id: String(body?.['lease_id']) } })
    await server.ok('delete', 'ldap/role/org/app')
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(body?.['lease_id']), sync: true } })
    assert.deepEqual(slapd.find('(objectClass=person)'), [])
  }))

  test('that is refused midway is not left behind, and has no lease', onSlapd(async ({ server, slapd, connect, write }) => {
    await connect()
    await write('role/app', { creation_ldif: `${creation}\ndn: cn=x,ou=nowhere,dc=example,dc=com\nobjectClass: person\ncn: x\nsn: x\n`, deletion_ldif: deletion })
    const answer = await server.request('read', 'ldap/creds/app')
    assert.equal(answer.status, 400)
    assert.match(answer.errors[0] ?? '', /^the directory refuses it: .*LDAP result 32/)
    assert.deepEqual([slapd.find('(objectClass=person)'), (await server.request('list', 'sys/leases/lookup/ldap/creds/app')).status], [[], 404])
  }))

  test('may be changed after it was made, and rolled back by LDIF of its own', onSlapd(async ({ server, slapd, connect, write }) => {
    await connect()
    slapd.makeAccount('group', 'x')
    const join = `dn: ${slapd.dnOf('group')}\nchangetype: modify\nadd: seeAlso\nseeAlso: cn={{.Username}},ou=users,dc=example,dc=com\n-\nreplace: title\ntitle: busy\n-\n`
    const leave = join.replace('add: seeAlso', 'delete: seeAlso').replace('busy', 'free')
    await write('role/app', { creation_ldif: `${creation}\n${join}`, deletion_ldif: `${leave}\n${deletion}`, rollback_ldif: deletion })
    const { data, body } = await server.ok('read', 'ldap/creds/app')
    assert.deepEqual(slapd.values(slapd.dnOf('group'), 'seeAlso'), [Buffer.from(slapd.dnOf(String(data?.['username']))).toString('base64')])
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(body?.['lease_id']), sync: true } })
    assert.deepEqual([slapd.values(slapd.dnOf('group'), 'seeAlso'), slapd.find('(cn=v_*)')], [[], []])
  }))

  test('that is not there any more counts as removed', onSlapd(async ({ server, slapd, connect, write }) => {
    await connect()
    await write('role/app', { creation_ldif: creation, deletion_ldif: deletion })
    const { data, body } = await server.ok('read', 'ldap/creds/app')
    slapd.modify(`dn: ${slapd.dnOf(String(data?.['username']))}\nchangetype: delete\n`)
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(body?.['lease_id']), sync: true } })
  }))

  test('cannot be made by a password that an LDIF would change', onSlapd(async ({ server, connect, write }) => {
    await server.ok('write', 'sys/policies/password/blank', { data: { policy: 'length = 10\nrule "charset" { charset = " " }' } })
    await connect({ password_policy: 'blank' })
    await write('role/app', { creation_ldif: creation, deletion_ldif: deletion })
    assert.match((await server.request('read', 'ldap/creds/app')).errors[0] ?? '', /cannot stand in LDIF/)
  }))
})

describe('a static role', () => {
  test('gives its account another password when it is made, when asked, and when its time comes', onSlapd(async ({ server, slapd, connect, write, read, pass }) => {
    await connect()
    slapd.makeAccount('alice', 'as it was')
    const dn = slapd.dnOf('alice')
    assert.equal((await write('static-role/org/alice', { username: 'alice', rotation_period: '1h' })).status, 204)
    const first = await read('static-cred/org/alice')
    assert.deepEqual([slapd.canLogIn(dn, String(first['password'])), slapd.canLogIn(dn, 'as it was'), first['ttl'], first['rotation_period']], [true, false, 3600, 3600])
    assert.equal((await write('rotate-role/org/alice')).status, 204)
    const second = await read('static-cred/org/alice')
    assert.deepEqual([second['last_password'], slapd.canLogIn(dn, String(second['password'])), slapd.canLogIn(dn, String(first['password']))], [first['password'], true, false])
    await pass(3600)
    const third = await read('static-cred/org/alice')
    assert.deepEqual([slapd.canLogIn(dn, String(third['password'])), slapd.canLogIn(dn, String(second['password'])), (await read('static-role/org/alice'))['rotation_state']], [true, false, 'settled'])
    assert.deepEqual([(await server.request('list', 'ldap/static-role')).keys, (await server.request('list', 'ldap/static-role/org/')).keys], [['org/'], ['alice']])
    await server.ok('delete', 'ldap/static-role/org/alice')
    await pass(7200)
    assert.equal(slapd.canLogIn(dn, String(third['password'])), true)
  }))

  test('may name an entry, follow cron, and leave the password as it is at first', onSlapd(async ({ slapd, connect, write, read }) => {
    await connect({ skip_static_role_import_rotation: true })
    slapd.makeAccount('bob', 'as it was')
    const fields = { username: 'bob', dn: slapd.dnOf('bob'), rotation_schedule: '0 4 * * *' }
    assert.match((await write('static-role/b', { ...fields, password: 'wrong' })).errors[0] ?? '', /could not be verified: the directory refuses it/)
    assert.equal((await write('static-role/b', { ...fields, password: 'as it was' })).status, 204)
    // It is 3:20 in the tests.
    const cred = await read('static-cred/b')
    assert.deepEqual([cred['password'], cred['ttl'], cred['rotation_schedule'], slapd.canLogIn(slapd.dnOf('bob'), 'as it was')], ['as it was', 2400, '0 4 * * *', true])
  }))

  test('for an account that is not there, or that somebody else looks after, is refused and leaves nothing', onSlapd(async ({ server, slapd, connect, write }) => {
    await connect()
    assert.deepEqual((await write('static-role/s', { username: 'nobody', rotation_period: '1h' })).errors, ['error setting credentials: expected one matching entry for "nobody", but found 0'])
    assert.equal((await server.request('read', 'ldap/static-role/s')).status, 404)
    slapd.makeAccount('carol', 'x')
    assert.equal((await write('static-role/s', { username: 'carol', rotation_period: '1h' })).status, 204)
    assert.deepEqual((await write('static-role/t', { username: 'Carol', rotation_period: '1h' })).errors, ['"Carol" is already managed by the secrets engine'])
    assert.deepEqual((await write('library/l', { service_account_names: 'carol' })).errors, ['"carol" is already managed by the secrets engine'])
    await server.ok('delete', 'ldap/static-role/s')
    assert.equal((await write('static-role/t', { username: 'carol', rotation_period: '1h' })).status, 204)
  }))

  test('whose name holds what a filter would understand finds only itself', onSlapd(async ({ slapd, connect, write }) => {
    await connect()
    slapd.makeAccount('dave', 'x')
    assert.match((await write('static-role/s', { username: '*', rotation_period: '1h' })).errors[0] ?? '', /but found 0$/)
    assert.match((await write('static-role/s', { username: 'x)(cn=dave', rotation_period: '1h' })).errors[0] ?? '', /but found 0$/)
    assert.equal(slapd.canLogIn(slapd.dnOf('dave'), 'x'), true)
  }))

  test('keeps the password that works when the directory is away, says so, and goes on when it is back', onSlapd(async ({ slapd, connect, write, read, pass }) => {
    await connect()
    slapd.makeAccount('erin', 'x')
    await write('static-role/s', { username: 'erin', rotation_period: '1h' })
    const before = await read('static-cred/s')
    await connect({ url: `ldap://127.0.0.1:${await freePort()}` })
    await pass(3600)
    const state = await read('static-role/s')
    assert.equal(state['rotation_state'], 'failing')
    assert.match(String(state['last_rotation_error']), /^no directory could be reached: ldap:\/\/127\.0\.0\.1:\d+: .*ECONNREFUSED/)
    assert.equal((await read('static-cred/s'))['password'], before['password'])
    await connect({ url: `ldap://127.0.0.1:1, ${slapd.url}` })
    await pass(15)
    const now = await read('static-cred/s')
    assert.notEqual(now['password'], before['password'])
    assert.equal(slapd.canLogIn(slapd.dnOf('erin'), String(now['password'])), true)
  }))
})

/** A process that wrote its intent down, then changed the directory or not, and was never heard of again. */
async function crashed({ server }: MountedDirectory, name: RotatingName, change: (password: string) => void): Promise<void> {
  const mount = await server.core.mounts.at('ldap/')
  assert.ok(mount !== null)
  const maker = { now: server.clock.now(), random: server.core.host.random, makePassword: async () => 'unused' }
  const begun = await runTransaction(mount.store, async (store) => {
    const subject = await readSubject(store, name)
    assert.ok(subject !== null)
    return await intend(keeper, store, subject, maker, 60)
  })
  change(begun.next.password ?? '')
}

const setPassword = (slapd: Slapd, dn: string) => (password: string): void => slapd.modify(`dn: ${dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${password}\n`)

describe('a rotation that died in the middle', () => {
  for (const told of [false, true]) {
    test(`${told ? 'after' : 'before'} the directory was told ends with one password that works, which is the one that is shown`, onSlapd(async (setting) => {
      const { slapd, connect, write, read, pass } = setting
      await connect()
      slapd.makeAccount('frank', 'x')
      await write('static-role/s', { username: 'frank', rotation_period: '24h' })
      await crashed(setting, staticName('s'), told ? setPassword(slapd, slapd.dnOf('frank')) : () => undefined)
      await pass(65)
      assert.equal((await read('static-role/s'))['rotation_state'], 'settled')
      assert.equal(slapd.canLogIn(slapd.dnOf('frank'), String((await read('static-cred/s'))['password'])), true)
    }))

    test(`of the administrator, ${told ? 'after' : 'before'} the directory was told, stops nobody meanwhile`, onSlapd(async (setting) => {
      const { server, slapd, connect, write, pass } = setting
      await connect()
      await write('role/app', { creation_ldif: creation, deletion_ldif: deletion })
      await crashed(setting, rootName, told ? setPassword(slapd, slapd.admin.binddn) : () => undefined)
      await server.ok('read', 'ldap/creds/app')
      await pass(65)
      assert.equal(slapd.canLogIn(slapd.admin.binddn, slapd.admin.bindpass), false)
      await server.ok('write', 'sys/leases/revoke-prefix/ldap', { data: { sync: true } })
      assert.deepEqual(slapd.find('(cn=v_*)'), [])
    }))
  }
})

describe('the administrator', () => {
  test('gets a password that nobody is shown, and the engine goes on with it', onSlapd(async ({ server, slapd, connect, write, read }) => {
    await connect()
    slapd.makeAccount('gina', 'x')
    assert.equal((await write('rotate-root')).status, 204)
    assert.equal(slapd.canLogIn(slapd.admin.binddn, slapd.admin.bindpass), false)
    const { text } = await server.ok('read', 'ldap/config')
    assert.ok(!text.includes('bindpass') && text.includes('"rotation_state":"settled"') && text.includes('last_bind_password_rotation'))
    await write('static-role/s', { username: 'gina', rotation_period: '1h' })
    assert.equal(slapd.canLogIn(slapd.dnOf('gina'), String((await read('static-cred/s'))['password'])), true)
  }))

  test('whose password is wrong is said to be refused, and nothing is changed', onSlapd(async ({ slapd, connect, write }) => {
    await connect({ bindpass: 'wrong-password' })
    slapd.makeAccount('hugo', 'x')
    const { status, errors, text } = await write('static-role/s', { username: 'hugo', rotation_period: '1h' })
    assert.deepEqual([status, errors], [400, [`error setting credentials: the directory refuses the login of "${slapd.admin.binddn}"`]])
    assert.ok(!text.includes('wrong-password'))
    assert.equal(slapd.canLogIn(slapd.dnOf('hugo'), 'x'), true)
  }))
})

describe('a library', () => {
  const tokenOf = async (server: ServeHarness): Promise<string> => String((await server.ok('write', 'auth/token/create', { data: { policies: ['root'] } })).auth?.['client_token'])

  test('lends each account to one at a time, and changes its password when it is back', onSlapd(async ({ server, slapd, connect, write, read }) => {
    await connect()
    for (const name of ['one', 'two']) slapd.makeAccount(name, 'as it was')
    assert.equal((await write('library/team/ops', { service_account_names: ['one', 'two'], ttl: '1h', max_ttl: '2h' })).status, 204)
    assert.equal(slapd.canLogIn(slapd.dnOf('one'), 'as it was'), false)
    assert.deepEqual(await read('library/team/ops/status'), { one: { available: true }, two: { available: true } })
    const taken = await Promise.all([write('library/team/ops/check-out', { ttl: '30m' }), write('library/team/ops/check-out')])
    assert.deepEqual(taken.map(({ data }) => data?.['service_account_name']).sort(), ['one', 'two'])
    assert.deepEqual(taken.map(({ body }) => body?.['lease_duration']), [1800, 3600])
    for (const { data } of taken) assert.equal(slapd.canLogIn(slapd.dnOf(String(data?.['service_account_name'])), String(data?.['password'])), true)
    assert.deepEqual((await write('library/team/ops/check-out')).errors, ['No service accounts available for check-out.'])
    assert.match((await write('library/team/ops/check-in')).errors[0] ?? '', /^when multiple service accounts are checked out/)
    assert.deepEqual((await write('library/team/ops/check-in', { service_account_names: ['one', 'two'] })).data, { check_ins: ['one', 'two'] })
    for (const { data } of taken) assert.equal(slapd.canLogIn(slapd.dnOf(String(data?.['service_account_name'])), String(data?.['password'])), false)
    // The leases of before have no say about who has them next.
    const again = await write('library/team/ops/check-out')
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(taken[0]?.body?.['lease_id']), sync: true } })
    assert.equal((await server.request('write', 'sys/leases/renew', { data: { lease_id: String(taken[1]?.body?.['lease_id']) } })).status, 400)
    assert.equal(slapd.canLogIn(slapd.dnOf(String(again.data?.['service_account_name'])), String(again.data?.['password'])), true)
    assert.equal((await server.request('delete', 'ldap/library/team/ops')).status, 400)
    await write('library/manage/team/ops/check-in')
    await server.ok('delete', 'ldap/library/team/ops')
    assert.equal((await server.request('list', 'ldap/library')).status, 404)
  }))

  test('lets only whoever has an account bring it back, unless it is told otherwise', onSlapd(async ({ server, slapd, connect, write, read }) => {
    await connect()
    slapd.makeAccount('one', 'x')
    await write('library/l', { service_account_names: 'one' })
    const [mine, other] = [await tokenOf(server), await tokenOf(server)]
    await write('library/l/check-out', {}, mine)
    assert.deepEqual((await write('library/l/check-in', { service_account_names: 'one' }, other)).errors, ['"one" can\'t be checked in because it wasn\'t checked out by the caller'])
    assert.deepEqual((await write('library/l/check-in', {}, other)).data, { check_ins: [] })
    assert.match(String((await read('library/l/status'))['one'] === undefined ? '' : JSON.stringify((await read('library/l/status'))['one'])), /"available":false,"borrower_client_token":"\w+"/)
    await write('library/l', { disable_check_in_enforcement: true })
    assert.deepEqual((await write('library/l/check-in', {}, other)).data, { check_ins: ['one'] })
    assert.deepEqual(await read('library/l/status'), { one: { available: true } })
  }))

  test('gets an account back when the time or the token of whoever has it ends, and lends it only with another password', onSlapd(async ({ server, slapd, connect, write, read, pass }) => {
    await connect()
    slapd.makeAccount('one', 'x')
    await write('library/l', { service_account_names: 'one', ttl: '1h' })
    const token = await tokenOf(server)
    const { data } = await write('library/l/check-out', {}, token)
    await server.ok('write', 'auth/token/revoke', { data: { token } })
    await server.sweep()
    assert.match((await write('library/l/check-out')).errors[0] ?? '', /^No service accounts available for check-out. "one" is about to get another password/)
    await pass(1)
    assert.deepEqual([await read('library/l/status'), slapd.canLogIn(slapd.dnOf('one'), String(data?.['password']))], [{ one: { available: true } }, false])
    await write('library/l/check-out')
    server.clock.advance(3601)
    await server.sweep()
    await connect({ url: 'ldap://127.0.0.1:1' })
    await pass(1)
    const waiting = (await read('library/l/status'))['one'] as Record<string, unknown>
    assert.deepEqual([waiting['available'], waiting['returning']], [false, true])
    assert.match(String(waiting['last_rotation_error']), /^no directory could be reached/)
    await connect()
    await pass(30)
    assert.deepEqual(await read('library/l/status'), { one: { available: true } })
  }))

  test('that cannot have an account is not made, and one that dies in the middle of taking an account goes on', onSlapd(async (setting) => {
    const { server, slapd, connect, write, read, pass } = setting
    await connect()
    assert.match((await write('library/l', { service_account_names: 'nobody' })).errors[0] ?? '', /expected one matching entry/)
    assert.equal((await server.request('read', 'ldap/library/l')).status, 404)
    slapd.makeAccount('one', 'x')
    await write('library/l', { service_account_names: 'one' })
    await write('library/l/check-out')
    await crashed(setting, accountName('one'), setPassword(slapd, slapd.dnOf('one')))
    await pass(70)
    assert.equal((await read('library/l/status'))['one'] !== undefined, true)
    const again = await write('library/l/check-out')
    assert.equal(slapd.canLogIn(slapd.dnOf('one'), String(again.data?.['password'])), true)
  }))

  test('cannot have the name of another path', onSlapd(async ({ connect, write }) => {
    await connect()
    for (const name of ['a/status', 'a/check-in', 'manage/a']) assert.match((await write(`library/${name}`, { service_account_names: 'x' })).errors[0] ?? '', /name of a library|unsupported operation|doesn't exist/)
  }))
})
