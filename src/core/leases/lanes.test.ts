/** Lanes: what is stuck in one of them stops no other, and there is a bound to everything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lanes } from './lanes.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Work that ends when it is let go. */
function held(): { readonly work: () => Promise<void>; readonly started: () => number; readonly letGo: () => void } {
  let started = 0
  let letGo = (): void => undefined
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  return { work: async () => ((started += 1), await gate), started: () => started, letGo: () => letGo() }
}

test('a lane that is stuck stops no other', async () => {
  const lanes = new Lanes()
  const stuck = held()
  const done: string[] = []
  for (let i = 0; i < 20; i++) lanes.add('stuck', `stuck ${i}`, stuck.work)
  for (let i = 0; i < 20; i++) lanes.add('free', `free ${i}`, async () => void done.push('free'))
  await turn()
  assert.equal(done.length, 20)
  assert.equal(stuck.started(), 8, 'no more than eight at once')
  stuck.letGo()
  await lanes.settle()
  assert.equal(stuck.started(), 20)
})

test('a lane takes no more than it can hold, and more again when there is room', async () => {
  const lanes = new Lanes()
  const stuck = held()
  let taken = 0
  while (lanes.add('lane', String(taken), stuck.work)) taken += 1
  assert.equal(taken, 256 + 8)
  assert.equal(lanes.add('other', 'x', async () => undefined), true)
  stuck.letGo()
  await lanes.settle()
  assert.equal(lanes.add('lane', 'again', async () => undefined), true)
  await lanes.settle()
})

test('what waits or runs under a key is not taken twice; what has ended may come again', async () => {
  const lanes = new Lanes()
  const first = held()
  assert.equal(lanes.add('lane', 'key', first.work), true)
  assert.equal(lanes.add('lane', 'key', first.work), true)
  first.letGo()
  await lanes.settle()
  assert.equal(first.started(), 1)
  lanes.add('lane', 'key', first.work)
  await lanes.settle()
  assert.equal(first.started(), 2)
})

test('where nothing is under way there is nothing to wait for', async () => {
  await new Lanes().settle()
})
