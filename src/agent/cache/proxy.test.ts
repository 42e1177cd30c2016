/** The cache of an agent and of a proxy, against a real server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { approle, listener, withWorld } from '../../cli/testing/agent-world.ts'
import { findProgram } from '../../engines/database/testing/place.ts'
import { startRedis } from '../../engines/database/testing/redis.ts'

interface Told {
  readonly status: number
  readonly cache: string | null
  readonly text: string
  readonly body: { readonly data?: { readonly username?: string; readonly data?: { readonly user?: string } }; readonly auth?: { readonly client_token: string }; readonly lease_id?: string }
}

/** `GET path`, `POST path {…}`, with a token. */
async function ask(address: string, line: string, token = ''): Promise<Told> {
  const [method = '', path = '', ...body] = line.split(' ')
  const answer = await fetch(`${address}/v1/${path}`, { method, headers: token === '' ? {} : { 'X-Vault-Token': token }, ...(body.length === 0 ? {} : { body: body.join(' ') }) })
  const text = await answer.text()
  return { status: answer.status, cache: answer.headers.get('x-cache'), text, body: text.startsWith('{') ? (JSON.parse(text) as Told['body']) : {} }
}

const clear = async (address: string, body: string, mode = 'proxy'): Promise<number> => (await fetch(`${address}/${mode}/v1/cache-clear`, { method: 'POST', body })).status

async function loggedIn(...addresses: readonly string[]): Promise<void> {
  const end = Date.now() + 20_000
  for (const address of addresses) while ((await ask(address, 'GET auth/token/lookup-self')).status !== 200) if (Date.now() > end) assert.fail('it never logged in')
}

test('a login through a proxy is done once, until it is cleared or its token revoked', withWorld(async ({ started, read }) => {
  const [proxy = ''] = await started('proxy', `cache {}\n${listener()}`)
  const line = `POST auth/approle/login ${JSON.stringify({ role_id: read('role').trim(), secret_id: read('secret').trim() })}`
  const login = async (): Promise<readonly [string, string | null]> => {
    const { body, cache } = await ask(proxy, line)
    return [body.auth?.client_token ?? '', cache]
  }
  const [first, ...missed] = await login()
  assert.deepEqual(missed, ['MISS'])
  assert.deepEqual(await login(), [first, 'HIT'])
  assert.equal((await ask(proxy, 'GET auth/token/lookup-self', first)).cache, 'MISS')
  assert.equal(await clear(proxy, '{"type":"all"}'), 200)
  const [second] = await login()
  assert.notEqual(second, first)
  const child = await ask(proxy, 'POST auth/token/create {"ttl":"30m"}', 'root')
  assert.equal((await ask(proxy, 'POST auth/token/create {"ttl":"30m"}', 'root')).cache, 'MISS', 'root came from elsewhere')
  assert.match(child.text, /"renewable":true/)
  assert.equal((await ask(proxy, 'POST auth/token/revoke-self {}', second)).status, 204)
  assert.notEqual((await login())[0], second)
  assert.equal(await clear(proxy, '{"type":"x"}'), 400)
  const figures = await (await fetch(`${proxy}/proxy/v1/metrics?format=prometheus`)).text()
  assert.match(figures, /^vault_agent_cache_hit 1$/m)
  assert.match(figures, /^vault_agent_cache_entries 1$/m)
}))

test('with cache_static_secrets a secret is read once, written secrets are read anew, and old ones serve while the server is away', withWorld(async ({ started, ok, address }) => {
  const config = `${approle}cache {
    use_auto_auth_token = true
    cache_static_secrets = true
    static_secret_token_capability_refresh_interval = "2s"
  }\n${listener()}vault { retry { num_retries = -1 } }\n`
  const [agent = ''] = await started('agent', config)
  const [plain = ''] = await started('agent', config.replace('cache_static_secrets = true', ''))
  await loggedIn(agent, plain)
  const user = async (at: string, token?: string): Promise<string> => {
    const { body, cache } = await ask(at, 'GET secret/data/app', token)
    return `${body.data?.data?.user ?? ''} ${cache ?? ''}`
  }
  assert.deepEqual([await user(plain), await user(plain)], ['u MISS', 'u MISS'], 'nothing of KV is kept unless that is asked for')
  assert.deepEqual([await user(agent), await user(agent), await user(agent, 'root')], ['u MISS', 'u HIT', 'u MISS'])
  assert.equal((await ask(agent, 'GET secret/data/app', 'wrong')).status, 403)
  await ask(agent, 'POST secret/data/app {"data":{"user":"v"}}')
  assert.deepEqual([await user(agent), await user(agent)], ['v MISS', 'v HIT'])
  ok('coffer kv put -mount=secret app user=w')
  const end = Date.now() + 15_000
  for (let seen = ''; !seen.startsWith('w'); ) {
    await pause(50)
    seen = await user(agent)
    if (Date.now() > end) assert.fail('what others have written was never seen')
  }
  ok(`coffer operator seal -address=${address} > /dev/null`)
  await pause(2100)
  assert.equal(await user(agent), 'w HIT', 'the server is sealed')
  assert.equal((await ask(agent, 'GET secret/data/other')).status, 503)
}))

const withoutRedis = { skip: findProgram('redis-server') === null && 'redis-server is not installed' }

test('credentials made through an agent are the same for all who ask, live on, and end with a revocation or at their longest life', withoutRedis, withWorld(async ({ started, ok }) => {
  const database = (await startRedis()) ?? assert.fail('there is no Redis')
  try {
    const { host, port } = database.details as { host: string; port: number }
    ok(`coffer secrets enable database && coffer write database/config/r plugin_name=redis-database-plugin host=${host} port=${port} username=${database.admin.username} password='${database.admin.password}' allowed_roles='*'
      coffer write database/roles/app db_name=r creation_statements='["~*", "+@read"]' default_ttl=6s max_ttl=14s
      printf 'path "database/creds/*" { capabilities = ["read"] }\\npath "sys/leases/revoke" { capabilities = ["update"] }' | coffer policy write app -`)
    const [agent = ''] = await started('agent', `${approle}api_proxy { use_auto_auth_token = true }\ncache {}\n${listener()}`)
    await loggedIn(agent)
    const creds = async (): Promise<Told> => await ask(agent, 'GET database/creds/app')
    const began = Date.now()
    const all = await Promise.all(Array.from({ length: 10 }, creds))
    const [first = ''] = all.map(({ body }) => body.data?.username ?? '')
    assert.notEqual(first, '')
    assert.deepEqual(new Set(all.map(({ body }) => body.data?.username)), new Set([first]))
    assert.equal(all.filter(({ cache }) => cache === 'MISS').length, 1)
    const countOf = (): number => (JSON.parse(ok('coffer list -format=json sys/leases/lookup/database/creds/app')) as unknown[]).length
    assert.equal(countOf(), 1)
    assert.equal((await database.users(first)).length, 1)
    for (let name = first; name === first; ) {
      name = (await creds()).body.data?.username ?? ''
      assert.notEqual(name, '')
      if (Date.now() - began > 30_000) assert.fail('the credentials never changed')
      await pause(50)
    }
    assert.ok(Date.now() - began > 7000, 'they were renewed beyond their first life')
    const { body: { lease_id: leaseId = '' } } = await creds()
    assert.equal((await ask(agent, `PUT sys/leases/revoke {"lease_id":"${leaseId}"}`)).status, 204)
    const anew = await creds()
    assert.deepEqual([anew.cache, anew.body.lease_id === leaseId], ['MISS', false])
  } finally {
    await database.stop()
  }
}))
