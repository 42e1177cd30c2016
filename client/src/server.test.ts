/** The helpers against a real server, over the global fetch and over Node's own transport. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startTestServer, type TestServer } from '../../src/cli/testing/server.ts'
import { createClient, type Client } from './client.ts'
import { nodeFetch } from './node/transport.ts'

let server: TestServer
let client: Client
before(async () => {
  server = await startTestServer()
  client = createClient({ address: server.address, token: server.token, fetch: nodeFetch() })
})
after(() => server?.stop())

test('versioned secrets are written, read, patched, deleted and listed', async () => {
  const kv = client.kv('secret')
  assert.equal((await kv.put('app/db', { user: 'u', pass: 'p' })).version, 1)
  assert.equal((await kv.patch('app/db', { pass: null, host: 'h' }, { cas: 1 })).version, 2)
  assert.deepEqual((await kv.get('app/db'))?.data, { user: 'u', host: 'h' })
  assert.deepEqual((await kv.get('app/db', { version: 1 }))?.data, { user: 'u', pass: 'p' })
  await assert.rejects(kv.put('app/db', {}, { cas: 1 }), { code: 'bad_request' })
  assert.deepEqual(await kv.list('app'), ['db'])
  await kv.delete('app/db', [1])
  assert.equal((await kv.get('app/db', { version: 1 }))?.data, null)
  await kv.undelete('app/db', [1])
  await kv.destroy('app/db', [1])
  await kv.patchMetadata('app/db', { max_versions: 3, custom_metadata: { owner: 'web' } })
  const metadata = await kv.metadata('app/db')
  assert.deepEqual([metadata?.max_versions, metadata?.versions['1']?.destroyed], [3, true])
  await kv.deleteMetadata('app/db')
  assert.equal(await kv.get('app/db'), null)
  assert.deepEqual(await kv.list('app'), [])
})

test('unversioned secrets are written, read, listed and deleted', async () => {
  await client.sys.enableMount('kv1', { type: 'kv', options: { version: '1' } })
  const kv = client.kv('kv1', 1)
  await kv.put('a/b', { x: '1' })
  assert.deepEqual(await kv.get('a/b'), { x: '1' })
  assert.deepEqual(await kv.list('a'), ['b'])
  await kv.delete('a/b')
  assert.equal(await kv.get('a/b'), null)
  await client.sys.disableMount('kv1')
})

test('tokens are made, looked up, renewed, used and revoked', async () => {
  await client.sys.putPolicy('reader', 'path "secret/data/*" { capabilities = ["read"] }')
  assert.ok((await client.sys.policies()).includes('reader'))
  const made = await client.token.create({ policies: ['reader'], ttl: '1h', meta: { a: 'b' } })
  const own = client.withToken(made.clientToken)
  assert.deepEqual((await own.token.lookup()).policies, ['default', 'reader'])
  assert.deepEqual(await own.sys.capabilities(['secret/data/x', 'sys/mounts']), { 'secret/data/x': ['read'], 'sys/mounts': ['deny'] })
  assert.equal((await own.token.renew(undefined, '30m')).clientToken, made.clientToken)
  assert.equal((await client.token.lookupAccessor(made.accessor)).id, '')
  await assert.rejects(own.kv('secret').put('x', { a: 1 }), { code: 'permission_denied' })
  await own.token.revoke()
  await assert.rejects(own.token.lookup(), { code: 'permission_denied' })
})

test('an answer is wrapped for somebody else', async () => {
  await client.kv('secret').put('w', { x: '1' })
  const wrapped = await client.read('secret/data/w', { wrapTtl: 60 })
  assert.equal(wrapped?.wrapInfo?.ttl, 60)
  const token = wrapped?.wrapInfo?.token ?? ''
  const opened = await client.unwrap<{ data: unknown }>(token)
  assert.deepEqual(opened?.data.data, { x: '1' })
  await assert.rejects(client.unwrap(token), { code: 'bad_request' })
})

test('the global fetch does as well', async () => {
  const browser = createClient({ address: server.address, token: server.token })
  assert.equal((await browser.sys.sealStatus()).sealed, false)
  assert.equal((await browser.sys.health()).initialized, true)
  assert.ok(Object.keys(await browser.sys.mounts()).includes('secret/'))
})
