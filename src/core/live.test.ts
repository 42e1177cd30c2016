/** Configuration that was changed by another process is in force before the next answer of this one. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { serveHarness } from '../request/testing/serve-harness.ts'
import { currentGeneration } from './generation.ts'

/** Two processes over one store, and a folder for audit files. */
async function withTwo(work: (one: ServeHarness, other: ServeHarness, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-live-'))
  const one = await serveHarness({ settings: { auditOverApi: true } })
  const other = await one.sibling()
  try {
    await work(one, other, folder)
  } finally {
    await other.close()
    await one.close()
    await rm(folder, { recursive: true, force: true })
  }
}
const linesOf = async (file: string): Promise<{ type: string; request?: { path?: string; headers?: Record<string, unknown> } }[]> =>
  (await readFile(file, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line) as { type: string })
const pathsOf = async (file: string): Promise<string[]> => (await linesOf(file)).flatMap(({ type, request }) => (request?.path === undefined ? [] : [`${type} ${request.path}`]))

test('an audit device that one process enabled records the next request of the other, and none after it was disabled', () => withTwo(async (one, other, folder) => {
  const file = join(folder, 'audit.log')
  await other.ok('read', 'auth/token/lookup-self')
  await one.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
  await other.ok('read', 'sys/policies/acl/default')
  const seen = await pathsOf(file)
  assert.deepEqual(seen.filter((line) => line.endsWith('acl/default')), ['request sys/policies/acl/default', 'response sys/policies/acl/default'])
  assert.ok(!seen.some((line) => line.endsWith('lookup-self')))
  await one.ok('delete', 'sys/audit/file')
  await other.ok('read', 'sys/policies/acl/root')
  assert.ok(!(await pathsOf(file)).some((line) => line.endsWith('acl/root')))
}))

test('the request that enables a device is answered after it works, and is in its log', () => withTwo(async (one, _other, folder) => {
  const file = join(folder, 'audit.log')
  await one.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
  assert.ok((await pathsOf(file)).includes('response sys/audit/file'))
}))

test('a header that one process lets devices write is written by the other', () => withTwo(async (one, other, folder) => {
  const file = join(folder, 'audit.log')
  await one.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
  const headersOf = async (): Promise<unknown> => {
    await other.ok('read', 'auth/token/lookup-self', { headers: { 'x-purpose': 'nightly run' } })
    return (await linesOf(file)).at(-1)?.request?.headers?.['x-purpose']
  }
  assert.equal(await headersOf(), undefined)
  await one.ok('write', 'sys/config/auditing/request-headers/X-Purpose', { data: { hmac: false } })
  assert.deepEqual(await headersOf(), ['nightly run'])
  await one.ok('delete', 'sys/config/auditing/request-headers/x-purpose')
  assert.equal(await headersOf(), undefined)
}))

test('mounts, policies and CORS that one process changed are those of the other', () => withTwo(async (one, other) => {
  assert.equal((await other.request('read', 'kv/a')).status, 404)
  await one.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
  await one.ok('write', 'kv/a', { data: { v: '1' } })
  assert.deepEqual((await other.ok('read', 'kv/a')).data, { v: '1' })
  await one.ok('write', 'sys/policies/acl/p', { data: { policy: 'path "kv/*" { capabilities = ["read"] }' } })
  const token = String((await one.ok('write', 'auth/token/create', { data: { policies: ['p'], ttl: '1h' } })).auth?.['client_token'])
  assert.equal((await other.request('read', 'kv/a', { token })).status, 200)
  await one.ok('write', 'sys/policies/acl/p', { data: { policy: 'path "kv/*" { capabilities = ["deny"] }' } })
  assert.equal((await other.request('read', 'kv/a', { token })).status, 403)
  await one.ok('write', 'sys/config/cors', { data: { allowed_origins: ['https://example.com'] } })
  await other.ok('read', 'auth/token/lookup-self')
  assert.deepEqual(other.core.live.last().cors?.allowedOrigins, ['https://example.com'])
}))

test('while nothing changes, nothing is loaded again, however many ask', () => withTwo(async (one, other) => {
  const loads = async (): Promise<number> => {
    let reads = 0
    const counting = await one.sibling({ store: { ...one.store, list: async (...args) => ((reads += 1), await one.store.list(...args)) } })
    await counting.ok('read', 'auth/token/lookup-self')
    const before = reads
    await Promise.all(Array.from({ length: 20 }, () => counting.ok('read', 'auth/token/lookup-self')))
    await counting.close()
    return reads - before
  }
  assert.equal(await loads(), 0)
  const before = await currentGeneration(other.core)
  await one.ok('write', 'auth/token/create', { data: { ttl: '1h' } })
  assert.equal(await currentGeneration(other.core), before)
}))
