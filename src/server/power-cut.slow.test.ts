/** As `power-cut.test.ts`, but seven hundred cuts: tens of minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../security/testing/counts.ts'
import { buildShim } from './testing/disk.ts'
import { powerCuts } from './testing/power-cuts.ts'
import { inPlace } from './testing/process.ts'

const storms = 4

test(`after ${counts.powerCuts.slow} power cuts everything that was acknowledged is there, and the state is sound`, async (t) => {
  for (let seed = 1; seed <= storms; seed++) await inPlace(async (place) => {
    const shim = buildShim(place.folder)
    if (shim === null) return t.skip('imitating a power cut needs Linux and a C compiler (cc)')
    const report = await powerCuts(place, { shim, cuts: counts.powerCuts.slow / storms, seed, acknowledged: 1_000 })
    t.diagnostic(JSON.stringify(report))
    assert.ok(report.verified > 5_000, JSON.stringify(report))
  })
})
