/** A few thousand steps of the simulation, and whether it would notice anything. `simulation.slow.test.ts` plays a million. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store, Write } from '../kit/store.ts'
import { playEpisode, Unexplained } from './episode.ts'
import { simulate } from './run.ts'

const steps = 3_000

test(`${steps} requests at once to two processes, with faults, kills and jumps of the clock, are answered as the model says`, async (t) => {
  const report = await simulate(20_261_128, steps)
  t.diagnostic(JSON.stringify(report))
  assert.ok(report.faults > 300 && report.kills > 20 && report.unknown > 150 && report.clockJumps > 50, JSON.stringify(report))
})

test('a seed replays its episode to the letter', async () => {
  const [first, second] = [await playEpisode(7, 200), await playEpisode(7, 200)]
  assert.deepEqual(second, first)
  assert.notDeepEqual((await playEpisode(8, 200)).trace, first.trace)
})

/** Passes a commit on through `change` now and then. */
const everyNth = (n: number, change: (inner: Store, writes: readonly Write[]) => Promise<number> | null) => (inner: Store): Store => {
  let count = 0
  return {
    ...inner,
    async commit(expectations, writes) {
      count += 1
      return (count % n === 0 ? await change(inner, writes) : null) ?? (await inner.commit(expectations, writes))
    },
  }
}

const flaws: Readonly<Record<string, (inner: Store) => Store>> = {
  'that loses a commit which it acknowledged': everyNth(150, (inner) => inner.lastCommit()),
  'that does a half of a commit': everyNth(100, (inner, writes) => inner.commit([], writes.slice(0, Math.ceil(writes.length / 2)))),
  'that does not look whether what was read has changed': everyNth(1, (inner, writes) => inner.commit([], writes)),
  'that serves what it read before': (inner) => {
    const old = new Map<string, Awaited<ReturnType<Store['get']>>>()
    let count = 0
    return {
      ...inner,
      async get(key) {
        const now = await inner.get(key)
        if ((count += 1) % 300 === 0 && old.has(key)) return old.get(key) ?? null
        old.set(key, now)
        return now
      },
    }
  },
}

for (const [flaw, make] of Object.entries(flaws)) test(`a store ${flaw} is found out`, async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const found = await playEpisode(seed, 400, make).then(() => null, (error: unknown) => error)
    if (found === null) continue
    assert.ok(found instanceof Unexplained, String(found))
    return
  }
  assert.fail('nothing was noticed')
})
