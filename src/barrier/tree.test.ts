import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, Store, Write } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'
import { openTestKeyring } from './testing.ts'
import type { Keyring } from './keyring.ts'
import { dropTree, type NamesOptions, sealedNames } from './names.ts'
import { encodeRecord } from './record.ts'
import { checkTree } from './tree-check.ts'
import { sealedValues } from './values.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const put = (path: string): Write => ({ put: path, value: bytes(`value of ${path}`) })

interface Counts {
  reads: number
  writes: number
}

/** The same store, counting what it is asked. */
function counting(store: Store, counts: Counts): Store {
  return {
    ...store,
    async get(key) {
      counts.reads += 1
      return await store.get(key)
    },
    async commit(expectations, writes) {
      counts.writes += writes.length
      return await store.commit(expectations, writes)
    },
  }
}

function createTree(options: NamesOptions & { readonly keyring?: Keyring; readonly base?: Store } = {}) {
  const { keyring = openTestKeyring(), base = memoryStore() } = options
  const counts: Counts = { reads: 0, writes: 0 }
  const values = sealedValues(counting(base, counts), keyring)
  const nameKey = () => keyring.subkey('names')
  return { base, keyring, values, counts, nameKey, tree: sealedNames(values, 'tree', nameKey, options) }
}

/** All keys and values of a store, as one text. */
async function rawText(store: Store, prefix = ''): Promise<string> {
  const texts: string[] = []
  for (const name of await store.list(prefix)) {
    if (name.endsWith('/')) texts.push(await rawText(store, prefix + name))
    else texts.push(prefix + name, Buffer.from((await store.get(prefix + name))?.value ?? []).toString('latin1'))
  }
  return texts.join('\n')
}

test('P6: neither names nor values can be read in the store, nor do equal paths of two trees show', async () => {
  const { base, values, nameKey, tree } = createTree()
  const other = sealedNames(values, 'other', nameKey)
  await tree.commit([], [put('findme-folder/findme-name'), put('findme-folder/.findme-dot'), put('.findme-hidden/x')])
  await other.commit([], [put('findme-folder/findme-name')])
  await tree.commit([], [{ del: 'findme-folder/findme-name' }])
  assert.doesNotMatch(await rawText(base), /findme/)
  const [keys, otherKeys] = [await base.list('t/tree/d/'), await base.list('t/other/d/')]
  assert.equal(keys.filter((key) => otherKeys.includes(key)).length, 0)
})

test('P5: a record moved to the key of another is never served', async () => {
  const { base, keyring, tree } = createTree()
  await tree.commit([], [put('a'), put('b')])
  const [one, two] = (await base.list('t/tree/r/')) as [string, string]
  const [first, second] = [await base.get(`t/tree/r/${one}`), await base.get(`t/tree/r/${two}`)]
  const putAt = (name: string, value: Uint8Array | undefined): Write => ({ put: `t/tree/r/${name}`, value: value as Uint8Array })
  await base.commit([], [putAt(one, second?.value), putAt(two, first?.value)])
  const reader = createTree({ base, keyring }).tree
  for (const path of ['a', 'b']) await assert.rejects(reader.get(path), { code: 'internal' })
})

test('P5: an authentic record that says it belongs to another path is never served, nor changed by a merge', async () => {
  const { base, values, tree } = createTree()
  await tree.commit([], [put('a')])
  const [name] = await base.list('t/tree/r/')
  await values.commit([], [{ put: `t/tree/r/${name}`, value: encodeRecord('b', bytes('of b')) }])
  await assert.rejects(tree.get('a'), { code: 'internal' })
  await assert.rejects(tree.commit([], [{ merge: 'a', by: () => bytes('x') }]), { code: 'internal' })
})

test('writing what exists touches its record and nothing else; a new name touches one page beside', async () => {
  const { counts, tree } = createTree()
  await tree.commit([], [put('f/a'), put('f/b')])
  const writesOf = async (write: Write, version?: number): Promise<number> => {
    counts.writes = 0
    await tree.commit(version === undefined ? [] : [{ key: 'f/a', version }], [write])
    return counts.writes
  }
  assert.equal(await writesOf(put('f/a')), 1)
  assert.equal(await writesOf({ merge: 'f/a', by: () => bytes('merged') }), 1)
  const version = (await tree.get('f/a'))?.version ?? 0
  counts.reads = 0
  assert.equal(await writesOf(put('f/a'), version), 1)
  assert.equal(counts.reads, 0, 'a write of what was read before reads nothing')
  assert.equal(await writesOf(put('f/c')), 2)
  assert.equal(await writesOf(put('.hidden/a')), 1)
})

test('a page of names out of many reads the pages it needs and no more', async () => {
  const { counts, tree } = createTree()
  const names = Array.from({ length: 20_000 }, (_, index) => `name-${String(index).padStart(6, '0')}`)
  for (let at = 0; at < names.length; at += 500) await tree.commit([], names.slice(at, at + 500).map((name) => put(`many/${name}`)))
  for (const [limit, readsMax] of [[1, 3], [100, 4], [1_000, 15]] as const) {
    for (const reverse of [false, true]) {
      counts.reads = 0
      const after = 'name-010000'
      const page = await tree.list('many/', { after, limit, reverse })
      assert.deepEqual(page, reverse ? names.slice(10_000 - limit, 10_000).reverse() : names.slice(10_001, 10_001 + limit))
      assert.ok(counts.reads <= readsMax, `${limit} names took ${counts.reads} reads`)
    }
  }
  counts.writes = 0
  counts.reads = 0
  await tree.commit([], [put('many/name-005000x')])
  assert.ok(counts.writes <= 6 && counts.reads <= 8, `an insertion took ${counts.writes} writes and ${counts.reads} reads`)
})

test('a whole folder is listed by the same array until one of its pages changes', async () => {
  const { tree } = createTree({ pageNames: 8 })
  for (let index = 0; index < 40; index += 1) await tree.commit([], [put(`f/${index}`)])
  const before = await tree.list('f/')
  assert.ok(Object.isFrozen(before))
  assert.equal(await tree.list('f/'), before)
  await tree.commit([], [put('f/0')])
  assert.equal(await tree.list('f/'), before, 'overwriting changes no page')
  await tree.commit([], [put('f/00')])
  assert.deepEqual(await tree.list('f/'), [...before, '00'].sort())
  await tree.commit([], [{ del: 'f/39' }])
  assert.deepEqual(await tree.list('f/'), [...before, '00'].filter((name) => name !== '39').sort())
})

test('names of any length fill pages without breaking them', async () => {
  const { values, nameKey, tree } = createTree()
  const nameOf = (index: number): string => `${String((index * 7_919) % 300).padStart(3, '0')}${'é'.repeat((index * 37) % 900)}`
  const names = Array.from({ length: 300 }, (_, index) => nameOf(index))
  for (const name of names) await tree.commit([], [put(`long/${name}`)])
  assert.deepEqual(await tree.list('long/'), [...names].sort((one, other) => Buffer.compare(bytes(one), bytes(other))))
  assert.deepEqual(await checkTree(values, 'tree', nameKey), [])
})

test('a path that begins with a dot is kept but never listed, and leaves no folder behind', async () => {
  const { base, tree } = createTree()
  await tree.commit([], [put('.versions/a/1'), put('.versions/a/2'), put('a/.b')])
  assert.deepEqual(await tree.list(''), ['a/'])
  assert.deepEqual(await tree.list('.versions/'), [])
  assert.deepEqual(await tree.list('a/'), ['.b'])
  assert.equal((await tree.get('.versions/a/2'))?.value.toString(), 'value of .versions/a/2')
  assert.equal((await base.list('t/tree/d/')).length, 2)
  await tree.commit([], [{ merge: '.versions/a/1', by: () => null }, { del: '.versions/a/2' }])
  assert.equal(await tree.get('.versions/a/1'), null)
})

async function take(tree: Store, from: number, count: number): Promise<Change[]> {
  const control = new AbortController()
  const changes: Change[] = []
  for await (const change of tree.watch('', from, control.signal)) if (changes.push(change) === count) control.abort()
  return changes
}

test('a watch in another process tells the paths of what was deleted, also of what was created and deleted since, but not of what no list shows', async () => {
  const { base, keyring, tree } = createTree()
  const made = await tree.commit([], [put('kept/a'), put('.dot')])
  const came = await tree.commit([], [put('brief')])
  const went = await tree.commit([], [{ del: 'brief' }, { merge: 'kept/a', by: () => null }])
  await tree.commit([], [{ del: '.dot' }])
  const last = await tree.commit([], [put('last')])
  const changes = await take(createTree({ base, keyring }).tree, made, 4)
  assert.deepEqual(changes.sort((one, other) => one.commit - other.commit || (one.key < other.key ? -1 : 1)), [
    { commit: came, key: 'brief' }, { commit: went, key: 'brief' }, { commit: went, key: 'kept/a' }, { commit: last, key: 'last' },
  ])
})

test('the paths of deleted records are forgotten in time, so that they do not pile up', async () => {
  const { base, tree } = createTree({ obituaryCommits: 50 })
  for (let index = 0; index < 1_000; index += 1) {
    await tree.commit([], [put(`wrapped/${index}`)])
    await tree.commit([], [{ del: `wrapped/${index}` }])
  }
  const count = (await base.list('t/tree/x/')).length
  // 25 deletions lie within the last 50 commits; about as many again may wait for their turn.
  assert.ok(count >= 25 && count < 120, String(count))
})

test('dropping a tree removes all of it and nothing else, in bounded commits, and goes on after a stop', async () => {
  const { base, values, nameKey, tree } = createTree()
  const other = sealedNames(values, 'tree2', nameKey)
  await other.commit([], [put('stays')])
  await tree.commit([], Array.from({ length: 700 }, (_, index) => put(`f${index % 30}/${index}`)))
  await tree.commit([], [{ del: 'f1/1' }])
  let commits = 0
  const failing: Store = {
    ...base,
    async commit(expectations, writes) {
      assert.ok(writes.length <= 100)
      if ((commits += 1) === 4) throw new Error('killed')
      return await base.commit(expectations, writes)
    },
  }
  await assert.rejects(dropTree(failing, 'tree', { batch: 100 }), { message: 'killed' })
  assert.notDeepEqual(await base.list('t/tree/'), [])
  await dropTree(failing, 'tree', { batch: 100 })
  assert.deepEqual(await base.list('t/'), ['tree2/'])
  assert.equal((await other.get('stays'))?.value.toString(), 'value of stays')
  assert.deepEqual(await tree.list(''), [])
})

test('the name of a tree cannot break out of its place', () => {
  const { values, nameKey } = createTree()
  for (const name of ['', 'a/b', '..', 'A', 'a_b', 'é', 'x'.repeat(65)]) {
    assert.throws(() => sealedNames(values, name, nameKey), { code: 'internal' }, name)
  }
})

test('a name is served only while the barrier is open', async () => {
  const { keyring, tree } = createTree()
  await tree.commit([], [put('a/b')])
  keyring.close()
  const sealed = { code: 'sealed' }
  await assert.rejects(tree.get('a/b'), sealed)
  await assert.rejects(tree.get('new'), sealed)
  await assert.rejects(tree.list('a/'), sealed)
  await assert.rejects(tree.commit([], [put('a/b')]), sealed)
  await assert.rejects(tree.lower([], [put('a/c')]), sealed)
})
