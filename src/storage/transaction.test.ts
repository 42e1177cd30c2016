import assert from 'node:assert/strict'
import { test } from 'node:test'
import { badRequest, Conflict } from '../kit/errors.ts'
import type { ListOptions, Store } from '../kit/store.ts'
import { bytes, increment, readText, textOf } from './contract-parts.ts'
import { compareKeys } from './key.ts'
import { memoryStore } from './memory.ts'
import { scopedStore } from './scoped.ts'
import { seededRandom } from './seeded.ts'
import { beginTransaction, retryOnConflict, runTransaction, scopedTransaction } from './transaction.ts'

async function storeWith(values: Readonly<Record<string, string>>): Promise<Store> {
  const store = memoryStore()
  await store.commit([], Object.entries(values).map(([key, text]) => ({ put: key, value: bytes(text) })))
  return store
}

const noSleep = { sleep: async () => {} }

test('writes are visible within the transaction at once, and outside after its commit', async () => {
  const store = await storeWith({ a: '1', b: '2' })
  const transaction = beginTransaction(store)
  transaction.put('a', bytes('new'))
  transaction.delete('b')
  transaction.put('c', bytes('3'))
  assert.equal(textOf((await transaction.get('a'))?.value), 'new')
  assert.equal((await transaction.get('a'))?.version, 0)
  assert.equal(await transaction.get('b'), null)
  assert.equal(await readText(store, 'a'), '1')
  const commit = await transaction.commitWith()
  assert.deepEqual([await readText(store, 'a'), await readText(store, 'b'), await readText(store, 'c')], ['new', undefined, '3'])
  assert.equal(await store.lastCommit(), commit)
})

test('a transaction that only read commits nothing, even when what it read has changed', async () => {
  const store = await storeWith({ a: '1' })
  const transaction = beginTransaction(store)
  await transaction.get('a')
  await transaction.list('')
  assert.equal(transaction.isDirty, false)
  const changed = await store.commit([], [{ put: 'a', value: bytes('2') }])
  assert.equal(await transaction.commitWith(), 0)
  assert.equal(await store.lastCommit(), changed)
})

test('the commit fails when anything read has changed, also what was absent', async () => {
  for (const key of ['present', 'absent']) {
    const store = await storeWith({ present: '1' })
    const transaction = beginTransaction(store)
    await transaction.get(key)
    transaction.put('result', bytes('x'))
    await store.commit([], [{ put: key, value: bytes('changed') }])
    await assert.rejects(transaction.commitWith(), Conflict)
    assert.equal(await store.get('result'), null)
  }
})

test('a key that was read at two versions fails the commit', async () => {
  const store = await storeWith({ a: '1' })
  const transaction = beginTransaction(store)
  await transaction.get('a')
  await store.commit([], [{ put: 'a', value: bytes('2') }])
  await transaction.get('a')
  transaction.put('b', bytes('x'))
  await assert.rejects(transaction.commitWith(), Conflict)
})

test('a key that was written unread expects nothing', async () => {
  const store = await storeWith({ a: '1' })
  const transaction = beginTransaction(store)
  transaction.put('a', bytes('mine'))
  await transaction.get('a')
  await store.commit([], [{ put: 'a', value: bytes('theirs') }])
  await transaction.commitWith()
  assert.equal(await readText(store, 'a'), 'mine')
})

test('a merge is seen by later reads, builds on earlier writes, and runs on what is current at the commit', async () => {
  const store = await storeWith({ counter: '5', unread: '5' })
  const transaction = beginTransaction(store)
  transaction.merge('counter', increment)
  transaction.merge('counter', increment)
  assert.equal(textOf((await transaction.get('counter'))?.value), '7')
  transaction.merge('unread', increment)
  transaction.put('fresh', bytes('10'))
  transaction.merge('fresh', increment)
  transaction.delete('gone')
  transaction.merge('gone', (current) => (current === null ? bytes('reborn') : null))
  transaction.merge('never', () => null)
  assert.equal(await transaction.get('never'), null)
  await store.commit([], [{ put: 'unread', value: bytes('100') }])
  await transaction.commitWith()
  const texts = await Promise.all(['counter', 'unread', 'fresh', 'gone', 'never'].map((key) => readText(store, key)))
  assert.deepEqual(texts, ['7', '101', '11', 'reborn', undefined])
})

test('a merge that was read is bound to what was read', async () => {
  const store = await storeWith({ uses: '5' })
  const transaction = beginTransaction(store)
  transaction.merge('uses', increment)
  await transaction.get('uses')
  await store.commit([], [{ put: 'uses', value: bytes('9') }])
  await assert.rejects(transaction.commitWith(), Conflict)
})

test('lists show what is gathered, in any page and direction', async () => {
  const names = ['a', 'b/', 'c', 'd/', 'e', 'f', 'é', '\uffff', '😀']
  const keysOf = (name: string): string[] => (name.endsWith('/') ? [`${name}x`, `${name}y`] : [name])
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seededRandom(seed)
    const choose = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
    const store = memoryStore()
    const model = new Set<string>()
    for (const key of names.flatMap(keysOf)) if (random() < 0.6) model.add(key)
    await store.commit([], [...model].map((key) => ({ put: `p/${key}`, value: bytes('1') })))
    const transaction = beginTransaction(store)
    for (let step = 0; step < 12; step += 1) {
      const key = choose(names.flatMap(keysOf))
      const isDeletion = random() < 0.5
      if (isDeletion) model.delete(key)
      else model.add(key)
      if (random() < 0.3) transaction.merge(`p/${key}`, () => (isDeletion ? null : bytes('2')))
      else if (isDeletion) transaction.delete(`p/${key}`)
      else transaction.put(`p/${key}`, bytes('2'))
      const after = choose([undefined, ...names, 'b', 'b/x', 'zz'])
      const limit = choose([undefined, 0, 1, 2, 3])
      const options = { reverse: random() < 0.5, ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) }
      assert.deepEqual(await transaction.list('p/', options), listModel(model, options), JSON.stringify({ seed, step, options }))
    }
    await transaction.commitWith()
    assert.deepEqual(await store.list('p/'), listModel(model, {}))
  }
})

function listModel(model: ReadonlySet<string>, { after, limit, reverse = false }: ListOptions): string[] {
  const order = (one: string, other: string): number => compareKeys(one, other) * (reverse ? -1 : 1)
  const names = new Set([...model].map((key) => (key.includes('/') ? key.slice(0, key.indexOf('/') + 1) : key)))
  return [...names].sort(order).filter((name) => after === undefined || order(after, name) < 0).slice(0, limit)
}

test('what a caller adds is in the same commit and builds on what was gathered', async () => {
  const store = await storeWith({ guard: '1' })
  const guard = { key: 'guard', version: (await store.get('guard'))?.version ?? 0 }
  const transaction = beginTransaction(store)
  transaction.put('count', bytes('1'))
  const writes = [{ merge: 'count', by: increment }, { put: 'lease', value: bytes('x') }]
  const commit = await transaction.commitWith({ expectations: [guard], writes })
  assert.deepEqual([await readText(store, 'count'), (await store.get('lease'))?.version], ['2', commit])
  const other = beginTransaction(store)
  other.put('never', bytes('1'))
  await assert.rejects(other.commitWith({ expectations: [{ key: 'guard', version: 0 }] }), Conflict)
  assert.equal(await store.get('never'), null)
})

test('an expectation alone is checked, and writes alone are committed with the reads', async () => {
  const store = await storeWith({ a: '1' })
  await assert.rejects(beginTransaction(store).commitWith({ expectations: [{ key: 'a', version: 0 }] }), Conflict)
  const transaction = beginTransaction(store)
  await transaction.get('a')
  await store.commit([], [{ put: 'a', value: bytes('2') }])
  await assert.rejects(transaction.commitWith({ writes: [{ put: 'b', value: bytes('1') }] }), Conflict)
})

test('a transaction that is over refuses writes and a second commit', async () => {
  const transaction = beginTransaction(await storeWith({}))
  transaction.put('a', bytes('1'))
  await transaction.commitWith()
  assert.throws(() => transaction.put('b', bytes('1')), { code: 'internal' })
  await assert.rejects(transaction.commitWith(), { code: 'internal' })
})

test('scoped views of a transaction share its unit of work, however the scope is reached', async () => {
  const store = await storeWith({ 'm/n/a': '1' })
  const transaction = beginTransaction(store)
  const scope = scopedStore(scopedStore(store, 'm/'), 'n/')
  const [view, same] = [transaction.on(scope), scopedTransaction(scopedTransaction(transaction, 'm/'), 'n/')]
  assert.equal(textOf((await view.get('a'))?.value), '1')
  view.put('b', bytes('2'))
  same.delete('a')
  view.merge('c', increment)
  assert.deepEqual([await view.list(''), await same.list(''), await transaction.list('m/n/')], [['b', 'c'], ['b', 'c'], ['b', 'c']])
  assert.equal(transaction.isDirty, true)
  const commit = await transaction.commitWith()
  assert.deepEqual([await scope.list(''), (await store.get('m/n/b'))?.version], [['b', 'c'], commit])
})

test('a unit of work over several layers of one base is one commit, with what each of them read', async () => {
  const base = memoryStore()
  // Renames nothing but is a layer of its own, unlike a scope.
  const layer = (mark: string) => {
    const { prefix: _, ...rest } = scopedStore(base, `${mark}/`)
    return rest
  }
  const [one, other] = [layer('one'), layer('other')]
  const transaction = beginTransaction(one)
  transaction.put('a', bytes('1'))
  await transaction.on(other).get('guard')
  transaction.on(other).put('b', bytes('2'))
  transaction.on(base).merge('count', increment)
  assert.equal(transaction.on(other), transaction.on(other))
  const commit = await transaction.commitWith()
  const versions = await Promise.all([one.get('a'), other.get('b'), base.get('count')])
  assert.deepEqual(versions.map((entry) => entry?.version), [commit, commit, commit])
  const late = beginTransaction(one)
  await late.on(other).get('guard')
  await other.commit([], [{ put: 'guard', value: bytes('x') }])
  late.put('never', bytes('1'))
  await assert.rejects(late.commitWith(), Conflict)
})

test('work that meets a conflict runs again from the start, and every effect counts once', async () => {
  const store = await storeWith({ count: '0' })
  let runs = 0
  await Promise.all(Array.from({ length: 30 }, () => runTransaction(store, async (transaction) => {
    runs += 1
    const current = await transaction.get('count')
    await new Promise((resolve) => setImmediate(resolve))
    transaction.put('count', increment(current?.value ?? null))
  }, { attempts: 100 })))
  assert.equal(await readText(store, 'count'), '30')
  assert.ok(runs > 30)
})

test('work ends as overloaded when every attempt met a conflict, and waits longer each time', async () => {
  const waits: number[] = []
  const attempt = async (): Promise<never> => {
    throw new Conflict('k')
  }
  const sleep = async (milliseconds: number): Promise<void> => void waits.push(milliseconds)
  const options = { attempts: 8, jitter: (below: number) => below - 1, sleep }
  await assert.rejects(retryOnConflict(attempt, options), { code: 'overloaded' })
  assert.deepEqual(waits, [1, 3, 7, 15, 31, 63, 63])
})

test('work that fails otherwise is not run again and commits nothing', async () => {
  const store = await storeWith({})
  let runs = 0
  const work = runTransaction(store, async (transaction) => {
    runs += 1
    transaction.put('a', bytes('1'))
    throw badRequest('no')
  }, noSleep)
  await assert.rejects(work, { code: 'bad_request' })
  assert.deepEqual([runs, await store.get('a')], [1, null])
})

test('the result of the work comes back after its commit', async () => {
  const store = await storeWith({ a: '1' })
  assert.equal(await runTransaction(store, async (transaction) => textOf((await transaction.get('a'))?.value)), '1')
})

test('a peek sees what the transaction would write, and its commit does not depend on what was peeked at', async () => {
  const store = await storeWith({ 'in/count': '1', 'in/other': '1' })
  const transaction = beginTransaction(store)
  const view = scopedTransaction(transaction, 'in/')
  assert.equal(textOf((await view.peek('count'))?.value), '1')
  view.merge('count', increment)
  assert.equal(textOf((await view.peek('count'))?.value), '2')
  view.delete('other')
  assert.equal(await view.peek('other'), null)
  await store.commit([], [{ put: 'in/count', value: bytes('5') }])
  await transaction.commitWith()
  assert.equal(await readText(store, 'in/count'), '6')
})
