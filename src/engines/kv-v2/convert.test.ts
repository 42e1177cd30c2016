/** Version 1 becomes version 2 in place, whatever happens meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, type Json } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { kvV1 } from '../kv-v1/index.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { walk } from '../walk.ts'
import { convert } from './convert.ts'
import { kvV2 } from './index.ts'

const over = (store: Store): { v1: Harness; v2: Harness } => ({
  v1: harness({ engine: kvV1, store, begin: beginTransaction }),
  v2: harness({ engine: kvV2, store, begin: beginTransaction }),
})
const runConvert = (store: Store, v2: Harness): Promise<void> => convert({ store, now: v2.clock.now, random: v2.random })

async function filled(count: number): Promise<Store> {
  const store = memoryStore()
  const { v1 } = over(store)
  for (let i = 0; i < count; i++) await v1.send('POST', pathOf(i), { i })
  return store
}
const pathOf = (i: number): string => (i % 3 === 0 ? `f/${i}` : i % 3 === 1 ? `f/${i}/leaf` : `x${i}`)

/** Every secret is there once, as version 1 with its data, and nothing else is. */
async function checkConverted(store: Store, v2: Harness, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { text } = await v2.send('GET', `data/${pathOf(i)}`)
    assert.match(text, new RegExp(`^{"data":{"i":${i}},"metadata":{.*"version":1}}$`), pathOf(i))
  }
  const families = new Map<string, number>()
  for await (const key of walk(store, '')) {
    const family = key.slice(0, key.indexOf('/') < 0 ? key.length : key.indexOf('/'))
    families.set(family, (families.get(family) ?? 0) + 1)
  }
  assert.deepEqual(Object.fromEntries(families), { '.mount': 1, '.versions': count, secrets: count })
}

const upgrading = /^Upgrading from non-versioned to versioned data\./

test('data of version 1 becomes version 1 of each secret, digit by digit', async () => {
  const store = memoryStore()
  const { v1, v2 } = over(store)
  await v1.send('POST', 'a/b', parseJson('{"x":12345678901234567890,"ttl":"1h"}'))
  await runConvert(store, v2)
  assert.match((await v2.send('GET', 'data/a/b')).text, /^{"data":{"x":12345678901234567890,"ttl":"1h"},"metadata":{.*"version":1}}$/)
  assert.equal((await v2.send('POST', 'data/a/b', { data: {} })).data?.['version'], 2)
  assert.deepEqual((await v2.send('LIST', 'metadata/a')).data, { keys: ['b'] })
})

test('an empty mount is converted as well', async () => {
  const store = memoryStore()
  const { v2 } = over(store)
  assert.match((await v2.send('GET', 'config')).errors?.[0] ?? '', upgrading)
  await runConvert(store, v2)
  assert.equal((await v2.send('GET', 'config')).status, 200)
})

test('a mount that is ready is left alone', async () => {
  const store = memoryStore()
  const { v2 } = over(store)
  await v2.setUp()
  await v2.send('POST', 'config', { max_versions: 3 })
  const before = await store.lastCommit()
  await runConvert(store, v2)
  assert.equal(await store.lastCommit(), before)
})

test('commits are bounded', async () => {
  const inner = await filled(450)
  const sizes: number[] = []
  const store: Store = { ...inner, commit: async (e, w) => (sizes.push(w.length), await inner.commit(e, w)) }
  const { v2 } = over(inner)
  await runConvert(store, v2)
  assert.ok(Math.max(...sizes) <= 300, `a commit of ${Math.max(...sizes)} writes`)
  await checkConverted(inner, v2, 450)
})

test('commits are bounded in bytes too', async () => {
  const inner = memoryStore()
  const { v1, v2 } = over(inner)
  for (let i = 0; i < 12; i++) await v1.send('POST', `big${i}`, { text: 'x'.repeat(1024 * 1024) })
  const sizes: number[] = []
  const store: Store = {
    ...inner,
    commit(e, w) {
      sizes.push(w.reduce((sum, write) => sum + ('put' in write ? write.value.length : 0), 0))
      return inner.commit(e, w)
    },
  }
  await runConvert(store, v2)
  assert.ok(Math.max(...sizes) < 6 * 1024 * 1024)
  const { keys } = (await v2.send('LIST', 'metadata')).data as { readonly keys: readonly string[] }
  assert.equal(keys.length, 12)
})

class PowerCut extends Error {}

test('a conversion that is cut off after any of its commits goes on where it was', async () => {
  const count = 250
  for (let commits = 0; commits <= 4; commits++) {
    const inner = await filled(count)
    const { v2 } = over(inner)
    let left = commits
    const cut: Store = {
      ...inner,
      commit(e, w) {
        if (left-- === 0) throw new PowerCut()
        return inner.commit(e, w)
      },
    }
    await assert.rejects(runConvert(cut, v2), PowerCut)
    await checkMeanwhile(v2, count)
    await runConvert(inner, v2)
    await checkConverted(inner, v2, count)
  }
})

/** Half-way, a secret is served as version 2 has it or refused with the text that clients wait for; nothing is said to be missing. */
async function checkMeanwhile(v2: Harness, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const { status, data, errors } = await v2.send('GET', `data/${pathOf(i)}`)
    if (status === 200) assert.deepEqual(data?.['data'], { i })
    else assert.match(errors?.[0] ?? `status ${status}`, upgrading)
  }
  const requests: readonly (readonly [method: string, path: string, body?: Json])[] = [
    ['GET', 'data/none'], ['GET', 'metadata/none'], ['GET', 'subkeys/none'], ['GET', 'config'],
    ['DELETE', 'data/none'], ['DELETE', 'metadata/none'],
    ['LIST', 'metadata'], ['SCAN', 'metadata'], ['LIST', 'detailed-metadata'], ['SCAN', 'detailed-metadata'],
    ['POST', 'data/new', { data: {} }], ['PATCH', 'data/new', { data: {} }],
    ['POST', 'metadata/new', { max_versions: 1 }], ['PATCH', 'metadata/new', { max_versions: 1 }], ['POST', 'config', { max_versions: 1 }],
    ['POST', 'delete/new', { versions: [1] }], ['POST', 'undelete/new', { versions: [1] }], ['POST', 'destroy/new', { versions: [1] }],
  ]
  for (const [method, path, body] of requests) {
    assert.match((await v2.send(method, path, body)).errors?.[0] ?? 'no error', upgrading, `${method} ${path}`)
  }
}

test('two nodes may convert at the same time', async () => {
  const store = await filled(300)
  const { v1, v2 } = over(store)
  await Promise.all([runConvert(store, v2), convert({ store, now: 5, random: v1.random }), runConvert(store, v2)])
  await checkConverted(store, v2, 300)
})

test('version 1 answers nothing that could be wrong once the conversion has begun', async () => {
  const store = await filled(3)
  const { v1, v2 } = over(store)
  await runConvert(store, v2)
  for (const [method, path] of [['GET', pathOf(0)], ['DELETE', pathOf(0)], ['LIST', ''], ['SCAN', ''], ['POST', 'new']] as const) {
    assert.match((await v1.send(method, path, method === 'POST' ? { a: 1 } : undefined)).errors?.[0] ?? 'no error', upgrading)
  }
  await checkConverted(store, v2, 3)
})

test('a write of version 1 that is overtaken by the conversion fails instead of being lost', async () => {
  for (const path of ['new', pathOf(0)]) {
    const inner = await filled(3)
    const { v2 } = over(inner)
    let isFirst = true
    const overtaken: Store = {
      ...inner,
      async commit(e, w) {
        if (isFirst) {
          isFirst = false
          await runConvert(inner, v2)
        }
        return await inner.commit(e, w)
      },
    }
    const answer = await over(overtaken).v1.send('POST', path, { late: true })
    assert.match(answer.errors?.[0] ?? 'no error', upgrading)
    await checkConverted(inner, v2, 3)
  }
})
