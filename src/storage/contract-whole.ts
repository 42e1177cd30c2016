/** The part of the storage contract suite about whole stores: see `WholeStore`. */
import assert from 'node:assert/strict'
import { Conflict } from '../kit/errors.ts'
import type { KeyValue, Store, WholeStore } from '../kit/store.ts'
import { isWhole } from '../kit/store.ts'
import { bytes, readText, type Requirement, textOf } from './contract-parts.ts'

const whole = (store: Store): WholeStore => {
  assert.ok(isWhole(store))
  return store
}

async function allOf(store: WholeStore, between: () => Promise<unknown> = async () => undefined): Promise<{ readonly commit: number; readonly values: Map<string, string> }> {
  const { commit, pieces } = store.readWhole()
  const values = new Map<string, string>()
  for await (const piece of pieces) {
    for (const { key, value } of piece) values.set(key, textOf(value) ?? '')
    await between()
  }
  return { commit, values }
}

const some = (count: number, text: string): { readonly put: string; readonly value: Uint8Array }[] =>
  Array.from({ length: count }, (_, i) => ({ put: `k/${String(i).padStart(5, '0')}`, value: bytes(text) }))

/** For drivers, which call it beside `storeContract`. */
export function wholeContract(requirement: Requirement): void {
  requirement('a whole store is read as it was at one commit, in the order of the keys, whatever is committed meanwhile', async (given) => {
    const store = whole(given)
    const commit = await store.commit([], [...some(5_000, 'before'), { put: 'ä', value: bytes('') }])
    let i = 0
    const read = await allOf(store, () => store.commit([], [{ put: `k/${String(4_999 - i++).padStart(5, '0')}`, value: bytes('after') }, { del: 'ä' }, { put: `new/${i}`, value: bytes('after') }]))
    assert.ok(i > 2)
    assert.equal(read.commit, commit)
    assert.deepEqual([read.values.size, read.values.get('ä'), new Set(read.values.values())], [5_001, '', new Set(['before', ''])])
    const keys = [...read.values.keys()]
    assert.deepEqual(keys, [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))
    assert.equal(await readText(store, 'new/1'), 'after')
  })

  requirement('a reading that is not read to its end does no harm', async (given) => {
    const store = whole(given)
    await store.commit([], some(5_000, 'x'))
    for await (const _ of store.readWhole().pieces) break
    await store.commit([], [{ del: 'k/00001' }])
    assert.equal((await allOf(store)).values.size, 4_999)
  })

  requirement('replacing leaves nothing of before, in one commit, after which nothing older is current', async (given) => {
    const store = whole(given)
    const before = await store.commit([], [{ put: 'same', value: bytes('1') }, { put: 'gone/a', value: bytes('1') }])
    const commit = await store.replaceWhole([{ key: 'new', value: bytes('2') }, { key: 'same', value: bytes('1') }])
    assert.ok(commit > before)
    assert.equal(await store.lastCommit(), commit)
    assert.deepEqual(await store.list(''), ['new', 'same'])
    assert.deepEqual([(await store.get('same'))?.version, (await store.get('new'))?.version, await store.get('gone/a')], [commit, commit, null])
    await assert.rejects(store.commit([{ key: 'same', version: before }], [{ put: 'x', value: bytes('') }]), Conflict)
    assert.ok((await store.commit([{ key: 'same', version: commit }], [{ put: 'x', value: bytes('') }])) > commit)
  })

  requirement('when the values end with an exception, nothing has changed', async (given) => {
    const store = whole(given)
    const before = await store.commit([], some(100, 'kept'))
    function* broken(): Generator<KeyValue> {
      for (let i = 0; i < 1_000; i++) yield { key: `n/${i}`, value: bytes('never') }
      throw new Error('the source broke')
    }
    await assert.rejects(store.replaceWhole(broken()), /the source broke/)
    assert.deepEqual([await store.lastCommit(), (await store.list('')).join(), (await allOf(store)).values.size], [before, 'k/', 100])
    await store.commit([], [{ put: 'goes/on', value: bytes('') }])
  })

  requirement('a watch from before a replacement is refused as forgotten, one that waits as well; one from then on goes on', async (given) => {
    const store = whole(given)
    const before = await store.commit([], [{ put: 'a', value: bytes('') }])
    const ending = new AbortController()
    const waiting = store.watch('', before, ending.signal)[Symbol.asyncIterator]().next()
    waiting.catch(() => undefined)
    const commit = await store.replaceWhole([{ key: 'b', value: bytes('') }])
    await assert.rejects(waiting, { code: 'precondition_failed' })
    await assert.rejects(store.watch('', before, ending.signal)[Symbol.asyncIterator]().next(), { code: 'precondition_failed' })
    const next = store.watch('', commit, ending.signal)[Symbol.asyncIterator]().next()
    await store.commit([], [{ put: 'c', value: bytes('') }])
    assert.equal((await next).value?.key, 'c')
    ending.abort()
  })

  requirement('commits that are under way when a store is replaced come before it, or after it', async (given) => {
    const store = whole(given)
    const writes = Array.from({ length: 50 }, (_, i) => store.commit([], [{ put: `w/${i}`, value: bytes('') }]))
    const commit = await store.replaceWhole([{ key: 'b', value: bytes('') }])
    const numbers = await Promise.all(writes)
    const later = numbers.filter((number) => number > commit).length
    assert.equal((await store.list('w/')).length, later)
    assert.equal(await readText(store, 'b'), '')
  })
}
