/** As `crash.test.ts`, but fifty kills: minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashRounds } from './testing/crash-rounds.ts'

test('after fifty times kill -9 all that was acknowledged is there, nothing revoked works, and the state is sound', async (t) => {
  const report = await crashRounds(50, 2)
  t.diagnostic(JSON.stringify(report))
  assert.ok(report.acknowledged > 5_000)
  assert.ok(report.openedInMs < 5_000, `opened in ${report.openedInMs} ms`)
})
