/** As `damage.test.ts`, but ten thousand bits and four hundred lengths: minutes. */
import { test } from 'node:test'
import { counts } from './testing/counts.ts'
import { damageFile } from './testing/damage.ts'

for (const [kind, { slow }] of [['flip', counts.bitFlips], ['cut', counts.truncations]] as const) test(`of a data file that is damaged in ${slow} ways (${kind}) nothing is served but what was stored`, async (t) => {
  t.diagnostic(JSON.stringify(await damageFile(kind, slow)))
})
