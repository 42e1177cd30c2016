/** Promise 5 below the store: whatever bit of the data file is wrong, what is served is what was stored. `damage.slow.test.ts` does it more often. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from './testing/counts.ts'
import { damageFile } from './testing/damage.ts'

test('a data file with any bit turned over gives what was stored, or nothing', async (t) => {
  const report = await damageFile('flip', counts.bitFlips.fast)
  t.diagnostic(JSON.stringify(report))
  assert.ok(report.harmless > 0 && report.harmless < counts.bitFlips.fast, JSON.stringify(report))
})

test('a data file whose end is cut off gives what was stored, or nothing', async (t) => {
  t.diagnostic(JSON.stringify(await damageFile('cut', counts.truncations.fast)))
})
