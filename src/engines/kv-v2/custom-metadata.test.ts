/** What custom metadata may hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../../kit/errors.ts'
import { parseJson, type JsonObject } from '../../kit/json.ts'
import { patchCustomMetadata, replaceCustomMetadata } from './custom-metadata.ts'

const given = (json: string): JsonObject => parseJson(json) as JsonObject
const refuses = (work: () => unknown, words: RegExp): void =>
  assert.throws(work, (error) => {
    const isRefusal = error instanceof ApiError && error.status === 400 && error.message.startsWith('custom_metadata validation failed: ')
    return isRefusal && words.test(error.message)
  })

test('numbers and truth values become texts, digit by digit', () => {
  assert.deepEqual(replaceCustomMetadata(given('{"a":"b","c":true,"d":false,"n":5,"f":1.50,"e":12345678901234567890}')), {
    a: 'b', c: '1', d: '0', n: '5', f: '1.50', e: '12345678901234567890',
  })
})

test('an empty map is none', () => {
  assert.equal(replaceCustomMetadata({}), null)
  assert.equal(patchCustomMetadata({ a: 'b' }, { a: null }), null)
})

test('keys have 1 to 128 bytes, values 1 to 512, counted in UTF-8', () => {
  const accepted = { ['k'.repeat(128)]: 'v'.repeat(512), ['é'.repeat(64)]: '😀'.repeat(128) }
  assert.deepEqual(replaceCustomMetadata(accepted), accepted)
  refuses(() => replaceCustomMetadata({ '': 'x' }), /key "" has 0 bytes/)
  refuses(() => replaceCustomMetadata({ ['k'.repeat(129)]: 'x' }), /has 129 bytes/)
  refuses(() => replaceCustomMetadata({ ['é'.repeat(65)]: 'x' }), /has 130 bytes/)
  refuses(() => replaceCustomMetadata({ k: '' }), /value of key "k" has 0 bytes/)
  refuses(() => replaceCustomMetadata({ k: 'v'.repeat(513) }), /value of key "k" has 513 bytes/)
  refuses(() => replaceCustomMetadata({ k: null }), /value of key "k" has 0 bytes/)
})

test('a refusal quotes no value and no endless key', () => {
  refuses(() => replaceCustomMetadata({ k: `secret${'\u0001'}` }), /^(?!.*secret).*value of key "k" contains unprintable characters$/)
  refuses(() => replaceCustomMetadata({ ['k'.repeat(100_000)]: 'x' }), /^.{1,150}$/)
})

test('lists and objects are no texts', () => {
  for (const value of ['[]', '["x"]', '{}', '{"x":1}']) {
    refuses(() => replaceCustomMetadata(given(`{"k":${value}}`)), /value of key "k" is no text/)
  }
})

test('only printable characters are allowed, and of the blanks only the space', () => {
  for (const key of ['\n', '\t', '\u00a0', '\u200b', '\u0000']) refuses(() => replaceCustomMetadata({ [key]: 'x' }), /unprintable/)
  assert.deepEqual(replaceCustomMetadata({ 'käse brot 1 +%': '日本 😀 !' }), { 'käse brot 1 +%': '日本 😀 !' })
})

test('there are at most 64 keys, also after many patches', () => {
  const keys = (count: number, from = 0): JsonObject => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i + from}`, 'x']))
  const full = replaceCustomMetadata(keys(64))
  refuses(() => replaceCustomMetadata(keys(65)), /65 keys, at most 64/)
  refuses(() => patchCustomMetadata(full, keys(1, 64)), /65 keys, at most 64/)
  assert.equal(Object.keys(patchCustomMetadata(full, { k0: null, other: 'x' }) ?? {}).length, 64)
})

test('a patch removes with null and keeps what it does not name', () => {
  assert.deepEqual(patchCustomMetadata({ a: '1', b: '2' }, { a: null, c: 3 }), { b: '2', c: '3' })
  assert.deepEqual(patchCustomMetadata(null, { a: 'x', gone: null }), { a: 'x' })
  refuses(() => patchCustomMetadata(null, { a: '' }), /0 bytes/)
})

test('a key called __proto__ is a key like any other', () => {
  const made = replaceCustomMetadata(given('{"__proto__":"x"}'))
  assert.deepEqual(Object.entries(made ?? {}), [['__proto__', 'x']])
})
