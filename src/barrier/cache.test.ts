import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GenerationalCache } from './cache.ts'

test('what is asked for again and again stays, whatever else passes through', () => {
  const cache = new GenerationalCache<number>(10)
  cache.set('hot', 1, 1)
  for (let index = 0; index < 1_000; index += 1) {
    cache.set(`cold ${index}`, index, 1)
    assert.equal(cache.get('hot'), 1)
  }
})

test('the weight of all that is held stays within the limit', () => {
  const cache = new GenerationalCache<string>(100)
  for (let index = 0; index < 1_000; index += 1) cache.set(`k${index}`, 'v', 1 + (index % 20))
  let held = 0
  for (let index = 0; index < 1_000; index += 1) if (cache.get(`k${index}`) !== undefined) held += 1 + (index % 20)
  assert.ok(held <= 100, String(held))
})

test('what is too large is not held, and replaces what was there', () => {
  const cache = new GenerationalCache<string>(100)
  cache.set('k', 'small', 1)
  cache.set('k', 'large', 60)
  assert.equal(cache.get('k'), undefined)
})

test('deleting and clearing forget, and free the weight', () => {
  const cache = new GenerationalCache<number>(10)
  for (let round = 0; round < 100; round += 1) {
    cache.set('a', round, 2)
    cache.set('b', round, 2)
    assert.equal(cache.get('a'), round)
    cache.delete('a')
    assert.equal(cache.get('a'), undefined)
  }
  assert.equal(cache.get('b'), 99)
  cache.clear()
  assert.equal(cache.get('b'), undefined)
})
