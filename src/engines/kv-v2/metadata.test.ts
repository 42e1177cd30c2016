/** Settings of secrets and mounts, and lists of secrets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { kvV2 } from './index.ts'

async function fresh(): Promise<Harness> {
  const kv = harness({ engine: kvV2, store: memoryStore(), begin: beginTransaction })
  await kv.setUp()
  return kv
}
const settings = async (kv: Harness, path = 'a'): Promise<JsonObject> => (await kv.send('GET', `metadata/${path}`)).data ?? {}

test('settings that are not named stay, and each write counts a revision', async () => {
  const kv = await fresh()
  await kv.send('POST', 'metadata/a', { max_versions: 3, cas_required: true, delete_version_after: '1h', custom_metadata: { a: 'b' } })
  kv.clock.now += 1500
  await kv.send('POST', 'metadata/a', { max_versions: '4' })
  assert.deepEqual(await settings(kv), {
    cas_required: true, created_time: '2026-11-21T03:20:00Z', current_metadata_version: 2, current_version: 0, custom_metadata: { a: 'b' },
    delete_version_after: '1h0m0s', max_versions: 4, metadata_cas_required: false, oldest_version: 0,
    updated_time: '2026-11-21T03:20:01.5Z', versions: {},
  })
})

test('a write that names no setting makes nothing', async () => {
  const kv = await fresh()
  for (const body of [{}, { colour: 'red' }, { metadata_cas: 5 }, { delete_version_after: null }]) {
    assert.equal((await kv.send('POST', 'metadata/a', body)).status, 204)
  }
  assert.equal((await kv.send('GET', 'metadata/a')).status, 404)
})

test('null is the empty value, but leaves a lifetime as it is', async () => {
  const kv = await fresh()
  const all = { max_versions: 3, cas_required: true, metadata_cas_required: false, delete_version_after: '1h', custom_metadata: { a: 'b' } }
  for (const method of ['POST', 'PATCH']) {
    await kv.send('POST', 'metadata/a', all)
    const nulls = Object.fromEntries(Object.keys(all).map((name) => [name, null]))
    assert.equal((await kv.send(method, 'metadata/a', nulls)).status, 204)
    const { max_versions, cas_required, delete_version_after, custom_metadata } = await settings(kv)
    assert.deepEqual([max_versions, cas_required, delete_version_after, custom_metadata], [0, false, '1h0m0s', null], method)
  }
})

test('a lifetime of zero clears the lifetime of a secret, by write and by patch', async () => {
  const kv = await fresh()
  for (const method of ['POST', 'PATCH']) {
    await kv.send('POST', 'metadata/a', { delete_version_after: '1h' })
    await kv.send(method, 'metadata/a', { delete_version_after: 0 })
    assert.equal((await settings(kv))['delete_version_after'], '0s')
  }
})

test('bad settings are refused by name and change nothing', async () => {
  const kv = await fresh()
  await kv.send('POST', 'metadata/a', { max_versions: 3 })
  const before = await settings(kv)
  const bad = [
    [{ max_versions: -1 }, /max_versions/], [{ max_versions: 'many' }, /max_versions/],
    [{ delete_version_after: '-1s' }, /delete_version_after/], [{ delete_version_after: 'soon' }, /delete_version_after/],
    [{ cas_required: 'perhaps' }, /cas_required/], [{ custom_metadata: 'x' }, /custom_metadata/],
    [{ custom_metadata: { a: {} } }, /custom_metadata/], [{ metadata_cas: 'x' }, /metadata_cas/],
  ] as const
  for (const method of ['POST', 'PATCH']) {
    for (const [body, words] of bad) {
      const { status, errors } = await kv.send(method, 'metadata/a', body)
      assert.equal(status, 400)
      assert.match(errors?.[0] ?? '', words)
      assert.equal((await kv.send(method, 'metadata/none', body)).status, 400)
    }
  }
  for (const body of [{ max_versions: -5 }, { delete_version_after: 'soon' }]) {
    assert.equal((await kv.send('POST', 'config', body)).status, 400)
  }
  assert.deepEqual(await settings(kv), before)
})

test('a setting that the mount overrules is taken with a warning', async () => {
  const kv = await fresh()
  await kv.send('POST', 'config', { cas_required: true, metadata_cas_required: true })
  const { status, warnings } = await kv.send('POST', 'metadata/a', { cas_required: false, metadata_cas_required: false, metadata_cas: 0 })
  assert.equal(status, 200)
  assert.deepEqual(warnings.map((w) => w.split(' ')[0]), ['"cas_required"', '"metadata_cas_required"'])
  assert.equal((await kv.send('PATCH', 'metadata/a', { cas_required: false, metadata_cas: 1 })).warnings.length, 1)
  assert.deepEqual((await kv.send('POST', 'data/a', { data: {} })).errors, ['check-and-set parameter required for this call'])
})

test('check-and-set of settings: 0 makes, the revision changes, anything else is refused', async () => {
  const kv = await fresh()
  await kv.send('POST', 'config', { metadata_cas_required: true })
  assert.equal((await kv.send('POST', 'metadata/a', { max_versions: 1 })).status, 400)
  assert.equal((await kv.send('POST', 'metadata/a', { max_versions: 1, metadata_cas: 1 })).status, 400)
  assert.equal((await kv.send('POST', 'metadata/a', { max_versions: 1, metadata_cas: 0 })).status, 204)
  assert.equal((await kv.send('POST', 'metadata/a', { max_versions: 2, metadata_cas: 0 })).status, 400)
  assert.equal((await kv.send('PATCH', 'metadata/a', { max_versions: 2 })).status, 400)
  assert.equal((await kv.send('PATCH', 'metadata/a', { max_versions: 2, metadata_cas: '1' })).status, 204)
  assert.deepEqual([(await settings(kv))['current_metadata_version'], (await settings(kv))['max_versions']], [2, 2])
})

test('a number of versions above the limit is kept as set, with a warning', async () => {
  const kv = await fresh()
  const { status, warnings } = await kv.send('POST', 'metadata/a', { max_versions: 20_000 })
  assert.deepEqual([status, warnings.length, (await settings(kv))['max_versions']], [200, 1, 20_000])
  assert.equal((await kv.send('POST', 'config', { max_versions: 20_000 })).warnings.length, 1)
})

test('a patch of settings needs a secret that exists', async () => {
  const kv = await fresh()
  const { status, hasBody } = await kv.send('PATCH', 'metadata/none', { max_versions: 9 })
  assert.deepEqual([status, hasBody], [404, false])
  assert.equal((await kv.send('PATCH', 'metadata/none', {})).status, 204)
})

test('the settings of the mount: partial, negative lifetimes switch off', async () => {
  const kv = await fresh()
  const config = async (): Promise<JsonObject | null> => (await kv.send('GET', 'config')).data
  assert.deepEqual(await config(), { cas_required: false, delete_version_after: '0s', max_versions: 0, metadata_cas_required: false })
  await kv.send('POST', 'config', { max_versions: '4', cas_required: 'true' })
  await kv.send('POST', 'config', { delete_version_after: '3h25m19s' })
  assert.deepEqual(await config(), { cas_required: true, delete_version_after: '3h25m19s', max_versions: 4, metadata_cas_required: false })
  await kv.send('POST', 'config', { delete_version_after: '-5h' })
  assert.equal((await config())?.['delete_version_after'], '-1s')
  await kv.send('POST', 'metadata/a', { delete_version_after: '1s' })
  assert.equal((await kv.send('POST', 'data/a', { options: { cas: 0 }, data: {} })).data?.['deletion_time'], '')
})

async function withSecrets(paths: readonly string[]): Promise<Harness> {
  const kv = await fresh()
  for (const path of paths) await kv.send('POST', `data/${path}`, { data: {} })
  return kv
}

test('lists come in pages, in the order of their bytes', async () => {
  const kv = await withSecrets(['f/b', 'f', 'z', 'a', 'f/c/d', 'f!'])
  assert.deepEqual((await kv.send('LIST', 'metadata')).data, { keys: ['a', 'f', 'f!', 'f/', 'z'] })
  assert.deepEqual((await kv.send('LIST', 'metadata/?after=a&limit=2')).data, { keys: ['f', 'f!'] })
  assert.deepEqual((await kv.send('LIST', 'metadata/?after=f/&limit=-1')).data, { keys: ['z'] })
  assert.deepEqual((await kv.send('LIST', 'metadata/f')).data, { keys: ['b', 'c/'] })
  assert.equal((await kv.send('LIST', 'metadata/?after=zz')).status, 404)
  assert.equal((await kv.send('LIST', 'metadata/none')).status, 404)
  assert.equal((await kv.send('LIST', 'metadata/?limit=many')).status, 400)
})

test('a scan lists whole paths below a folder, in pages', async () => {
  const kv = await withSecrets(['f/b', 'f', 'z', 'a', 'f/c/d'])
  assert.deepEqual((await kv.send('SCAN', 'metadata')).data, { keys: ['a', 'f', 'f/b', 'f/c/d', 'z'] })
  assert.deepEqual((await kv.send('SCAN', 'metadata/f/')).data, { keys: ['b', 'c/d'] })
  assert.deepEqual((await kv.send('SCAN', 'metadata?after=f/b&limit=1')).data, { keys: ['f/c/d'] })
  assert.equal((await kv.send('SCAN', 'metadata/none')).status, 404)
})

test('detailed lists show the metadata of secrets and nothing for folders', async () => {
  const kv = await withSecrets(['f/b', 'f', 'a'])
  const { data } = await kv.send('LIST', 'detailed-metadata')
  assert.deepEqual(data, { keys: ['a', 'f', 'f/'], key_info: { a: await settings(kv), f: await settings(kv, 'f'), 'f/': {} } })
  assert.deepEqual((await kv.send('SCAN', 'detailed-metadata/f')).data, { keys: ['b'], key_info: { b: await settings(kv, 'f/b') } })
  assert.deepEqual((await kv.send('LIST', 'detailed-metadata?after=a&limit=1')).data?.['keys'], ['f'])
  assert.equal((await kv.send('GET', 'detailed-metadata/a')).status, 405)
})
