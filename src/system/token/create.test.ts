/** What a token may give to the tokens that it makes, and what it may not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { Served, ServeHarness } from '../../request/testing/serve-harness.ts'

const idOf = ({ auth }: Served): string => String(auth?.['client_token'])
const policiesOf = ({ auth }: Served): unknown => auth?.['policies']

async function make(server: ServeHarness, data: JsonObject, token: string = server.rootToken, path = 'auth/token/create'): Promise<Served> {
  return await server.ok('write', path, { data, token })
}
const tryMake = (server: ServeHarness, data: JsonObject, token: string, path = 'auth/token/create'): Promise<Served> => server.request('write', path, { data, token })
const lookup = async (server: ServeHarness, token: string): Promise<JsonObject> => (await server.ok('write', 'auth/token/lookup', { data: { token } })).data ?? {}

async function refused(server: ServeHarness, text: RegExp, data: JsonObject, token: string, path?: string): Promise<void> {
  const answer = await tryMake(server, data, token, path)
  assert.equal(answer.status, 400, answer.text)
  assert.match(answer.errors.join(), text)
}

/** Policies `one`, `two`, and `maker`, which may make tokens but has no sudo; `boss` has it. */
async function policies(server: ServeHarness): Promise<void> {
  const rules: Record<string, string> = {
    one: 'path "one" { capabilities = ["read"] }',
    two: 'path "two" { capabilities = ["read"] }',
    maker: 'path "auth/token/*" { capabilities = ["create", "update", "read"] }',
    boss: 'path "auth/token/*" { capabilities = ["create", "update", "read", "sudo"] }',
  }
  for (const [name, policy] of Object.entries(rules)) await server.ok('write', `sys/policies/acl/${name}`, { data: { policy } })
}

const withPolicies = (work: (server: ServeHarness) => Promise<void>) => () => withServer(async (server) => {
  await policies(server)
  await work(server)
})

describe('policies', () => {
  test('without sudo a child has no policy that its parent lacks', withPolicies(async (server) => {
    const maker = idOf(await make(server, { policies: ['maker', 'one'] }))
    await refused(server, /child policies must be subset of parent/, { policies: ['one', 'two'] }, maker)
    await refused(server, /child policies must be subset of parent/, { policies: ['root'] }, maker)
    assert.deepEqual(policiesOf(await make(server, { policies: ['one'] }, maker)), ['default', 'one'])
    assert.deepEqual(policiesOf(await make(server, {}, maker)), ['default', 'maker', 'one'])
  }))

  test('`default` is not won by making a child', withPolicies(async (server) => {
    const bare = idOf(await make(server, { policies: ['maker', 'one'], no_default_policy: true }))
    assert.deepEqual(policiesOf(await make(server, { policies: ['one'] }, bare)), ['one'])
    assert.deepEqual(policiesOf(await make(server, {}, bare)), ['maker', 'one'])
    await server.ok('write', 'auth/token/roles/plain', { data: {} })
    assert.deepEqual(policiesOf(await make(server, { policies: ['one'] }, bare, 'auth/token/create/plain')), ['one'])
  }))

  test('who wants no `default` gets none, also where it is inherited or named', withPolicies(async (server) => {
    const maker = idOf(await make(server, { policies: ['maker'] }))
    assert.deepEqual(policiesOf(await make(server, { no_default_policy: true }, maker)), ['maker'])
    assert.deepEqual(policiesOf(await make(server, { policies: ['default', 'maker'], no_default_policy: true }, maker)), ['maker'])
  }))

  test('with sudo a child may have any policies, but root only from root', withPolicies(async (server) => {
    const boss = idOf(await make(server, { policies: ['boss'] }))
    assert.deepEqual(policiesOf(await make(server, { policies: ['two'] }, boss)), ['default', 'two'])
    for (const name of ['root', ' ROOT ', 'Root']) await refused(server, /root tokens may not be created/, { policies: [name] }, boss)
    await refused(server, /cannot assign policy "response-wrapping"/, { policies: ['response-wrapping'] }, boss)
  }))

  test('a role says which policies there are to choose from', withPolicies(async (server) => {
    const role = (data: JsonObject) => server.ok('write', 'auth/token/roles/r', { data })
    const maker = idOf(await make(server, { policies: ['maker'] }))
    const under = (data: JsonObject) => make(server, data, maker, 'auth/token/create/r')
    await role({ allowed_policies: ['one'], allowed_policies_glob: ['tw*'] })
    assert.deepEqual(policiesOf(await under({})), ['default', 'one'])
    assert.deepEqual(policiesOf(await under({ policies: ['two'] })), ['default', 'two'])
    await refused(server, /must be subset of the role's allowed policies/, { policies: ['boss'] }, maker, 'auth/token/create/r')
    await refused(server, /must be subset of the role's allowed policies/, { policies: ['root'] }, maker, 'auth/token/create/r')
    await server.ok('write', 'auth/token/roles/r', { data: { allowed_policies: ['root'], allowed_policies_glob: [] } })
    await refused(server, /root tokens may not be created/, {}, maker, 'auth/token/create/r')
  }))

  test('a role that only forbids gives those of the creator, but for what it forbids', withPolicies(async (server) => {
    await server.ok('write', 'auth/token/roles/r', { data: { disallowed_policies_glob: ['bo*', 'def*'] } })
    const maker = idOf(await make(server, { policies: ['maker', 'one'], no_default_policy: true }))
    const boss = idOf(await make(server, { policies: ['boss'], no_default_policy: true }))
    assert.deepEqual(policiesOf(await make(server, {}, maker, 'auth/token/create/r')), ['maker', 'one'])
    await refused(server, /token policy "boss" is disallowed/, {}, boss, 'auth/token/create/r')
  }))
})

describe('what a child cannot shake off', () => {
  test('the addresses that its parent is bound to', withPolicies(async (server) => {
    await server.ok('write', 'auth/token/roles/bound', { data: { token_bound_cidrs: ['10.0.0.0/8'] } })
    const maker = idOf(await make(server, { policies: ['maker'] }))
    const bound = idOf(await make(server, {}, maker, 'auth/token/create/bound'))
    const from = (token: string, address: string) => server.request('read', 'auth/token/lookup-self', { token, from: address })
    const made = await server.ok('write', 'auth/token/create', { token: bound, from: '10.1.2.3' })
    assert.equal((await from(idOf(made), '10.9.9.9')).status, 200)
    assert.equal((await from(idOf(made), '192.168.0.1')).status, 403)
    assert.deepEqual((await lookup(server, idOf(made)))['bound_cidrs'], ['10.0.0.0/8'])
    const batch = await server.ok('write', 'auth/token/create', { token: bound, data: { type: 'batch' }, from: '10.1.2.3' })
    assert.equal((await from(idOf(batch), '192.168.0.1')).status, 403)
  }))

  test('who it stands for; an orphan stands for nobody', withPolicies(async (server) => {
    await server.ok('write', 'sys/auth/userpass', { data: { type: 'userpass' } })
    await server.ok('write', 'auth/userpass/users/ann', { data: { password: 'long enough', token_policies: ['boss'] } })
    const login = await server.ok('write', 'auth/userpass/login/ann', { data: { password: 'long enough' }, token: null })
    const entity = login.auth?.['entity_id']
    assert.ok(typeof entity === 'string' && entity !== '')
    assert.equal((await make(server, {}, idOf(login))).auth?.['entity_id'], entity)
    assert.equal((await make(server, {}, idOf(login), 'auth/token/create-orphan')).auth?.['entity_id'], '')
    assert.equal((await make(server, { no_parent: true }, idOf(login))).auth?.['entity_id'], '')
  }))

  test('the end of a root token that ends', withPolicies(async (server) => {
    const ending = idOf(await make(server, { policies: ['root'], ttl: '1h' }))
    await refused(server, /expiring root tokens cannot create non-expiring/, { policies: ['root'] }, ending)
    const child = idOf(await make(server, { policies: ['root'], ttl: '2h' }, ending))
    server.clock.advance(3601)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token: child })).status, 403)
  }))

  test('a number of uses: such a token makes no tokens at all', withPolicies(async (server) => {
    const limited = idOf(await make(server, { policies: ['maker'], num_uses: 3 }))
    await refused(server, /restricted use token cannot generate child tokens/, {}, limited)
    const batch = idOf(await make(server, { policies: ['maker'], type: 'batch' }))
    await refused(server, /batch tokens cannot create more tokens/, {}, batch)
  }))
})

describe('what needs sudo', () => {
  test('an id of one\'s own, a period, and to be without a parent', withPolicies(async (server) => {
    const maker = idOf(await make(server, { policies: ['maker'] }))
    await refused(server, /required to specify token id/, { id: 'mine' }, maker)
    await refused(server, /required to create periodic token/, { period: '1h' }, maker)
    await refused(server, /required to create orphan token/, { no_parent: true }, maker)
    const boss = idOf(await make(server, { policies: ['boss'] }))
    const own = await make(server, { id: 'mine-alone', period: '1h', no_parent: true }, boss)
    assert.deepEqual([own.auth?.['client_token'], own.auth?.['orphan'], own.auth?.['lease_duration']], ['mine-alone', true, 3600])
    await refused(server, /duplicate ID/, { id: 'mine-alone' }, boss)
    for (const id of ['hvs.x', 'hvb.x', 's.x', 'a.b']) await refused(server, /custom token ID cannot have/, { id }, boss)
  }))

  test('for a role, sudo counts at the path of the role', withPolicies(async (server) => {
    await server.ok('write', 'auth/token/roles/r', { data: {} })
    await server.ok('write', 'sys/policies/acl/only-r', { data: { policy: 'path "auth/token/create/r" { capabilities = ["update", "sudo"] }' } })
    await server.ok('write', 'sys/policies/acl/not-r', { data: { policy: 'path "auth/token/create" { capabilities = ["update", "sudo"] } path "auth/token/create/r" { capabilities = ["update"] }' } })
    const onlyR = idOf(await make(server, { policies: ['only-r'] }))
    const notR = idOf(await make(server, { policies: ['not-r'] }))
    assert.equal((await make(server, { period: '1h' }, onlyR, 'auth/token/create/r')).auth?.['lease_duration'], 3600)
    await refused(server, /required to create periodic token/, { period: '1h' }, notR, 'auth/token/create/r')
  }))
})

describe('times', () => {
  test('of a role and a request, the shorter maximum and period hold, with a warning', withPolicies(async (server) => {
    await server.ok('write', 'auth/token/roles/r', { data: { token_explicit_max_ttl: '2h', token_period: '1h' } })
    const both = await make(server, { explicit_max_ttl: '30m', period: '10m' }, server.rootToken, 'auth/token/create/r')
    const shown = await lookup(server, idOf(both))
    assert.deepEqual([shown['explicit_max_ttl'], shown['period'], both.auth?.['lease_duration']], [1800, 600, 600])
    assert.equal(both.warnings.length, 2)
    const longer = await lookup(server, idOf(await make(server, { explicit_max_ttl: '30h', period: '10h' }, server.rootToken, 'auth/token/create/r')))
    assert.deepEqual([longer['explicit_max_ttl'], longer['period']], [7200, 3600])
  }))

  test('durations that are none, or negative, are refused by name', withPolicies(async (server) => {
    for (const field of ['ttl', 'lease', 'explicit_max_ttl', 'period']) {
      await refused(server, new RegExp(`${field} must be positive`), { [field]: '-1h' }, server.rootToken)
      await refused(server, /invalid duration/, { [field]: 'soon' }, server.rootToken)
    }
  }))

  test('a batch token has no uses, no period and no explicit maximum; those of a role do not count for it', withPolicies(async (server) => {
    for (const [field, value] of [['num_uses', 2], ['period', '1h'], ['explicit_max_ttl', '1h'], ['id', 'x']] as const) {
      await refused(server, new RegExp(`batch tokens cannot have "${field}" set`), { type: 'batch', policies: ['one'], [field]: value }, server.rootToken)
    }
    await refused(server, /batch tokens cannot be root tokens/, { type: 'batch' }, server.rootToken)
    await server.ok('write', 'auth/token/roles/r', { data: { token_type: 'default-batch', token_period: '10m', token_explicit_max_ttl: '20m', allowed_policies: ['one'] } })
    const made = await make(server, { ttl: '1h', period: '0' }, server.rootToken, 'auth/token/create/r')
    assert.deepEqual([made.auth?.['token_type'], made.auth?.['lease_duration'], made.auth?.['renewable']], ['batch', 3600, false])
  }))
})
