/** From one form of the data to the next: in order, once, also after a crash, and never past what a program knows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'
import { Barrier } from './barrier.ts'
import type { Migration } from './migration.ts'
import { keyFileSeal } from './seals/key-file.ts'
import { unsealBySeal } from './seals/unsealing.ts'

const seal = keyFileSeal(Buffer.alloc(32, 5))
const open = (store: Store, migrations: readonly Migration[], told: string[] = []): Barrier =>
  new Barrier(store, { now: () => 0, migrations, onMigration: (summary) => void told.push(summary) })

async function newStore(migrations: readonly Migration[] = []): Promise<Store> {
  const store = memoryStore()
  const barrier = open(store, migrations)
  await barrier.initialize({ seal, config: { shares: 0, threshold: 0 } }, null, () => barrier.values.commit([], ['a', 'b', 'c'].map((name) => ({ put: `k/${name}`, value: Buffer.from('1') }))))
  return store
}

/** Appends a letter to each value, one commit for each; leaves alone what has it already. */
const appending = (letter: string, onCommit: (name: string) => void = () => undefined): Migration => ({
  summary: `append ${letter}`,
  async run({ values }) {
    for (const name of await values.list('k/')) {
      const entry = await values.get(`k/${name}`)
      const text = Buffer.from(entry?.value ?? []).toString()
      if (text.endsWith(letter)) continue
      await values.commit([{ key: `k/${name}`, version: entry?.version ?? 0 }], [{ put: `k/${name}`, value: Buffer.from(text + letter) }])
      onCommit(name)
    }
  },
})

async function valuesOf(barrier: Barrier): Promise<string[]> {
  const found: string[] = []
  for (const name of await barrier.values.list('k/')) found.push(Buffer.from((await barrier.values.get(`k/${name}`))?.value ?? []).toString())
  return found
}

test('a new store has the present form, and nothing runs', async () => {
  const told: string[] = []
  const barrier = open(await newStore([appending('x')]), [appending('x')], told)
  await unsealBySeal(barrier, seal)
  assert.deepEqual([told, await valuesOf(barrier)], [[], ['1', '1', '1']])
})

test('an old store goes through each step in order, before anybody is served, and only once', async () => {
  const store = await newStore()
  const told: string[] = []
  let wasSealed = false
  const barrier: Barrier = open(store, [appending('x', () => (wasSealed = barrier.isSealed)), appending('y')], told)
  await unsealBySeal(barrier, seal)
  assert.deepEqual([told, await valuesOf(barrier), wasSealed, barrier.isSealed], [['append x', 'append y'], ['1xy', '1xy', '1xy'], true, false])
  await barrier.values.commit([], [{ put: 'k/d', value: Buffer.from('new') }])
  const again = open(store, [appending('x'), appending('y')], told)
  await unsealBySeal(again, seal)
  assert.deepEqual([told.length, (await valuesOf(again)).at(-1)], [2, 'new'])
})

test('a step that fails seals the server and is gone on with at the next start', async () => {
  const store = await newStore()
  const crash = appending('x', (name) => {
    if (name === 'b') throw new Error('power is gone')
  })
  const first = open(store, [crash, appending('y')])
  await assert.rejects(unsealBySeal(first, seal), /power is gone/)
  assert.equal(first.isSealed, true)
  const told: string[] = []
  const second = open(store, [appending('x'), appending('y')], told)
  await unsealBySeal(second, seal)
  assert.deepEqual([told, await valuesOf(second)], [['append x', 'append y'], ['1xy', '1xy', '1xy']])
})

test('two processes that start at once bring the data to the same form', async () => {
  const store = await newStore()
  const both = [open(store, [appending('x'), appending('y')]), open(store, [appending('x'), appending('y')])]
  const started = await Promise.allSettled(both.map((barrier) => unsealBySeal(barrier, seal)))
  for (const [i, barrier] of both.entries()) if (started[i]?.status === 'rejected') await unsealBySeal(barrier, seal)
  for (const barrier of both) {
    assert.deepEqual(await valuesOf(barrier), ['1xy', '1xy', '1xy'])
    await barrier.values.commit([], [{ put: 'other', value: Buffer.from('') }])
  }
})

test('an older program refuses data of a later form by name, at the start, when it unseals, and when another process has changed them', async () => {
  const store = await newStore()
  const old = open(store, [])
  await unsealBySeal(old, seal)
  await unsealBySeal(open(store, [appending('x')]), seal)
  const text = /the data are of form 2, but this program knows only 1: they were written by a later version of Coffer/
  await assert.rejects(old.values.commit([], [{ put: 'k/a', value: Buffer.from('') }]), text)
  assert.equal(old.isSealed, true)
  const later = open(store, [])
  await assert.rejects(later.form.check(), text)
  await assert.rejects(unsealBySeal(later, seal), text)
})
