/** Promises 1 and 2 with the real server: `kill -9` amid a storm of writes of every kind. `crash.slow.test.ts` does it more often. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../security/testing/counts.ts'
import { crashRounds } from './testing/crash-rounds.ts'

test('after kill -9 everything that was acknowledged is there, nothing that was revoked works, and the state is sound', async () => {
  const { acknowledged, verified } = await crashRounds(counts.kills.fast, 1)
  assert.ok(acknowledged > 50 && verified > 50, `${acknowledged} acknowledged, ${verified} verified`)
})
