/** What goes over the wire, what comes back, and what never shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createClient, type ClientOptions } from './client.ts'
import { ClientError } from './errors.ts'
import { ExactNumber } from './exact-json.ts'
import { scripted, type Reply } from './testing.ts'

function open(options: ClientOptions, ...replies: Reply[]) {
  const script = scripted(...replies)
  const usual = { address: 'http://vault.test:8200', token: 'hvs.topsecrettoken', retryDelayMs: 1 }
  const client = createClient({ ...usual, fetch: script.fetch, ...options })
  return { client, asked: script.asked }
}
const envelope = (data: string): Reply => ({
  body: `{"request_id":"r","lease_id":"","renewable":false,"lease_duration":0,"data":${data},"warnings":null,"auth":null}`,
})

test('the five verbs become the methods that the API knows', async () => {
  const { client, asked } = open({ namespace: 'team' }, envelope('{"keys":["a"]}'))
  await client.read('secret/data/a b', { query: { version: 2 } })
  await client.list('/secret/metadata', { after: 'k', limit: 10 })
  await client.write('secret//x', { n: new ExactNumber('1e400') }, { wrapTtl: '5m' })
  await client.patch('secret/x', { a: null })
  await client.delete('secret/x?y#z')
  assert.deepEqual(
    asked.map(({ method, url, body }) => [method, url.slice('http://vault.test:8200'.length), body]),
    [
      ['GET', '/v1/secret/data/a%20b?version=2', undefined],
      ['GET', '/v1/secret/metadata?list=true&after=k&limit=10', undefined],
      ['PUT', '/v1/secret//x', '{"n":1e400}'],
      ['PATCH', '/v1/secret/x', '{"a":null}'],
      ['DELETE', '/v1/secret/x%3Fy%23z', undefined],
    ],
  )
  assert.equal(asked[0]?.headers['X-Vault-Token'], 'hvs.topsecrettoken')
  assert.equal(asked[0]?.headers['X-Vault-Namespace'], 'team')
  assert.equal(asked[2]?.headers['X-Vault-Wrap-TTL'], '5m')
  assert.equal(asked[3]?.headers['Content-Type'], 'application/merge-patch+json')
})

test('a path cannot be folded into another one on its way', async () => {
  const { client, asked } = open({}, {})
  for (const path of ['secret/../sys/mounts', './secret', 'a/..']) await assert.rejects(client.read(path), { code: 'bad_request' })
  assert.equal(asked.length, 0)
})

test('what is not there is null; a deleted version is an answer', async () => {
  assert.equal(await open({}, { status: 404, body: '{"errors":[]}' }).client.read('x'), null)
  assert.equal(await open({}, { status: 204 }).client.write('x'), null)
  const deleted = await open({}, { ...envelope('{"data":null,"metadata":{"version":1}}'), status: 404 }).client.kv('secret').get('x')
  assert.equal(deleted?.data, null)
  assert.equal(deleted?.metadata.version, 1)
})

test('numbers are exact where that is asked for', async () => {
  const reply = envelope('{"n":12345678901234567890}')
  const exact = await open({ exactNumbers: true }, reply).client.read('x')
  assert.equal(String(exact?.data['n']), '12345678901234567890')
  assert.equal(exact?.leaseDuration, 0)
  assert.equal(typeof (await open({}, reply).client.read('x'))?.data['n'], 'number')
})

test('a refusal is an error with a code, the server\'s words, and nothing else (CVE-2026-55102)', async () => {
  const refusal = { status: 403, body: '{"errors":["permission denied for hvs.topsecrettoken"]}' }
  const { client } = open({ headers: { 'X-Custom': 'headersecret' } }, refusal)
  const error = await client.write('secret/data/x', { password: 'bodysecret' }).catch((thrown: unknown) => thrown)
  assert.ok(error instanceof ClientError)
  assert.deepEqual([error.code, error.status, error.errors], ['permission_denied', 403, ['permission denied for <redacted>']])
  assert.equal(error.message, 'PUT http://vault.test:8200/v1/secret/data/x: 403 permission denied for <redacted>')
  const inspected = inspect(error, { depth: 10, showHidden: true })
  for (const text of [error.message, error.stack ?? '', JSON.stringify(error), inspected, String(error)]) {
    for (const hidden of ['topsecret', 'headersecret', 'bodysecret']) assert.ok(!text.includes(hidden), text)
  }
})

test('a failure on the way hides what the transport knew', async () => {
  const config = { headers: { 'X-Vault-Token': 'hvs.topsecrettoken' } }
  const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:8200 hvs.topsecrettoken'), { config })
  const { client } = open({ maxRetries: 0 }, { fail: new TypeError('fetch failed', { cause }) })
  const error = await client.read('x').catch((thrown: unknown) => thrown)
  assert.ok(error instanceof ClientError)
  assert.deepEqual([error.code, error.status, error.cause], ['network', 0, undefined])
  assert.match(error.message, /ECONNREFUSED/)
  assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes('topsecret'))
})

test('412 and 5xx but 501 are tried again, other answers are not', async () => {
  for (const [status, tries] of [[412, 3], [500, 3], [502, 3], [503, 3], [501, 1], [400, 1], [403, 1], [429, 1]] as const) {
    const { client, asked } = open({}, { status, body: '{"errors":["no"]}' })
    await assert.rejects(client.write('x'), { status })
    assert.equal(asked.length, tries, String(status))
  }
  const { client, asked } = open({}, { status: 503 }, envelope('{"a":1}'))
  assert.deepEqual((await client.read('x'))?.data, { a: 1 })
  assert.equal(asked.length, 2)
})

test('without an answer, a read is tried again, and a write is not: it may have been done', async () => {
  const fail = new Error('socket hang up')
  const reading = open({}, { fail })
  await assert.rejects(reading.client.read('x'), { code: 'network' })
  assert.equal(reading.asked.length, 3)
  const writing = open({}, { fail })
  await assert.rejects(writing.client.write('x'), { code: 'network' })
  assert.equal(writing.asked.length, 1)
})

test('a request ends at its deadline, or when the caller says so', async () => {
  await assert.rejects(open({ timeoutMs: 20 }, { silent: true }).client.read('x'), { code: 'timeout' })
  const control = new AbortController()
  const pending = open({}, { silent: true }).client.read('x', { signal: control.signal })
  control.abort()
  await assert.rejects(pending, { code: 'aborted' })
  await assert.rejects(open({}, {}).client.read('x', { signal: AbortSignal.abort() }).then(() => assert.fail()), Error)
  const waiting = open({ retryDelayMs: 60_000, timeoutMs: 20 }, { status: 503 })
  await assert.rejects(waiting.client.read('x'), { code: 'timeout' })
})

test('one redirect is followed, two are not, and none out of TLS', async () => {
  const to = (location: string): Reply => ({ status: 307, headers: { location } })
  const { client, asked } = open({}, to('http://active.test/v1/x'), envelope('{}'))
  await client.read('x')
  assert.deepEqual(asked.map(({ url }) => url), ['http://vault.test:8200/v1/x', 'http://active.test/v1/x'])
  await assert.rejects(open({}, to('http://a.test/'), to('http://b.test/')).client.read('x'), { status: 307 })
  await assert.rejects(open({ address: 'https://vault.test' }, to('http://a.test/')).client.read('x'), /in the clear/)
  await assert.rejects(open({ redirects: false }, to('http://a.test/')).client.read('x'), { status: 307 })
})

test('what is no answer of the API is said to be none', async () => {
  await assert.rejects(open({}, { body: '<html>' }).client.read('x'), { code: 'bad_answer' })
  await assert.rejects(open({}, { status: 502, body: '<html>' }).client.read('x'), { code: 'server_error', parsed: false })
  await assert.rejects(open({}, { status: 204 }).client.token.lookup(), { code: 'bad_answer' })
})

test('a client with another token or namespace leaves the first as it is', async () => {
  const { client, asked } = open({}, envelope('{}'))
  await client.withToken('hvs.other').read('x')
  await client.withNamespace('ns').read('x')
  await client.read('x', { token: null })
  await client.read('x')
  const tokens = asked.map(({ headers }) => headers['X-Vault-Token'])
  assert.deepEqual(tokens, ['hvs.other', 'hvs.topsecrettoken', undefined, 'hvs.topsecrettoken'])
})

test('an address must be one', () => {
  for (const address of ['vault.test', 'ftp://x', '']) assert.throws(() => createClient({ address }), TypeError)
})
