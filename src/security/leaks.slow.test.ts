/** As the requests at random of `leaks.test.ts`, but ten thousand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askAtRandom } from './testing/canaries.ts'
import { counts } from './testing/counts.ts'

/** Each on a server of its own: everything that it wrote is searched for everything that it answered. */
const series = 10

for (let seed = 1; seed <= series; seed++) {
  test(`${counts.redactedRequests.slow / series} requests of any operation (${seed} of ${series}) leave no secret in audit files, the log, errors or figures`, async (t) => {
    const { sent, answered } = await askAtRandom(counts.redactedRequests.slow / series, seed)
    t.diagnostic(`${sent} secrets were sent, ${answered} were answered`)
    assert.ok(sent > 1_000 && answered > 10)
  })
}
