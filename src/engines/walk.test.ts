/** Lists and walks give every name once, in the order of the store, page by page. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Store } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'
import { folderOf, isFolder, listPage, scanPage, walk } from './walk.ts'

async function storeOf(keys: readonly string[]): Promise<Store> {
  const store = memoryStore()
  for (let i = 0; i < keys.length; i += 1000) {
    await store.commit([], keys.slice(i, i + 1000).map((key) => ({ put: key, value: new Uint8Array() })))
  }
  return store
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

test('a walk visits a key before the folder of the same name, and names between the two in between', async () => {
  const store = await storeOf(['f/a/x', 'f/a', 'f/a!', 'f/a0', 'f/b/c/d', 'f/b/c', 'g/a'])
  const keys: string[] = []
  for await (const key of walk(store, 'f/')) keys.push(key)
  assert.deepEqual(keys, ['a', 'a!', 'a/x', 'a0', 'b/c', 'b/c/d'])
})

test('pages of a walk, put together, are the whole walk', async () => {
  const segment = fc.constantFrom('a', 'b', 'a!', 'a0', 'é', '\u{ffee}', '😀', '')
  const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `${parts.join('/')}z`)
  const keyList = fc.uniqueArray(key, { maxLength: 30 })
  const property = fc.asyncProperty(keyList, fc.integer({ min: 1, max: 5 }), key, async (keys, limit, after) => {
    const store = await storeOf(keys.map((k) => `f/${k}`))
    const sorted = keys.toSorted(byBytes)
    const pages: string[] = []
    for (let last = ''; ;) {
      const page = await scanPage(store, 'f/', { after: last, limit })
      if (page.length === 0) break
      assert.ok(page.length <= limit)
      pages.push(...page)
      last = page.at(-1) ?? ''
    }
    assert.deepEqual(pages, sorted)
    assert.deepEqual(await scanPage(store, 'f/', { after, limit: 0 }), sorted.filter((k) => byBytes(k, after) > 0))
  })
  await fc.assert(property, { seed: 20261121, numRuns: 300 })
})

test('a walk through many siblings and deep folders holds and loses nothing', async () => {
  const deep = `${'d/'.repeat(400)}end`
  const many = Array.from({ length: 1_700 }, (_, i) => `m/${String(i).padStart(5, '0')}${i % 3 === 0 ? '/leaf' : ''}`)
  const store = await storeOf([...many, deep])
  const keys: string[] = []
  for await (const key of walk(store, '')) keys.push(key)
  assert.deepEqual(keys, [deep, ...many].sort(byBytes))
})

test('a limited scan asks the store for no more names than it needs', async () => {
  const inner = await storeOf(Array.from({ length: 3_000 }, (_, i) => `s/${String(i).padStart(5, '0')}`))
  let listedNames = 0
  const list: Store['list'] = async (prefix, options) => {
    const names = await inner.list(prefix, options)
    listedNames += names.length
    return names
  }
  assert.equal((await scanPage({ list }, 's/', { after: '01000', limit: 10 })).length, 10)
  assert.ok(listedNames <= 500, `${listedNames} names were listed`)
})

test('a limit of zero or less lists everything', async () => {
  const store = await storeOf(['s/a', 's/b', 's/c'])
  for (const limit of [0, -1]) assert.deepEqual(await listPage(store, 's/', { after: '', limit }), ['a', 'b', 'c'])
  assert.deepEqual(await listPage(store, 's/', { after: 'a', limit: 1 }), ['b'])
})

test('only paths that end in a name hold a value', () => {
  assert.deepEqual(['', 'a/', 'a', 'a/b', '/'].map(isFolder), [true, true, false, false, true])
  assert.deepEqual(['', 'a', 'a/'].map(folderOf), ['', 'a/', 'a//'])
})
