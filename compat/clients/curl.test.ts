/** The guides with curl, as they are written: bodies by `-d` (which says that they are forms), `--request LIST`, files. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Json } from '../scenario.ts'
import { valueAt } from '../scenario.ts'
import { startDevServer, type TestServer } from '../server.ts'
import { apiKey, appsPolicy, customers, devPolicy } from './guides.ts'
import { createOperator } from './operator.ts'
import { missingProgram, runProgram } from './shell.ts'

interface Reply {
  readonly status: number
  readonly text: string
  /** The value at a dotted path of the body. */
  readonly at: (path: string) => Json | undefined
}

const skip = missingProgram(['curl', '--version'])
let server: TestServer
let operator = ''

async function curl(token: string, path: string, ...options: readonly string[]): Promise<Reply> {
  const argv = ['curl', '--silent', '--show-error', '--write-out', '\n%{http_code}', '--header', `X-Vault-Token: ${token}`, ...options, `${server.addr}/v1/${path}`]
  const { code, stdout, stderr } = await runProgram(argv, { env: process.env, cwd: server.folder })
  assert.equal(code, 0, stderr)
  const cut = stdout.lastIndexOf('\n')
  const text = stdout.slice(0, cut)
  return { status: Number(stdout.slice(cut + 1)), text, at: (dotted) => valueAt(JSON.parse(text) as Json, dotted) }
}

const post = (token: string, path: string, body: unknown, ...options: readonly string[]): Promise<Reply> =>
  curl(token, path, '--request', 'POST', ...options, '-d', JSON.stringify(body))

before(async () => {
  if (skip) return
  server = await startDevServer()
  operator = await createOperator(server)
})
after(() => server?.stop())

test('static secrets: an engine of version 2 is mounted under its own name', { skip }, async () => {
  assert.equal((await post(operator, 'sys/mounts/secret_v2', { type: 'kv-v2' })).status, 204)
  const mounts = await curl(operator, 'sys/mounts')
  assert.deepEqual([mounts.at('secret_v2/.type'), mounts.at('data.secret_v2/.options.version')], ['kv', '2'])
  const again = await post(operator, 'sys/mounts/secret_v2', { type: 'kv', options: { version: '2' } })
  assert.equal(again.status, 400)
  assert.match(again.text, /path is already in use at secret_v2\//)
})

test('static secrets: a body in a file is stored, a body that is no JSON is refused', { skip }, async () => {
  writeFileSync(join(server.folder, 'payload.json'), JSON.stringify({ data: { key: apiKey } }))
  const written = await curl(operator, 'secret/data/eng/apikey/Google', '--request', 'POST', '--data', '@payload.json')
  assert.equal(written.status, 200, written.text)
  assert.deepEqual([written.at('data.version'), written.at('data.destroyed'), written.at('data.deletion_time'), written.at('data.custom_metadata')], [1, false, '', null])
  writeFileSync(join(server.folder, 'cert.pem'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
  const refused = await curl(operator, 'secret/data/prod/cert/mysql', '--request', 'POST', '--data', '@cert.pem')
  assert.equal(refused.status, 400)
  assert.ok(Array.isArray(refused.at('errors')))
})

test('static secrets: an application reads what its policy allows, and nothing else', { skip }, async () => {
  await post(operator, 'secret/data/eng/apikey/Google', { data: { key: apiKey } })
  assert.equal((await curl(operator, 'sys/policy/apps', '--request', 'PUT', '-d', JSON.stringify({ policy: appsPolicy }))).status, 204)
  const made = await post(operator, 'auth/token/create', { policies: ['apps'] })
  assert.deepEqual([made.at('auth.policies'), made.at('auth.lease_duration'), made.at('auth.renewable')], [['apps', 'default'], 2_764_800, true])
  assert.deepEqual([made.at('auth.token_type'), made.at('auth.orphan'), made.at('auth.num_uses'), made.at('data')], ['service', false, 0, null])
  const token = String(made.at('auth.client_token'))
  const read = await curl(token, 'secret/data/eng/apikey/Google')
  assert.deepEqual([read.at('data.data'), read.at('lease_id'), read.at('lease_duration'), read.at('renewable')], [{ key: apiKey }, '', 0, false])
  const refused = await post(token, 'secret/data/eng/apikey/Google', { data: { key: 'x' } })
  assert.equal(refused.status, 403)
  assert.deepEqual(refused.at('errors'), ['1 error occurred:\n\t* permission denied\n\n'])
  assert.equal((await curl(token, 'secret/metadata/eng', '--request', 'LIST')).status, 403)
  assert.equal((await curl(token, 'secret/data/eng/apikey/Google', '--request', 'Get')).status, 405)
})

test('versioned secrets: versions are kept, read, listed and pruned', { skip }, async () => {
  for (const data of customers.slice(0, 2)) await post(operator, 'secret/data/customer/acme', { data })
  const latest = await curl(operator, 'secret/data/customer/acme')
  assert.deepEqual([latest.at('data.data'), latest.at('data.metadata.version')], [customers[1], 2])
  assert.deepEqual((await curl(operator, 'secret/data/customer/acme?version=1')).at('data.data'), customers[0])
  assert.deepEqual((await curl(operator, 'secret/metadata/customer', '--request', 'LIST')).at('data.keys'), ['acme'])
  assert.equal((await post(operator, 'secret/config', { max_versions: 4 })).status, 204)
  assert.equal((await curl(operator, 'secret/config')).at('data.max_versions'), 4)
  assert.equal((await post(operator, 'secret/metadata/customer/acme', { max_versions: 4 })).status, 204)
  for (const data of customers.slice(2)) await post(operator, 'secret/data/customer/acme', { data })
  const metadata = await curl(operator, 'secret/metadata/customer/acme')
  assert.deepEqual([metadata.at('data.current_version'), metadata.at('data.oldest_version')], [6, 3])
  assert.deepEqual(Object.keys(metadata.at('data.versions') ?? {}), ['3', '4', '5', '6'])
  const pruned = await curl(operator, 'secret/data/customer/acme?version=1')
  assert.deepEqual([pruned.status, pruned.at('errors')], [404, []])
})

test('versioned secrets: versions are deleted, undeleted and destroyed', { skip }, async () => {
  for (const data of customers.slice(0, 5)) await post(operator, 'secret/data/customer/gone', { data })
  assert.equal((await post(operator, 'secret/delete/customer/gone', { versions: [4, 5] })).status, 204)
  const deleted = await curl(operator, 'secret/data/customer/gone')
  assert.deepEqual([deleted.status, deleted.at('data.data'), deleted.at('data.metadata.version')], [404, null, 5])
  assert.match(String(deleted.at('data.metadata.deletion_time')), /^\d{4}-.*Z$/)
  assert.equal((await post(operator, 'secret/undelete/customer/gone', { versions: [5] })).status, 204)
  assert.deepEqual((await curl(operator, 'secret/data/customer/gone')).at('data.data'), customers[4])
  assert.equal((await curl(operator, 'secret/destroy/customer/gone', '--request', 'PUT', '-d', '{"versions":[4]}')).status, 204)
  assert.equal((await curl(operator, 'secret/metadata/customer/gone')).at('data.versions.4.destroyed'), true)
  assert.equal((await curl(operator, 'secret/metadata/customer/gone', '--request', 'DELETE')).status, 204)
  assert.equal((await curl(operator, 'secret/data/customer/gone')).text.trim(), '{"errors":[]}')
})

test('versioned secrets: check-and-set refuses what is not current', { skip }, async () => {
  await post(operator, 'secret/metadata/partner', { cas_required: true })
  const put = (body: unknown): Promise<Reply> => post(operator, 'secret/data/partner', body)
  assert.equal((await put({ options: { cas: 0 }, data: { a: 'b' } })).at('data.version'), 1)
  assert.equal((await put({ options: { cas: 1 }, data: { a: 'c' } })).at('data.version'), 2)
  assert.match((await put({ data: { a: 'd' } })).text, /check-and-set parameter required for this call/)
  const wrong = await put({ options: { cas: 1 }, data: { a: 'd' } })
  assert.equal(wrong.status, 400)
  assert.match(wrong.text, /check-and-set parameter did not match the current version/)
})

test('response wrapping: a token travels wrapped and is unwrapped once', { skip }, async () => {
  assert.equal((await post(server.token, 'sys/mounts/kv1', { type: 'kv' })).status, 204)
  await post(operator, 'sys/policy/dev', { policy: devPolicy })
  const wrapped = await post(operator, 'auth/token/create', { policies: ['dev'] }, '--header', 'X-Vault-Wrap-TTL: 120')
  assert.deepEqual([wrapped.at('auth'), wrapped.at('data'), wrapped.at('request_id')], [null, null, ''])
  assert.deepEqual([wrapped.at('wrap_info.ttl'), wrapped.at('wrap_info.creation_path')], [120, 'auth/token/create'])
  const wrapping = String(wrapped.at('wrap_info.token'))
  const unwrapped = await curl(wrapping, 'sys/wrapping/unwrap', '--request', 'POST')
  assert.deepEqual([unwrapped.at('auth.policies'), unwrapped.at('auth.accessor')], [['default', 'dev'], wrapped.at('wrap_info.wrapped_accessor')])
  const again = await post(operator, 'sys/wrapping/unwrap', { token: wrapping })
  assert.deepEqual([again.status, again.at('errors')], [400, ['wrapping token is not valid or does not exist']])
  const token = String(unwrapped.at('auth.client_token'))
  assert.equal((await curl(token, 'kv1/dev')).text.trim(), '{"errors":[]}')
  await post(server.token, 'kv1/dev', { a: 'b' })
  assert.deepEqual((await curl(token, 'kv1/dev')).at('data'), { a: 'b' })
})

test('response wrapping: a cubbyhole belongs to one token and ends with it', { skip }, async () => {
  const token = String((await post(operator, 'auth/token/create', { policies: ['default'] })).at('auth.client_token'))
  assert.equal((await post(token, 'cubbyhole/private/access-token', { token: '123456789abcdefg87654321' })).status, 204)
  assert.deepEqual((await curl(token, 'cubbyhole/private/access-token')).at('data'), { token: '123456789abcdefg87654321' })
  const other = await curl(server.token, 'cubbyhole/private/access-token')
  assert.deepEqual([other.status, other.at('errors')], [404, []])
  assert.equal((await curl(token, 'auth/token/revoke-self', '--request', 'POST')).status, 204)
  assert.equal((await curl(token, 'cubbyhole/private/access-token')).status, 403)
})
