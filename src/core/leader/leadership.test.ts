/** Who leads: one at a time, however they come and go, and one that was paused writes nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { fencedStore } from '../../storage/fenced.ts'
import { opaqueStore } from '../base.ts'
import { Leadership } from './leadership.ts'

const pace = { beatEvery: 2, goneAfter: 5 }

/** Two processes over one store, and what each of them thinks of who leads. */
async function withTwo(work: (one: Leadership, other: Leadership, first: ServeHarness, second: ServeHarness) => Promise<void>): Promise<void> {
  const first = await serveHarness()
  const second = await first.sibling()
  try {
    await work(new Leadership(first.core, 'one', pace), new Leadership(second.core, 'other', pace), first, second)
  } finally {
    await second.close()
    await first.close()
  }
}

async function looks(of: Leadership, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await of.look()
}

test('the first who looks leads, and the others wait for as long as it shows that it lives', () => withTwo(async (one, other) => {
  await one.look()
  for (let i = 0; i < 40; i++) {
    await other.look()
    await one.look()
    assert.deepEqual([one.isLeading, other.isLeading], [true, false])
  }
}))

test('one that falls silent is replaced, and learns of it when it looks again', () => withTwo(async (one, other) => {
  await one.look()
  await looks(other, pace.goneAfter)
  assert.equal(other.isLeading, false)
  await looks(other, 1)
  assert.deepEqual([one.isLeading, other.isLeading], [true, true], 'both believe it: that is what the fence is for')
  await one.look()
  assert.deepEqual([one.isLeading, other.isLeading], [false, true])
}))

test('a leader that resigns, is known to be gone, or comes back itself, is replaced at once', () => withTwo(async (one, other, first) => {
  await one.look()
  await one.resign()
  await other.look()
  assert.deepEqual([one.isLeading, other.isLeading], [false, true])
  one.noteGone('other')
  await one.look()
  assert.equal(one.isLeading, true)
  const again = new Leadership(first.core, 'one', pace)
  await again.look()
  assert.equal(again.isLeading, true)
  await other.look(true)
  assert.equal(other.isLeading, true, 'who knows that it is alone takes the place')
}))

test('of those who want the place at the same instant one gets it', () => withTwo(async (one, other) => {
  await Promise.all([one.look(), other.look()])
  assert.deepEqual([one.isLeading, other.isLeading].filter(Boolean), [true])
}))

test('a leader that was paused for long, between reading and writing, writes nothing once another one leads', () => withTwo(async (one, other, first) => {
  await one.look()
  const behind = fencedStore(opaqueStore(first.core), one.fence)
  const put = (value: string) => ({ put: 'generation', value: Buffer.from(value) })
  await behind.commit([], [put('before')])
  const read = await behind.get('generation')
  // Here it is paused: it believes that it leads, and what it is about to commit is still true.
  await looks(other, pace.goneAfter + 1)
  assert.deepEqual([one.isLeading, other.isLeading], [true, true])
  const late = behind.commit([{ key: 'generation', version: read?.version ?? 0 }], [put('after')])
  await assert.rejects(late, (error: Error) => error.name !== 'Conflict', 'it must not try again')
  assert.deepEqual(await behind.get('generation'), read)
  await fencedStore(opaqueStore(first.core), other.fence).commit([], [put('by the new leader')])
}))

test('who does not lead writes nothing', () => withTwo(async (one, _other, first) => {
  await assert.rejects(fencedStore(opaqueStore(first.core), one.fence).commit([], [{ put: 'generation', value: Buffer.from('x') }]))
}))
