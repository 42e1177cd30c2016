/** What is kept and for how long, with a clock that is moved by hand and a server that says what it was asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClientError } from '../../../client/src/errors.ts'
import type { ProxyAnswer } from '../proxy/message.ts'
import { clearCache } from './clear.ts'
import { leases, statics, worldOf, type Answers } from './testing/world.ts'

const json = (status: number, body: unknown): ProxyAnswer => ({ status, headers: [['Content-Type', 'application/json']], body: Buffer.from(JSON.stringify(body)) })
const lease = (id: string, seconds = 60): ProxyAnswer => json(200, { lease_id: id, renewable: true, lease_duration: seconds, data: { a: id } })
const login = (token: string, more = {}): ProxyAnswer => json(200, { lease_id: '', auth: { client_token: token, accessor: `${token}-a`, renewable: true, lease_duration: 3600, orphan: true, ...more } })
const secret = (text: string): ProxyAnswer => json(200, { lease_id: '', renewable: false, lease_duration: 0, data: { data: { text } } })
const kv2 = json(200, { data: { type: 'kv', path: 'secret/', options: { version: '2' } } })

/** Leases `l1`, `l2`, …; renewals give what `life` says, or are refused. */
function leasing(life: () => number): Answers {
  let count = 0
  return ({ path }) => {
    if (path === 'sys/leases/renew') return life() > 0 ? lease('l', life()) : json(400, { errors: ['lease not found'] })
    if (/revoke/.test(path)) return { ...json(204, ''), body: new Uint8Array() }
    if (path.startsWith('auth/') && path.includes('login')) return login(`t${++count}`)
    return lease(`creds/app/l${++count}`)
  }
}

test('a lease is kept for the token that made it, and for equal requests only', async () => {
  const { ask, pass, asked } = worldOf(leasing(() => 60))
  assert.equal(await ask('GET creds/app'), '200 creds/app/l1')
  await pass(7)
  assert.equal(await ask('GET creds/app'), '200 creds/app/l1 of 7 s')
  const others = [await ask('GET creds/other'), await ask('PUT creds/app {"a":1}'), await ask('PUT creds/app {"a":2}'), await ask('GET creds/app', 'own', { namespace: 'a/' }), await ask('GET creds/app', 'own', { query: 'x=1' }), await ask('GET creds/app', 'own', { headers: { 'x-vault-wrap-ttl': '60' } })]
  assert.deepEqual(others.map((text) => text.replace(/.*\//, '')), ['l2', 'l3', 'l4', 'l5', 'l6', 'l7'])
  assert.equal(await ask('GET creds/app', 'own', { headers: { 'user-agent': 'x', traceparent: 'y' } }), '200 creds/app/l1 of 7 s')
  assert.equal(asked.length, 7)
})

test('nothing is kept for tokens of others, of what cannot be renewed, of refusals, and of what the system does', async () => {
  const { ask, cache } = worldOf(({ path }) => {
    if (path === 'plain') return secret('p')
    if (path === 'once') return json(200, { lease_id: 'once/1', renewable: false, lease_duration: 60, data: {} })
    if (path === 'no') return json(403, { errors: ['permission denied'] })
    if (path === 'text') return { ...lease('x'), headers: [['Content-Type', 'text/plain']] }
    if (path.startsWith('auth/')) return login('t', { orphan: path.includes('orphan') })
    return lease('l')
  })
  await ask('GET creds/app', 'of-another')
  await ask('GET creds/app', '')
  for (const line of ['GET plain', 'GET once', 'GET no', 'GET text', 'PUT sys/leases/renew', 'PUT sys/wrapping/unwrap', 'PUT auth/token/renew-self', 'PUT auth/token/renew', 'PUT team/sys/leases/renew', 'PUT team/auth/token/renew-self', 'LIST creds']) {
    await ask(line)
    assert.equal(cache.entries.size, 0, line)
  }
  await ask('PUT auth/token/create', 'of-another')
  assert.equal(cache.entries.size, 0)
  await ask('PUT auth/token/create-orphan', 'of-another')
  assert.equal(cache.entries.size, 1)
})

test('a lease is renewed for as long as the server lets it live, and gone before it ends', async () => {
  let life = 60
  const { ask, pass, asked, cache } = worldOf(leasing(() => life))
  await ask('GET creds/app')
  await pass(3600)
  assert.equal(asked.filter((line) => line === 'PUT sys/leases/renew').length, 90)
  assert.equal(await ask('GET creds/app'), '200 creds/app/l1 of 3600 s')
  life = 5
  await pass(39.9)
  assert.equal(cache.entries.size, 1)
  await pass(0.2)
  assert.equal(cache.entries.size, 0, 'less than a tenth of its life is left')
  assert.equal(await ask('GET creds/app'), '200 creds/app/l2')
  life = 0
  await pass(40)
  assert.equal(cache.entries.size, 0, 'the server knows it no more')
})

test('a server that gives no answer is asked again while the lease may live', async () => {
  let isAway = true
  const life = leasing(() => 60)
  const { ask, pass, cache } = worldOf((request) => {
    if (isAway && request.path === 'sys/leases/renew') throw new ClientError({ code: 'network', status: 0, errors: ['away'], method: 'PUT', url: '' })
    return life(request)
  })
  await ask('GET creds/app')
  await pass(50)
  assert.equal(cache.entries.size, 1)
  isAway = false
  await pass(100)
  assert.equal(cache.entries.size, 1)
  isAway = true
  await pass(60)
  assert.equal(cache.entries.size, 0)
})

test('what a request revokes is gone, with everything that belongs to it', async () => {
  const revocations: Readonly<Record<string, readonly string[]>> = {
    'PUT sys/leases/revoke {"lease_id":"creds/app/l2"}': ['t1', 'o4'],
    'PUT sys/leases/revoke/creds/app/l2': ['t1', 'o4'],
    'PUT sys/leases/revoke-prefix/creds/app': ['t1', 'o4'],
    'PUT sys/leases/revoke-prefix/creds/ap': ['t1', 'l2', 'o4'],
    'PUT sys/leases/revoke-force/creds': ['t1', 'o4'],
    'PUT sys/revoke-prefix/auth/userpass': ['o4'],
    'PUT auth/token/revoke {"token":"t1"}': ['o4'],
    'PUT auth/token/revoke token=t1': ['o4'],
    'PUT auth/token/revoke-accessor {"accessor":"t1-a"}': ['o4'],
    'PUT auth/token/revoke-orphan {"token":"t1"}': ['o4'],
    'PUT auth/token/revoke-self': ['t1', 'l2', 'o4'],
    'PUT sys/leases/revoke-prefix/creds/app/': ['t1', 'o4'],
    'PUT team/sys/leases/revoke-prefix/creds/app': ['t1', 'l2', 'o4'],
    'PUT team/auth/token/revoke {"token":"t1"}': ['o4'],
    'PUT auth/token/revoke-accessor/t1-a': ['o4'],
    'DELETE sys/mounts/creds': ['t1', 'o4'],
    'DELETE sys/auth/userpass': ['o4'],
  }
  for (const [line, left] of Object.entries(revocations)) {
    const { ask, cache } = worldOf(leasing(() => 60))
    await ask('PUT auth/userpass/login/a {}', '')
    await ask('GET creds/app', 't1')
    await ask('PUT sys/leases/renew')
    await ask('PUT auth/other/login/o {}', '')
    await ask(line)
    const names = ['PUT auth/userpass/login/a {}', 'GET creds/app', 'PUT auth/other/login/o {}']
    const tokens = ['', 't1', '']
    const kept = await Promise.all(names.map(async (name, i) => / of \d+ s$/.test(await ask(name, tokens[i]))))
    assert.deepEqual(kept, ['t1', 'l2', 'o4'].map((name) => left.includes(name)), line)
    cache.stop()
  }
})

test('a token that was revoked alone leaves those that it made', async () => {
  const { ask, cache } = worldOf(({ path, token }) => (path.includes('revoke') ? { ...json(204, ''), body: new Uint8Array() } : path === 'creds' ? lease('l') : token === '' ? login('t') : login('child', { orphan: false })))
  await ask('PUT auth/userpass/login/a', '')
  await ask('PUT auth/token/create', 't')
  await ask('GET creds', 't')
  await ask('GET creds', 'child')
  assert.equal(cache.entries.size, 4)
  await ask('PUT auth/token/revoke-orphan {"token":"t"}')
  assert.deepEqual([cache.entries.size, cache.entries.hasToken('child')], [2, true])
  await ask('PUT auth/token/revoke {"token":"child"}')
  assert.equal(cache.entries.size, 0)
})

test('a revocation that is refused changes nothing, and one of which nobody knows does', async () => {
  let refusal: ProxyAnswer | null = json(403, { errors: ['permission denied'] })
  const { ask, cache } = worldOf(({ path }) => {
    if (!path.includes('revoke')) return lease('l')
    if (refusal !== null) return refusal
    throw new ClientError({ code: 'timeout', status: 0, errors: ['timeout'], method: 'PUT', url: '' })
  })
  await ask('GET creds/app')
  await ask('PUT sys/leases/revoke-prefix/creds')
  assert.equal(cache.entries.size, 1)
  refusal = null
  await assert.rejects(ask('PUT sys/leases/revoke-prefix/creds'))
  assert.equal(cache.entries.size, 0)
})

test('equal requests at once are one, and each that is revoked meanwhile is not kept', async () => {
  const waiting: (() => void)[] = []
  let count = 0
  const { ask, asked, cache } = worldOf(async ({ path }) => {
    if (path.includes('revoke')) return { ...json(204, ''), body: new Uint8Array() }
    await new Promise<void>((resolve) => waiting.push(resolve))
    return path === 'plain' ? secret('p') : lease(`l${++count}`)
  })
  const all = ['GET creds', 'GET creds', 'GET creds'].map((line) => ask(line))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(waiting.length, 1)
  waiting.pop()?.()
  assert.deepEqual(await Promise.all(all), ['200 l1', '200 l1 of 0 s', '200 l1 of 0 s'])
  const late = ask('GET other')
  await ask('PUT sys/leases/revoke-prefix/other')
  waiting.pop()?.()
  assert.equal(await late, '200 l2')
  assert.equal(cache.entries.size, 1)
  assert.equal(asked.length, 3)
})

test('who waits for a client that went away asks for itself', async () => {
  const gone = new AbortController()
  let isFirst = true
  const { ask } = worldOf(async ({ signal }) => {
    if (!isFirst) return lease('l')
    isFirst = false
    return await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new ClientError({ code: 'network', status: 0, errors: ['gone'], method: 'GET', url: '' }))))
  })
  const first = ask('GET creds', 'own', { signal: gone.signal })
  const second = ask('GET creds')
  gone.abort()
  await assert.rejects(first)
  assert.equal(await second, '200 l')
})

test('no-store and no-cache are for the server, and nothing of them is kept', async () => {
  const { ask, asked } = worldOf(leasing(() => 60))
  await ask('GET creds/app')
  for (const value of ['no-store', 'max-age=0, No-Cache']) await ask('GET creds/app', 'own', { headers: { 'cache-control': value } })
  assert.equal(await ask('GET creds/app'), '200 creds/app/l1 of 0 s')
  assert.equal(asked.length, 3)
})

test('without room a lease is passed on and those that are there stay; secrets make room', async () => {
  const { ask, cache } = worldOf(({ path }) => (path.startsWith('sys/') ? kv2 : path.startsWith('secret/') ? secret('s') : lease(path)), statics, { entriesMax: 3, bytesMax: 1_000_000 })
  for (const line of ['GET secret/data/a', 'GET secret/data/b', 'GET creds/1', 'GET creds/2']) await ask(line)
  assert.deepEqual([await ask('GET secret/data/b'), cache.entries.size], ['200 s of 0 s', 3])
  await ask('GET creds/3')
  await ask('GET creds/4')
  assert.deepEqual([await ask('GET creds/1'), await ask('GET creds/4'), await ask('GET secret/data/a')], ['200 creds/1 of 0 s', '200 creds/4', '200 s'])
  const small = worldOf(({ path }) => lease(path), leases, { entriesMax: 100, bytesMax: 2200 })
  await small.ask('GET creds/1')
  await small.ask('GET creds/2')
  assert.equal(small.cache.entries.size, 1)
})

test('secrets are kept only where that is asked for, for a time, and until they are written', async () => {
  let text = 'one'
  const answers: Answers = ({ path, verb }) => (path.startsWith('sys/internal/') ? kv2 : verb === 'read' ? secret(text) : json(200, { data: {} }))
  const plain = worldOf(answers)
  await plain.ask('GET secret/data/a')
  assert.equal(plain.cache.entries.size, 0)
  const { ask, pass } = worldOf(answers, statics)
  await ask('GET secret/data/a/b')
  text = 'two'
  await pass(299)
  assert.equal(await ask('GET secret/data/a/b'), '200 one of 299 s')
  assert.equal(await ask('GET secret/data/a/b', 'other'), '200 two', 'each token asks for itself')
  await pass(1)
  assert.equal(await ask('GET secret/data/a/b'), '200 two')
  for (const line of ['PUT secret/data/a/b {}', 'PUT secret/destroy/a/b {}', 'DELETE secret/metadata/a/b', 'PUT secret/config {}', 'PUT sys/policies/acl/x {}', 'PUT auth/token/revoke {"token":"own"}']) {
    await ask('GET secret/data/a/b')
    await ask(line)
    assert.equal(await ask('GET secret/data/a/b'), '200 two', line)
  }
  await ask('PUT secret/data/sys/x {}')
  await ask('PUT secret/data/a/c {}')
  assert.equal(await ask('GET secret/data/a/b'), '200 two of 0 s')
  await ask('GET secret/metadata/a/b')
  assert.equal(await ask('GET secret/metadata/a/b'), '200 two')
})

test('a secret with a name that looks like the system is read anew after it was written', async () => {
  const { ask, cache } = worldOf(({ path }) => (path.startsWith('sys/') ? kv2 : secret('s')), statics)
  for (const name of ['auth/token/revoke', 'x/leases/revoke', 'x']) {
    await ask(`GET secret/data/${name}`)
    await ask(`PUT secret/data/${name} {}`)
    assert.equal(cache.entries.size, 0, name)
  }
})

test('a secret that was read before a write and arrives after it is not kept', async () => {
  let arrive = (): void => undefined
  const { ask, cache } = worldOf(async ({ path, verb }) => {
    if (path.startsWith('sys/')) return kv2
    if (verb === 'read') await new Promise<void>((resolve) => (arrive = resolve))
    return secret('old')
  }, statics)
  const reading = ask('GET secret/data/a')
  await ask('PUT secret/data/a {}')
  arrive()
  await reading
  assert.equal(cache.entries.size, 0)
})

test('an old secret serves for an hour while the server is away, unless that is not wanted, and not when it refuses', async () => {
  let state: 'well' | 'away' | 'sealed' | 'refusing' = 'well'
  const answers: Answers = ({ path }) => {
    if (state === 'away') throw new ClientError({ code: 'network', status: 0, errors: ['away'], method: 'GET', url: '' })
    if (state === 'sealed') return json(503, { errors: ['Vault is sealed'] })
    if (state === 'refusing') return json(403, { errors: ['permission denied'] })
    return path.startsWith('sys/') ? kv2 : secret('s')
  }
  const { ask, pass } = worldOf(answers, statics)
  await ask('GET secret/data/a')
  await pass(400)
  state = 'away'
  const both = await Promise.all([ask('GET secret/data/a'), ask('GET secret/data/a')])
  assert.deepEqual(both, ['200 s of 400 s', '200 s of 400 s'])
  state = 'sealed'
  assert.equal(await ask('GET secret/data/a'), '200 s of 400 s')
  await pass(3500)
  assert.equal(await ask('GET secret/data/a'), '503 ')
  await pass(-3500)
  state = 'refusing'
  assert.equal(await ask('GET secret/data/a'), '403 ')
  state = 'away'
  await assert.rejects(ask('GET secret/data/a'))
  state = 'well'
  const strict = worldOf(answers, { ...statics, servesStale: false })
  await strict.ask('GET secret/data/a')
  await strict.pass(301)
  state = 'away'
  await assert.rejects(strict.ask('GET secret/data/a'))
})

test('a namespace counts whether it stands in the header or in the path', async () => {
  const { ask, cache } = worldOf(leasing(() => 60))
  const fill = async (): Promise<void> => {
    await ask('GET team/creds/app')
    await ask('GET creds/app', 'own', { namespace: 'team/' })
    await ask('GET creds/app')
    assert.equal(cache.entries.size, 3)
  }
  await fill()
  await ask('PUT sys/leases/revoke-prefix/creds/app', 'own', { namespace: 'team/' })
  assert.equal(cache.entries.size, 1)
  await fill()
  await ask('PUT team/sys/leases/revoke-prefix/creds')
  assert.equal(cache.entries.size, 1)
  cache.stop()
})

test('a secret that is older than it may ever be is not held', async () => {
  for (const [servesStale, seconds] of [[true, 3900], [false, 300]] as const) {
    const { ask, pass, cache } = worldOf(({ path }) => (path.startsWith('sys/') ? kv2 : secret('s')), { ...statics, servesStale })
    await ask('GET secret/data/a')
    await pass(seconds - 1)
    assert.equal(cache.entries.size, 1)
    await pass(1)
    assert.equal(cache.entries.size, 0)
  }
})

test('cache-clear removes what it names, and says what it does not understand', async () => {
  const { ask, cache } = worldOf(leasing(() => 60))
  const fill = async (): Promise<void> => {
    cache.stop()
    await ask('PUT auth/userpass/login/a {}', '')
  }
  const clear = (body: string): string => {
    const { status, body: said } = clearCache(cache.entries, Buffer.from(body))
    return `${status} ${said === null ? '' : (JSON.parse(String(said)) as { errors: string[] }).errors.join()}`
  }
  for (const [type, value, left] of [['all', '', 0], ['token', 't1', 0], ['token_accessor', 't2-a', 0], ['token', 'x', 1], ['request_path', '/v1/auth/user', 0], ['request_path', 'auth/other', 1], ['lease', 'x', 1]] as const) {
    await fill()
    const token = ['t1', 't2', 't3', 't4', 't5', 't6', 't7'].find((name) => cache.entries.hasToken(name)) ?? ''
    assert.equal(clear(JSON.stringify({ type, value: value.startsWith('t') ? token + value.slice(2) : value })), '200 ')
    assert.equal(cache.entries.size, left, `${type} ${value}`)
  }
  assert.equal(clear(''), '400 failed to parse JSON input: empty JSON provided')
  assert.equal(clear('{'), '400 failed to parse JSON input: not valid JSON')
  assert.equal(clear('[]'), '400 failed to parse JSON input: expected an object')
  assert.equal(clear('{}'), '400 failed to parse clear input: no type provided')
  assert.equal(clear('{"type":"constructor"}'), '400 failed to clear cache: invalid type provided')
  assert.equal(clear('{"type":"request_path"}'), '400 failed to clear cache: request path not provided')
})
