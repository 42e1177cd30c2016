/** JSON merge patch as RFC 7396 has it, and outlines that show no value. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeJson, parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { mergeObject, mergePatch, outline } from './merge-patch.ts'

const merged = (target: string, patch: string): string => encodeJson(mergePatch(parseJson(target), parseJson(patch)))

test('the examples of RFC 7396, appendix A', () => {
  for (const [target, patch, result] of [
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ] as const) {
    assert.equal(merged(target, patch), result, `${target} patched by ${patch}`)
  }
})

test('the example of RFC 7396, section 3', () => {
  const content = '"content":"This will be unchanged"'
  const target = `{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},"tags":["example","sample"],${content}}`
  const patch = '{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}'
  const result = `{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],${content},"phoneNumber":"+01-123-456-7890"}`
  assert.equal(merged(target, patch), result)
})

test('numbers that a patch does not touch stay digit by digit, and so do those that it brings', () => {
  assert.equal(merged('{"a":12345678901234567890,"b":1.0}', '{"c":1e400}'), '{"a":12345678901234567890,"b":1.0,"c":1e400}')
})

test('a key called __proto__ is a key like any other', () => {
  const result = merged('{"__proto__":{"a":1}}', '{"__proto__":{"b":2},"x":{"__proto__":3}}')
  assert.equal(result, '{"__proto__":{"a":1,"b":2},"x":{"__proto__":3}}')
  assert.equal(({} as Record<string, unknown>)['b'], undefined)
})

test('a patch changes neither of what it is made from', () => {
  const target = parseJson('{"a":{"b":[1]}}') as JsonObject
  const patch = parseJson('{"a":{"c":{"d":null}}}') as JsonObject
  mergeObject(target, patch)
  assert.equal(encodeJson(target), '{"a":{"b":[1]}}')
  assert.equal(encodeJson(patch), '{"a":{"c":{"d":null}}}')
})

const json = fc.letrec<{ value: Json; list: Json[]; object: JsonObject }>((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.constant(null), fc.integer(), fc.string({ maxLength: 3 }), tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 2 }),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('value'), { maxKeys: 3 }),
}))

test('applying a patch twice is applying it once, and nothing of it that is null stays', () => {
  fc.assert(
    fc.property(json.object, json.object, (target, patch) => {
      const once = mergeObject(target, patch)
      assert.deepEqual(mergeObject(once, patch), once)
      for (const [key, value] of Object.entries(patch)) assert.equal(Object.hasOwn(once, key), value !== null)
    }),
    { seed: 7396, numRuns: 500 },
  )
})

test('an outline keeps keys down to its depth and no value', () => {
  const value = parseJson('{"a":{"b":{"c":{"d":1}}},"l":[1,{"x":2}],"e":{},"s":"x","n":12345678901234567890}') as JsonObject
  assert.equal(encodeJson(outline(value, 0)), '{"a":{"b":{"c":{"d":null}}},"l":null,"e":null,"s":null,"n":null}')
  assert.equal(encodeJson(outline(value, 1)), '{"a":null,"l":null,"e":null,"s":null,"n":null}')
  assert.equal(encodeJson(outline(value, 2)), '{"a":{"b":null},"l":null,"e":null,"s":null,"n":null}')
  assert.deepEqual(outline(value, -1), outline(value, 0))
})

test('an outline of anything contains nothing but objects and null', () => {
  const isBare = (value: unknown): boolean =>
    value === null || (typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isBare))
  const property = fc.property(json.object, fc.integer({ min: -1, max: 4 }), (value, depth) => isBare(outline(value, depth)))
  fc.assert(property, { seed: 1, numRuns: 300 })
})
