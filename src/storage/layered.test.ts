import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conflict } from '../kit/errors.ts'
import type { Expectation, Store, Write } from '../kit/store.ts'
import { bytes, increment, readText, textOf } from './contract-parts.ts'
import { commitTogether, keyOf, type LayeredStore, writeAt } from './layered.ts'
import { memoryStore } from './memory.ts'
import { scopedStore } from './scoped.ts'

/** A layer that hides names and counts its writes on a page that all layers of the base share: the shape of sealed names. */
function pagedLayer(base: Store, mark: string): LayeredStore & { readonly lowered: number[] } {
  const lowered: number[] = []
  const hidden = (key: string): string => `${mark}/${Buffer.from(key).toString('hex')}`
  const lower = async (expectations: readonly Expectation[], writes: readonly Write[]) => {
    lowered.push(writes.length)
    await base.get('page')
    return {
      expectations: expectations.map(({ key, version }) => ({ key: hidden(key), version })),
      writes: [...writes.map((write) => writeAt(hidden(keyOf(write)), write)), { merge: 'page', by: increment }],
    }
  }
  return {
    base,
    lowered,
    lower,
    get: (key) => base.get(hidden(key)),
    list: async () => [],
    commit: async (expectations, writes) => {
      const batch = await lower(expectations, writes)
      return await base.commit(batch.expectations, batch.writes)
    },
    watch: (prefix, from, signal) => base.watch(prefix, from, signal),
    lastCommit: () => base.lastCommit(),
  }
}

const put = (key: string, text: string): Write => ({ put: key, value: bytes(text) })

test('parts of different layers are one commit at their base', async () => {
  const base = memoryStore()
  const [one, other] = [pagedLayer(base, 'one'), pagedLayer(base, 'other')]
  const commit = await commitTogether([
    { store: one, expectations: [{ key: 'a', version: 0 }], writes: [put('a', '1')] },
    { store: scopedStore(other, 's/'), expectations: [], writes: [put('b', '2')] },
    { store: base, expectations: [], writes: [put('plain', '3')] },
  ])
  assert.equal(await base.lastCommit(), commit)
  assert.deepEqual([await readText(one, 'a'), await readText(other, 's/b'), await readText(base, 'plain')], ['1', '2', '3'])
  assert.equal(await readText(base, 'page'), '2')
  const versions = await Promise.all([one.get('a'), other.get('s/b'), base.get('plain'), base.get('page')])
  assert.deepEqual(versions.map((entry) => entry?.version), [commit, commit, commit, commit])
})

test('a conflict in one part fails all of them', async () => {
  const base = memoryStore()
  const layer = pagedLayer(base, 'one')
  await base.commit([], [put('plain', '0')])
  const parts = [
    { store: layer, expectations: [], writes: [put('a', '1')] },
    { store: base, expectations: [{ key: 'plain', version: 0 }], writes: [] },
  ]
  await assert.rejects(commitTogether(parts), Conflict)
  assert.equal(await layer.get('a'), null)
  assert.equal(await base.get('page'), null)
})

test('parts that meet in one layer are lowered by it once, and a single part is left to its own store', async () => {
  const base = memoryStore()
  const layer = pagedLayer(base, 'one')
  await commitTogether([
    { store: scopedStore(layer, 'x/'), expectations: [], writes: [put('k', '1')] },
    { store: scopedStore(scopedStore(layer, 'y/'), 'z/'), expectations: [], writes: [put('k', '2')] },
    { store: layer, expectations: [], writes: [put('k', '3')] },
  ])
  assert.deepEqual(layer.lowered, [3])
  assert.deepEqual([await readText(layer, 'x/k'), await readText(layer, 'y/z/k'), await readText(layer, 'k')], ['1', '2', '3'])
})

test('merges of one base key are joined in the order of the parts', async () => {
  const base = memoryStore()
  const append = (text: string) => (current: Uint8Array | null) => bytes(`${textOf(current ?? undefined) ?? ''}${text}`)
  const scope = scopedStore(base, 's/')
  await commitTogether([
    { store: base, expectations: [], writes: [{ merge: 's/k', by: append('1') }] },
    { store: base, expectations: [], writes: [{ merge: 's/k', by: append('2') }] },
    { store: scope, expectations: [], writes: [{ put: 'other', value: bytes('x') }] },
  ])
  assert.equal(await readText(base, 's/k'), '12')
})

test('two parts that put the same base key are refused, and so are stores without a common base', async () => {
  const base = memoryStore()
  const scope = scopedStore(base, 's/')
  const same = [
    { store: base, expectations: [], writes: [put('s/k', '1')] },
    { store: scope, expectations: [], writes: [put('k', '2')] },
  ]
  await assert.rejects(commitTogether(same), { code: 'internal' })
  const apart = [
    { store: base, expectations: [], writes: [put('a', '1')] },
    { store: memoryStore(), expectations: [], writes: [put('b', '1')] },
  ]
  await assert.rejects(commitTogether(apart), { code: 'internal' })
  assert.equal(await base.lastCommit(), 0)
})

test('expectations of one key agree or are a conflict', async () => {
  const base = memoryStore()
  const version = await base.commit([], [put('k', '1')])
  const part = (expected: number) => ({ store: base, expectations: [{ key: 'k', version: expected }], writes: [] })
  await commitTogether([part(version), part(version)])
  await assert.rejects(commitTogether([part(version), part(version + 1)]), Conflict)
})
