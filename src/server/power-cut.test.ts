/** Promises 1 and 2 when the power goes: see `testing/disk.ts` for how that is imitated. `power-cut.slow.test.ts` cuts more often. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../security/testing/counts.ts'
import { buildShim } from './testing/disk.ts'
import { powerCuts } from './testing/power-cuts.ts'
import { inPlace } from './testing/process.ts'

test('after a power cut everything that was acknowledged is there, and the state is sound', (t) => inPlace(async (place) => {
  const shim = buildShim(place.folder)
  if (shim === null) return t.skip('imitating a power cut needs Linux and a C compiler (cc)')
  const report = await powerCuts(place, { shim, cuts: counts.powerCuts.fast, seed: 1, acknowledged: 80 })
  t.diagnostic(JSON.stringify(report))
  assert.ok(report.verified > 50, JSON.stringify(report))
}))

test('a disk that only says that it has synced is found out', (t) => inPlace(async (place) => {
  const shim = buildShim(place.folder)
  if (shim === null) return t.skip('imitating a power cut needs Linux and a C compiler (cc)')
  await assert.rejects(powerCuts(place, { shim, cuts: 4, seed: 2, acknowledged: 60, isLying: true }))
}))
