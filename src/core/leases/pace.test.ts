import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turnOfLoop } from 'node:timers/promises'
import { Pacer } from './pace.ts'

/** Work that always has more to do, and slices that end when the test says so. */
function createWorld(share: () => number, cpuSeconds = 0.1) {
  let slice: (() => void) | null = null
  const pacer = new Pacer({ load: () => ({ busy: share(), cpuSeconds }), later: (_, work) => ((slice = work), () => undefined) })
  let done = 0
  let isOver = false
  const worker = async (): Promise<void> => {
    while (!isOver) {
      await pacer.turn()
      done += 1
    }
  }
  return {
    pacer,
    start: () => void Array.from({ length: 8 }, worker),
    /** How much is done in the next slice. */
    async next(): Promise<number> {
      const before = done
      slice?.()
      await turnOfLoop()
      return done - before
    },
    end: () => (isOver = true),
    hasSlice: () => slice !== null,
    done: () => done,
  }
}

test('while requests need all of the process, a small steady part of the work is done', async () => {
  const world = createWorld(() => 1)
  world.start()
  await turnOfLoop()
  for (let i = 0; i < 20; i++) assert.equal(await world.next(), 5)
  world.end()
  await world.next()
})

test('the less of the machine the process gets, the less of it goes into that work, but never nothing', async () => {
  for (const [cpuSeconds, count] of [[0.2, 10], [0.06, 3], [0, 1]] as const) {
    const world = createWorld(() => 1, cpuSeconds)
    world.start()
    for (let i = 0; i < 5; i++) await world.next()
    assert.equal(await world.next(), count)
    world.end()
    await world.next()
  }
})

test('while there is time to spare it is used more and more, up to a bound, and given back at once', async () => {
  let busy = 0.1
  const world = createWorld(() => busy)
  world.start()
  await turnOfLoop()
  const counts: number[] = []
  for (let i = 0; i < 8; i++) counts.push(await world.next())
  assert.deepEqual(counts, [10, 20, 40, 80, 160, 320, 640, 1_000])
  busy = 0.95
  assert.deepEqual([await world.next(), await world.next(), await world.next()], [500, 250, 125])
  world.end()
  await world.next()
})

test('when nothing is to be done no slice follows another, and it begins anew', async () => {
  let asked = 0
  const world = createWorld(() => ((asked += 1), 0))
  await world.pacer.turn()
  await world.next()
  await world.next()
  const before = asked
  await world.next()
  assert.equal(asked, before)
  await world.pacer.turn()
  assert.equal(asked, before + 1)
})

test('where nobody knows how busy the process is, nothing waits', async () => {
  const pacer = new Pacer({ later: () => () => undefined })
  for (let i = 0; i < 10_000; i++) assert.equal(pacer.turn(), undefined)
})
