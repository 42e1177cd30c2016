/** As `differential.test.ts`, a million verdicts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../../security/testing/counts.ts'
import { comparePolicies } from './testing/differential.ts'

test('every verdict agrees with the naive evaluator, a million times', (t) => {
  const { allowed, checked } = comparePolicies(counts.policySets.slow, 20261128)
  t.diagnostic(`${allowed} of ${checked} were allowed`)
  // Not a comparison of two that always say no.
  assert.ok(allowed > checked / 50 && checked >= 1_000_000, `${allowed} of ${checked}`)
})
