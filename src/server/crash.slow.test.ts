/** As `crash.test.ts`, but a thousand kills: half an hour. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../security/testing/counts.ts'
import { crashRounds } from './testing/crash-rounds.ts'

/** Each over a folder of its own, so that what there is to compare stays within bounds. */
const series = 20
const kills = counts.kills.slow / series

for (let seed = 1; seed <= series; seed++) {
  test(`after ${kills} times kill -9 (${seed} of ${series}) all that was acknowledged is there, nothing revoked works, and the state is sound`, async (t) => {
    const report = await crashRounds(kills, seed)
    t.diagnostic(JSON.stringify(report))
    assert.ok(report.acknowledged > kills * 100)
    assert.ok(report.openedInMs < 5_000, `opened in ${report.openedInMs} ms`)
  })
}
