/** Slips of the fingers are recognised, other words are not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest, editDistance } from './suggest.ts'

test('a letter more, less, other or swapped is one edit', () => {
  for (const word of ['secretss', 'secrts', 'secrats', 'sercets']) assert.equal(editDistance(word, 'secrets'), 1)
  assert.equal(editDistance('', 'abc'), 3)
})

test('the nearest name is suggested only if it is near', () => {
  assert.equal(closest('stauts', ['status', 'start', 'seal']), 'status')
  assert.equal(closest('zebra', ['status', 'read']), null)
  assert.equal(closest('rd', ['read']), null)
})
