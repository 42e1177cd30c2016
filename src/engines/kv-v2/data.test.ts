/** Data of versioned secrets, through the engine: what the recordings do not show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { walk } from '../walk.ts'
import { kvV2 } from './index.ts'
import { findSecret, readValue } from './records.ts'
import { findVersion } from './rules.ts'
import { writtenVersion } from './show.ts'

async function fresh(): Promise<{ kv: Harness; store: Store }> {
  const store = memoryStore()
  const kv = harness({ engine: kvV2, store, begin: beginTransaction })
  await kv.setUp()
  return { kv, store }
}

const data = (json: string): Json => ({ data: parseJson(json) })
async function keysIn(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const key of walk(store, '')) keys.push(key)
  return keys
}

test('data comes back digit by digit and key by key', async () => {
  const { kv } = await fresh()
  const text = '{"big":12345678901234567890,"f":1.0,"e":1E5,"far":1e400,"zero":-0,"__proto__":{"a":[1.50,null]},"":"empty","é":"\\u0000 😀"}'
  await kv.send('POST', 'data/a', data(text))
  const metadata = '{"created_time":"2026-11-21T03:20:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":1}'
  assert.equal((await kv.send('GET', 'data/a')).text, `{"data":${text},"metadata":${metadata}}`)
  await kv.send('PATCH', 'data/a', data('{"e":null,"new":0.10}'))
  const patched = text.replace('"e":1E5,', '').replace(/}$/, ',"new":0.10}')
  assert.ok((await kv.send('GET', 'data/a')).text.startsWith(`{"data":${patched},`))
})

test('reading a version costs two gets, writing one three and two puts', async () => {
  const { kv } = await fresh()
  await kv.send('POST', 'data/a', data('{"a":1}'))
  const cost = async (method: string, path: string, body?: Json): Promise<number[]> => {
    const { gets, writes } = kv.counts
    await kv.send(method, path, body)
    return [kv.counts.gets - gets, kv.counts.writes - writes]
  }
  assert.deepEqual(await cost('GET', 'data/a'), [2, 0])
  assert.deepEqual(await cost('GET', 'data/a?version=1'), [2, 0])
  // The secret, once for the existence check and once for the write, and the settings of the mount.
  assert.deepEqual(await cost('POST', 'data/a', data('{"a":2}')), [3, 2])
  assert.deepEqual(await cost('DELETE', 'data/a'), [1, 1])
  assert.deepEqual(await cost('DELETE', 'data/a'), [1, 0])
})

test('a read that is repeated neither parses nor formats again', async () => {
  const { kv, store } = await fresh()
  await kv.send('POST', 'data/a', data('{"a":1}'))
  const read = async () => {
    const view = beginTransaction(store)
    const secret = await findSecret(view, 'a')
    const version = secret === null ? null : findVersion(secret, 0)
    assert.ok(secret !== null && version !== null)
    return [await readValue(view, 'a', secret, version), writtenVersion(secret, version)]
  }
  const [first, second] = [await read(), await read()]
  assert.ok(first[0] === second[0] && first[1] === second[1])
})

test('a version that is destroyed or dropped between two gets of its reading is read as it is then, and never a failure', async () => {
  const readWhile = async (...request: Parameters<Harness['send']>): Promise<number> => {
    const inner = memoryStore()
    const other = harness({ engine: kvV2, store: inner, begin: beginTransaction })
    await other.setUp()
    await other.send('POST', 'data/a', data('{"a":1}'))
    await other.send('POST', 'metadata/a', { max_versions: 1 })
    let isFirst = true
    const overtaken: Store = {
      ...inner,
      async get(key) {
        if (isFirst && key.startsWith('.versions/')) {
          isFirst = false
          await other.send(...request)
        }
        return await inner.get(key)
      },
    }
    return (await harness({ engine: kvV2, store: overtaken, begin: beginTransaction }).send('GET', 'data/a?version=1')).status
  }
  assert.equal(await readWhile('POST', 'destroy/a', { versions: [1] }), 404)
  assert.equal(await readWhile('POST', 'data/a', { data: { a: 2 } }), 404)
  assert.equal(await readWhile('DELETE', 'metadata/a'), 404)
  assert.equal(await readWhile('DELETE', 'data/other'), 200)
})

test('data that are lost are a failure, and no reason to begin again', async () => {
  const { kv, store } = await fresh()
  await kv.send('POST', 'data/a', data('{"a":1}'))
  const lost = (await keysIn(store)).find((key) => key.startsWith('.versions/')) ?? ''
  await store.commit([], [{ del: lost }])
  assert.equal((await kv.send('GET', 'data/a')).status, 500)
})

test('what is not kept any more leaves nothing behind', async () => {
  const { kv, store } = await fresh()
  await kv.send('POST', 'metadata/a', { max_versions: 2 })
  for (let i = 1; i <= 5; i++) await kv.send('POST', 'data/a', data(`{"i":${i}}`))
  const versions = async (): Promise<string[]> => (await keysIn(store)).flatMap((key) => /^\.versions\/.*\/(.*)/.exec(key)?.[1] ?? [])
  assert.deepEqual(await versions(), ['1', '2'])
  await kv.send('POST', 'destroy/a', { versions: [4] })
  assert.deepEqual(await versions(), ['1'])
  await kv.send('POST', 'data/a', data('{}'))
  await kv.send('DELETE', 'metadata/a')
  assert.deepEqual(await keysIn(store), ['.mount'])
})

test('removing a secret with all its versions is one commit', async () => {
  const { kv, store } = await fresh()
  for (let i = 1; i <= 5; i++) await kv.send('POST', 'data/a', data('{}'))
  const before = await store.lastCommit()
  await kv.send('DELETE', 'metadata/a')
  assert.equal((await store.lastCommit()) - before, 1)
})

test('a secret that is removed and written again starts with version 1 and shows nothing of the old one', async () => {
  const { kv } = await fresh()
  await kv.send('POST', 'metadata/a', { custom_metadata: { old: 'x' }, max_versions: 3 })
  for (let i = 1; i <= 3; i++) await kv.send('POST', 'data/a', data(`{"old":${i}}`))
  await kv.send('DELETE', 'metadata/a')
  await kv.send('POST', 'data/a', data('{"new":1}'))
  assert.deepEqual((await kv.send('GET', 'data/a')).data?.['data'], { new: 1 })
  assert.equal((await kv.send('GET', 'data/a?version=2')).status, 404)
  assert.equal((await kv.send('GET', 'metadata/a')).data?.['custom_metadata'], null)
})

test('of many writes that follow the same version exactly one succeeds', async () => {
  const { kv } = await fresh()
  await kv.send('POST', 'data/a', data('{}'))
  for (let round = 1; round <= 5; round++) {
    const writes = Array.from({ length: 20 }, (_, i) => kv.send('POST', 'data/a', { options: { cas: round }, data: { i } }))
    const answers = await Promise.all(writes)
    assert.equal(answers.filter((a) => a.status === 200).length, 1)
    assert.equal(answers.filter((a) => a.errors?.[0] === 'check-and-set parameter did not match the current version').length, 19)
  }
})

test('writes at the same time each become a version of their own', async () => {
  const { kv } = await fresh()
  const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => kv.send('POST', 'data/a', { data: { i } })))
  const numbers = answers.map((a) => a.data?.['version'] as number)
  assert.deepEqual(numbers.toSorted((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  for (const [i, number] of numbers.entries()) assert.deepEqual((await kv.send('GET', `data/a?version=${number}`)).data?.['data'], { i })
})

test('a version is gone from the millisecond on in which its life ends, without anybody looking', async () => {
  const { kv } = await fresh()
  await kv.send('POST', 'config', { delete_version_after: '90s' })
  const { data: written } = await kv.send('POST', 'data/a', data('{"a":1}'))
  assert.equal(written?.['deletion_time'], '2026-11-21T03:21:30Z')
  kv.clock.now += 89_999
  assert.equal((await kv.send('GET', 'data/a')).status, 200)
  kv.clock.now += 1
  assert.deepEqual((await kv.send('GET', 'data/a')).data?.['data'], null)
  await kv.send('POST', 'undelete/a', { versions: [1] })
  const { data: restored } = await kv.send('GET', 'data/a')
  const times = { created_time: '2026-11-21T03:20:00Z', deletion_time: '2026-11-21T03:23:00Z' }
  assert.deepEqual(restored, { data: { a: 1 }, metadata: { ...times, custom_metadata: null, destroyed: false, version: 1 } })
})

test('a deletion is seen by a read in the same millisecond', async () => {
  const { kv } = await fresh()
  await kv.send('POST', 'data/a', data('{"a":1}'))
  await kv.send('DELETE', 'data/a')
  assert.equal((await kv.send('GET', 'data/a')).status, 404)
  assert.equal((await kv.send('PATCH', 'data/a', data('{}'))).status, 404)
})

test('a write needs `create` for a path without metadata, else `update`, even if all its versions are deleted', async () => {
  const { kv } = await fresh()
  assert.equal(await kv.capability('data/a'), 'create')
  await kv.send('POST', 'metadata/a', { max_versions: 1 })
  assert.equal(await kv.capability('data/a'), 'update')
  await kv.send('POST', 'data/b', data('{}'))
  await kv.send('DELETE', 'data/b')
  const updates = ['data/b', 'metadata/b', 'delete/c', 'undelete/c', 'destroy/c', 'config']
  for (const path of updates) assert.equal(await kv.capability(path), 'update')
  for (const path of ['data/c', 'metadata/c']) assert.equal(await kv.capability(path), 'create')
})

test('a path with a slash at the end names a folder: nothing is there, and nothing can be put there', async () => {
  const { kv, store } = await fresh()
  await kv.send('POST', 'data/a', data('{}'))
  const before = await keysIn(store)
  for (const method of ['GET', 'DELETE', 'PATCH']) {
    const { status } = await kv.send(method, 'data/a/', method === 'PATCH' ? data('{}') : undefined)
    assert.equal(status, method === 'DELETE' ? 204 : 404)
  }
  assert.deepEqual((await kv.send('POST', 'data/a/', data('{}'))).errors, ["cannot write to a path ending in '/'"])
  assert.deepEqual((await kv.send('POST', 'metadata/a/', { max_versions: 1 })).errors, ["cannot write to a path ending in '/'"])
  assert.equal((await kv.send('GET', 'data/')).status, 404)
  assert.deepEqual(await keysIn(store), before)
})

test('names may hold double slashes, dots and whatever else a path can', async () => {
  const { kv } = await fresh()
  const names = ['http://example.com/x', '.versions/a/1', '.mount', 'a b', '%2F%25'].map(encodeURIComponent)
  for (const [i, name] of names.entries()) assert.equal((await kv.send('POST', `data/${name}`, { data: { i } })).status, 200)
  for (const [i, name] of names.entries()) assert.deepEqual((await kv.send('GET', `data/${name}`)).data?.['data'], { i })
  assert.equal((await kv.send('GET', 'config')).status, 200)
})

test('a patch with null instead of data is refused, one without change makes a version', async () => {
  const { kv } = await fresh()
  await kv.send('POST', 'data/a', data('{"a":1}'))
  assert.equal((await kv.send('PATCH', 'data/a', { data: null })).status, 400)
  assert.equal((await kv.send('PATCH', 'data/a', { data: {} })).data?.['version'], 2)
})

test('patches cannot make a secret grow beyond what the store takes', async () => {
  const { kv } = await fresh()
  const half = 'x'.repeat(9 * 1024 * 1024)
  assert.equal((await kv.send('POST', 'data/a', { data: { a: half } })).status, 200)
  const { status, errors } = await kv.send('PATCH', 'data/a', { data: { b: half } })
  assert.equal(status, 413)
  assert.ok((errors?.[0] ?? '').length < 100)
})

test('who wrote a version is kept with it and not shown', async () => {
  const { kv, store } = await fresh()
  await kv.send('POST', 'data/a', data('{}'))
  const secret = await findSecret(beginTransaction(store), 'a')
  assert.deepEqual(secret?.versions[0]?.by, { accessor: 'accessor', entity: '' })
  for (const path of ['data/a', 'metadata/a', 'subkeys/a']) assert.doesNotMatch((await kv.send('GET', path)).text, /accessor/)
})

test('every version has an id of its own, and a secret that is written anew another one', async () => {
  const { kv, store } = await fresh()
  const ids = new Set<string>()
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3; i++) await kv.send('POST', 'data/a', data('{}'))
    const secret = await findSecret(beginTransaction(store), 'a')
    for (const id of [secret?.id, ...(secret?.versions ?? []).map((v) => v.id)]) ids.add(id ?? '')
    await kv.send('DELETE', 'metadata/a')
  }
  assert.equal(ids.size, 8)
  for (const id of ids) assert.match(id, /^[A-Za-z0-9_-]{16}$/)
})

test('paths of version 1 get a hint, paths without a name another one', async () => {
  const { kv } = await fresh()
  for (const [method, path] of [['GET', 'app'], ['POST', 'app'], ['LIST', ''], ['GET', ''], ['GET', 'config/x']] as const) {
    const { errors } = await kv.send(method, path, method === 'POST' ? {} : undefined)
    assert.match(errors?.[0] ?? '', /^Invalid path for a versioned K\/V secrets engine\. /)
  }
  assert.match((await kv.send('GET', 'metadata')).errors?.[0] ?? '', /"metadata" needs the path of a secret/)
  for (const path of ['data', 'subkeys/a', 'delete']) assert.equal((await kv.send('LIST', path)).status, 405)
})

test('missing data, wrong types and a wrong check-and-set are 400 and write nothing', async () => {
  const { kv, store } = await fresh()
  const options = ['x', { cas: 'x' }, { cas: 1 }].map((given): Json => ({ data: {}, options: given }))
  const bodies: Json[] = [{}, { data: 'x' }, { data: [1] }, { data: 1 }, ...options]
  for (const body of bodies) assert.equal((await kv.send('POST', 'data/a', body as JsonObject)).status, 400, JSON.stringify(body))
  for (const path of ['delete/a', 'undelete/a', 'destroy/a']) {
    for (const versions of [[], null, ['x'], [1.5], {}]) assert.equal((await kv.send('POST', path, { versions } as JsonObject)).status, 400)
  }
  assert.deepEqual(await keysIn(store), ['.mount'])
})
