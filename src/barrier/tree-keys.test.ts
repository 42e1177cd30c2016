import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { KeyCache, secondLayout, treeKeys } from './tree-keys.ts'

const key = createSecretKey(Buffer.alloc(32, 7))
const keysOf = (tree: string) => treeKeys(tree, () => key, new KeyCache(100_000))
const serial = (begin: string, end: string): string => `${begin}-${'00-'.repeat(12)}${end}`
const atOnce = '31-00-6b-1d-3a-97-e8'
/** The part of a physical key by which records stand together. */
const groupOf = (physical: string): string => physical.slice(physical.indexOf('/r/') + 3, physical.indexOf('/r/') + 11)

test('in the second layout serial numbers that begin alike stand together, within their folder', () => {
  const keys = keysOf(secondLayout('tree'))
  const [one, two] = [keys.record(`certs/${serial(atOnce, '01')}`), keys.record(`certs/${serial(atOnce, '02')}`)]
  assert.notEqual(one, two)
  assert.equal(groupOf(one), groupOf(two))
  assert.notEqual(groupOf(one), groupOf(keys.record(`certs/${serial('31-00-6b-1d-3a-97-e9', '01')}`)))
  assert.notEqual(groupOf(one), groupOf(keys.record(`revoked/${serial(atOnce, '01')}`)))
})

test('other names, and all names in the first layout, stand where their hash is', () => {
  const [first, second] = [keysOf('tree'), keysOf(secondLayout('tree'))]
  const groups = (keys: ReturnType<typeof keysOf>, names: readonly string[]) => new Set(names.map((name) => groupOf(keys.record(`certs/${name}`)))).size
  const alike = Array.from({ length: 20 }, (_, index) => serial(atOnce, String(index + 10)))
  const others = alike.map((name) => name.replaceAll('-', '_'))
  assert.deepEqual([groups(first, alike), groups(second, alike), groups(second, others)], [20, 1, 20])
})

test('keys have the same form in both layouts, and differ between trees and between keys', () => {
  const path = `certs/${serial(atOnce, '01')}`
  const all = ['tree', secondLayout('tree'), secondLayout('other')].map((tree) => keysOf(tree).record(path))
  for (const physical of all) assert.match(physical, /^t\/[a-z]+(?:-2)?\/r\/[0-9a-f]{40}$/)
  assert.equal(new Set(all.map((physical) => physical.slice(-40))).size, 3)
  const withOther = treeKeys(secondLayout('tree'), () => createSecretKey(Buffer.alloc(32, 8)), new KeyCache(100_000)).record(path)
  assert.notEqual(withOther, all[1])
})

test('keys that are kept stay within their room, are those of their tree, and what is asked for again and again stays', () => {
  const room = 10_000
  const cache = new KeyCache(room)
  const paths = Array.from({ length: 500 }, (_, index) => `path ${index}`)
  cache.set('hot', 'hot', 'hot')
  for (const path of paths) {
    for (const of of ['one', 'two']) cache.set(of, path, `${of} ${path}`)
    assert.equal(cache.get('hot', 'hot'), 'hot')
  }
  const held = paths.flatMap((path) => ['one', 'two'].flatMap((of) => cache.get(of, path) ?? []))
  assert.ok(held.length > 0 && held.length * 250 <= room, String(held.length))
  for (const path of paths) for (const of of ['one', 'two']) assert.ok([undefined, `${of} ${path}`].includes(cache.get(of, path)))
  cache.clear()
  assert.equal(cache.get('hot', 'hot'), undefined)
})
