import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store, Write } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'
import { openTestKeyring } from './testing.ts'
import { sealedNames } from './names.ts'
import { decodeFolder, decodeLower, encodePage, type Page } from './pages.ts'
import { encodeRecord } from './record.ts'
import { checkTree } from './tree-check.ts'
import { KeyCache, treeKeys } from './tree-keys.ts'
import { type SealedValues, sealedValues } from './values.ts'

const keyring = openTestKeyring()
const nameKey = () => keyring.subkey('names')
const keys = treeKeys('tree', nameKey, new KeyCache(100_000))

const put = (path: string): Write => ({ put: path, value: Buffer.from('1') })

/** A sound tree: some small folders, and one of several pages. */
async function createTree(): Promise<{ base: Store; values: SealedValues }> {
  const base = memoryStore()
  const values = sealedValues(base, keyring)
  const tree = sealedNames(values, 'tree', nameKey)
  await tree.commit([], [put('a/b/c'), put('a/b/d'), put('.hidden'), put('gone')])
  for (let at = 0; at < 600; at += 100) await tree.commit([], Array.from({ length: 100 }, (_, index) => put(`wide/${at + index}`)))
  await tree.commit([], [{ del: 'gone' }])
  return { base, values }
}

async function problems(values: SealedValues): Promise<string[]> {
  return (await checkTree(values, 'tree', nameKey)).map(({ problem }) => problem)
}

test('a sound tree has no findings', async () => {
  assert.deepEqual(await problems((await createTree()).values), [])
})

async function rootOf(values: SealedValues, folder: string) {
  const entry = await values.get(keys.folder(folder))
  assert.ok(entry)
  return decodeFolder(entry.value)
}

async function firstLeaf(values: SealedValues) {
  const root = await rootOf(values, 'wide/')
  assert.ok(root.kind === 'large')
  const key = keys.leaf('wide/', root.refs[0]?.id ?? 0)
  const entry = await values.get(key)
  assert.ok(entry)
  const leaf = decodeLower(entry.value)
  assert.ok(leaf.kind === 'leaf')
  return { root, key, leaf }
}

const putPage = (values: SealedValues, folder: string, page: Page): Promise<number> =>
  values.commit([], [{ put: keys.folder(folder), value: encodePage(page) }])

const faults: Record<string, { readonly break: (values: SealedValues, base: Store) => Promise<unknown>; readonly found: RegExp }> = {
  'a record that cannot be opened': {
    break: (_, base) => base.commit([], [{ put: keys.record('a/b/c'), value: Buffer.alloc(60, 1) }]),
    found: /cannot be opened/,
  },
  'a record at the place of another': {
    break: (values) => values.commit([], [{ put: keys.record('a/b/c'), value: encodeRecord('a/b/d', Buffer.from('1')) }]),
    found: /record of another path/,
  },
  'a record that is not listed': {
    break: (values) => values.commit([], [{ put: keys.record('a/b/x'), value: encodeRecord('a/b/x', Buffer.from('1')) }]),
    found: /record that its folder does not list/,
  },
  'a record that is listed but missing': {
    break: (values) => values.commit([], [{ del: keys.record('a/b/c') }]),
    found: /lists what is missing/,
  },
  'a folder that is missing': {
    break: (values) => values.commit([], [{ del: keys.folder('a/b/') }]),
    found: /record that its folder does not list/,
  },
  'a folder that its parent does not list': {
    break: (values) => putPage(values, 'a/', { kind: 'small', folder: 'a/', names: ['x'] }),
    found: /folder that its parent does not list/,
  },
  'a page at the place of another': {
    break: (values) => putPage(values, 'a/b/', { kind: 'small', folder: 'a/', names: ['b/'] }),
    found: /lists another folder/,
  },
  'names out of order': {
    break: (values) => putPage(values, 'a/b/', { kind: 'small', folder: 'a/b/', names: ['d', 'c'] }),
    found: /names out of order/,
  },
  'a leaf that is missing': {
    break: async (values) => values.commit([], [{ del: (await firstLeaf(values)).key }]),
    found: /part that is missing/,
  },
  'a leaf with a wrong range': {
    break: async (values) => {
      const { key, leaf } = await firstLeaf(values)
      await values.commit([], [{ put: key, value: encodePage({ ...leaf, high: null }) }])
    },
    found: /another range/,
  },
  'a leaf that no folder knows': {
    break: async (values) => values.commit([], [{ put: keys.leaf('a/b/', 7), value: encodePage((await firstLeaf(values)).leaf) }]),
    found: /part that its folder does not know/,
  },
  'the obituary of another path': {
    break: async (values, base) => {
      const [name = ''] = await base.list('t/tree/x/')
      const entry = await values.get(`t/tree/x/${name}`)
      await values.commit([], [{ put: keys.record('other').replace('/r/', '/x/'), value: entry?.value as Uint8Array }])
    },
    found: /path of another record/,
  },
  'something that does not belong there': {
    break: (_, base) => base.commit([], [{ put: 't/tree/z', value: Buffer.from('1') }]),
    found: /nothing that a tree has/,
  },
}

for (const [name, fault] of Object.entries(faults)) {
  test(`the check finds ${name}`, async () => {
    const { base, values } = await createTree()
    await fault.break(values, base)
    const found = await problems(values)
    assert.ok(found.some((problem) => fault.found.test(problem)), JSON.stringify(found))
  })
}

test('the check stops after as many findings as are wanted', async () => {
  const { base, values } = await createTree()
  await base.commit([], (await base.list('t/tree/d/')).map((name) => ({ del: `t/tree/d/${name}` })))
  assert.equal((await checkTree(values, 'tree', nameKey, { findingsMax: 5 })).length, 5)
})
