/** Ids of tokens, and what they are stored under. */
import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Host } from '../host.ts'
import { newAccessor, newServiceToken, storedId } from './ids.ts'

const key = createSecretKey(randomBytes(32))
const hostAt = (ms: number): Host => ({ now: () => ms, random: randomBytes }) as unknown as Host
const times = [0, 1, 61, 62, 1_700_000_000_000, 1_700_000_000_001, 3_500_000_000_000]

test('what is stored under ids lies in the order in which they were made', () => {
  for (const made of [newServiceToken, newAccessor]) {
    const stored = times.map((ms) => storedId(key, made(hostAt(ms))))
    assert.deepEqual([...stored].sort(), stored)
    for (const one of stored) assert.match(one, /^[0-9A-Za-z]{7}[0-9a-f]{64}$/)
  }
})

test('two ids of the same instant share nothing but the time', () => {
  const [first, second] = [newServiceToken(hostAt(1)), newServiceToken(hostAt(1))]
  assert.match(first, /^hvs\.0000001[0-9A-Za-z]{24}$/)
  assert.notEqual(first.slice(11), second.slice(11))
  assert.match(newAccessor(hostAt(1)), /^0000001[0-9A-Za-z]{20}$/)
})

test('other ids, of earlier versions or chosen ones, are stored under their hash alone', () => {
  for (const id of ['root', 'hvs.abcdefghijklmnopqrstuvwx', 'abcdefghijklmnopqrstuvwx', `hvs.${'a'.repeat(30)}`, `s.${'a'.repeat(31)}`, 'hvs.aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/x']) {
    assert.match(storedId(key, id), /^[0-9a-f]{64}$/)
  }
})

test('a clock before 1970 makes an id all the same', () => {
  assert.match(newServiceToken(hostAt(-5)), /^hvs\.0000000/)
})
