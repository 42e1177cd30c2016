/** Each token has a store of its own, and nothing of it outlives the token. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import type { Store } from '../../kit/store.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { walk } from '../walk.ts'
import { clearCubbyhole } from './clear.ts'
import { cubbyhole } from './index.ts'
import { wrappedKey } from './records.ts'

const as = (store: Store, cubbyholeId: string | null): Harness =>
  harness({ engine: cubbyhole, store, begin: beginTransaction, caller: { cubbyholeId } })
async function keysIn(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const key of walk(store, '')) keys.push(key)
  return keys
}

test('a token sees, changes and removes only what is its own', async () => {
  const store = memoryStore()
  const [mine, other] = [as(store, 'mine'), as(store, 'other')]
  await mine.send('POST', 'a', { of: 'mine' })
  for (const path of ['a', '../mine/a', 'mine/a', '%2e%2e/mine/a']) assert.equal((await other.send('GET', path)).status, 404)
  assert.equal((await other.send('LIST', '')).status, 404)
  await other.send('POST', 'a', { of: 'other' })
  await other.send('DELETE', 'a')
  assert.deepEqual((await mine.send('GET', 'a')).data, { of: 'mine' })
})

test('a token without a cubbyhole is refused, whatever it does', async () => {
  const nobody = harness({ engine: cubbyhole, store: memoryStore(), begin: beginTransaction, caller: null })
  for (const hole of [as(memoryStore(), null), as(memoryStore(), ''), nobody]) {
    for (const method of ['GET', 'POST', 'DELETE', 'LIST']) {
      const { errors } = await hole.send(method, 'x', method === 'POST' ? { a: 1 } : undefined)
      assert.deepEqual(errors, ["cubbyhole operations are only supported by 'service' type tokens"])
    }
    assert.equal(await hole.capability('x'), 'create')
  }
})

test('lists come in pages', async () => {
  const hole = as(memoryStore(), 'mine')
  for (const path of ['b', 'a', 'f/x']) await hole.send('POST', path, { x: 1 })
  assert.deepEqual((await hole.send('LIST', '?after=a&limit=1')).data, { keys: ['b'] })
  assert.deepEqual((await hole.send('LIST', 'f')).data, { keys: ['x'] })
})

test('a write needs `create` for a new path, else `update`', async () => {
  const hole = as(memoryStore(), 'mine')
  assert.equal(await hole.capability('a'), 'create')
  await hole.send('POST', 'a', { x: 1 })
  assert.equal(await hole.capability('a'), 'update')
})

test('the wrapped answer is at `response`, with a warning, in the cubbyhole of its token alone', async () => {
  const store = memoryStore()
  await store.commit([], [{ put: wrappedKey('wrapping'), value: Buffer.from('{"data":{"é":12345678901234567890}}') }])
  const { data, warnings } = await as(store, 'wrapping').send('GET', 'response')
  assert.deepEqual(data, { response: '{"data":{"é":12345678901234567890}}' })
  assert.match(warnings[0] ?? '', /^Reading from 'cubbyhole\/response' is deprecated\./)
  assert.equal((await as(store, 'mine').send('GET', 'response')).status, 404)
})

test('what a token keeps under `response` itself is an object like any other', async () => {
  const hole = as(memoryStore(), 'mine')
  await hole.send('POST', 'response', { x: 1 })
  const { data, warnings } = await hole.send('GET', 'response')
  assert.deepEqual([data, warnings], [{ x: 1 }, []])
})

test('clearing removes everything of one token and nothing of others, in bounded commits', async () => {
  const inner = memoryStore()
  const [mine, other] = [as(inner, 'mine'), as(inner, 'other')]
  for (let i = 0; i < 450; i++) await mine.send('POST', `f${i % 7}/${i}`, { i })
  await other.send('POST', 'a', { x: 1 })
  await inner.commit([], [{ put: wrappedKey('mine'), value: Buffer.from('{}') }, { put: wrappedKey('other'), value: Buffer.from('{}') }])
  const sizes: number[] = []
  await clearCubbyhole({ ...inner, commit: async (e, w) => (sizes.push(w.length), await inner.commit(e, w)) }, 'mine')
  assert.deepEqual(await keysIn(inner), ['.wrapped/other', 'other/a'])
  assert.deepEqual(sizes, [200, 200, 51])
})

test('clearing what is empty commits nothing', async () => {
  const store = memoryStore()
  const before = await store.lastCommit()
  await clearCubbyhole(store, 'mine')
  assert.equal(await store.lastCommit(), before)
})
