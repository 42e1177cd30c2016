/** As `simulation.test.ts`, but a million steps: tens of minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from './run.ts'

const steps = Number(process.env['COFFER_SIM_STEPS'] ?? 1_000_000)

test(`${steps} requests are answered as the model says, whatever fails meanwhile`, async (t) => {
  const report = await simulate(1, steps)
  t.diagnostic(JSON.stringify(report))
  assert.ok(report.kills > steps / 200, JSON.stringify(report))
})
