/** As `spellings.test.ts`, with all spellings of all operations. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from './testing/counts.ts'
import { spellEverything } from './testing/spellings.ts'

test(`none of ${counts.spellings.slow} spellings of the path of an operation reaches it by another name than policies know`, async (t) => {
  const { requests, reached, unreachable } = await spellEverything(counts.spellings.slow)
  t.diagnostic(`${requests} requests, ${reached} reached another operation, not tried: ${unreachable.join()}`)
  assert.ok(requests > 90_000 && reached > 1_000, `${requests}, ${reached}`)
  assert.ok(unreachable.length < 20, unreachable.join())
})
