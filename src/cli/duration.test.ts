/** Durations are read as people write them and printed as Go prints them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration, parseSeconds } from './duration.ts'

test('durations are printed as Go prints them', () => {
  const whole = [[0, '0s'], [1, '1s'], [60, '1m0s'], [90, '1m30s'], [3600, '1h0m0s'], [2_764_800, '768h0m0s'], [-5, '-5s']] as const
  const parts = [[0.5, '500ms'], [1.25, '1.25s']] as const
  for (const [seconds, text] of [...whole, ...parts]) assert.equal(formatDuration(seconds), text)
})

test('a printed duration is read back (seeded)', () => {
  const seconds = fc.integer({ min: -9e9, max: 9e9 })
  fc.assert(fc.property(seconds, (given) => assert.equal(parseSeconds(formatDuration(given)), given)), { seed: 1 })
})

test('what is no duration, or longer than 292 years, is refused', () => {
  for (const text of ['', ' ', 'h', '1x', '1h1', '--1s', '1.2.3s', '999999999h', '1e3s']) assert.equal(parseSeconds(text), null, text)
})
