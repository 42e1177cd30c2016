/** Class: an encoding of a path that policy takes for another one. `spellings.slow.test.ts` tries all fifty for each operation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from './testing/counts.ts'
import { spellEverything, spellingsOf } from './testing/spellings.ts'

test('no spelling of the path of an operation reaches it by another name than policies know', async (t) => {
  const { requests, reached, unreachable } = await spellEverything(counts.spellings.fast)
  t.diagnostic(`${requests} requests, ${reached} reached another operation, not tried: ${unreachable.join()}`)
  assert.ok(requests > 2_000, `${requests}`)
  assert.ok(unreachable.length < 20, unreachable.join())
})

test('there are fifty spellings, all different', () => {
  assert.equal(new Set(spellingsOf('mount/config/name')).size, counts.spellings.slow)
})
