/** The policy engine against one that was written from the documentation alone. `differential.slow.test.ts` compares more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../../security/testing/counts.ts'
import { comparePolicies } from './testing/differential.ts'

test('every verdict agrees with the naive evaluator', (t) => {
  const { allowed, checked } = comparePolicies(counts.policySets.fast, 20261121)
  t.diagnostic(`${allowed} of ${checked} were allowed`)
  // Not a comparison of two that always say no.
  assert.ok(allowed > checked / 50 && checked >= 100_000, `${allowed} of ${checked}`)
})
