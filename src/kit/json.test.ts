/** Lossless JSON: digits, limits, refusals, and that nothing of the content reaches an error. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ApiError } from './errors.ts'
import { encodeJson, freezeDeep, isLongJson, JsonNumber, parseJson, type Json } from './json.ts'
import { readJson } from './json-reader.ts'

const seed = { seed: 20261121, numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) }

const refused = (text: string, limits?: Parameters<typeof parseJson>[1]): ApiError => {
  try {
    parseJson(text, limits)
  } catch (error) {
    assert.ok(error instanceof ApiError)
    assert.equal(error.code, 'bad_request')
    return error
  }
  throw new assert.AssertionError({ message: `accepted: ${text.slice(0, 60)}` })
}

const isNativeJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('numbers come back digit by digit', () => {
  const texts = [
    '12345678901234567890',
    '1E5',
    '1.0',
    '0.10',
    '-0',
    '1e400',
    '-1e-400',
    '123456789.123456789123',
    '1e-07',
    '0',
    '-1',
    '1e-7',
    '9007199254740993',
  ]
  for (const text of texts) {
    assert.equal(encodeJson(parseJson(text)), text)
    assert.equal(encodeJson(parseJson(`{"a":[${text},{"b":${text}}],"c":"${text}"}`)), `{"a":[${text},{"b":${text}}],"c":"${text}"}`)
  }
})

test('only numbers that JavaScript would change are JsonNumbers', () => {
  assert.deepEqual(parseJson('[1,-1,1.5,0,123456789012345,1e21]'), [1, -1, 1.5, 0, 123456789012345, new JsonNumber('1e21')])
  assert.deepEqual(parseJson('[1.0,2]'), [new JsonNumber('1.0'), 2])
})

test('a JsonNumber can only hold a number, and is only written by encodeJson', () => {
  for (const text of ['', '01', '1.', '.5', '+1', 'NaN', '1,2', '"x"', '1 ']) assert.throws(() => new JsonNumber(text), TypeError)
  assert.throws(() => JSON.stringify(new JsonNumber('1.0')), TypeError)
  assert.equal(encodeJson([new JsonNumber('1.0'), new JsonNumber('1.0'), 'x']), '[1.0,1.0,"x"]')
})

test('the reader of exact numbers agrees with JSON.parse on everything else', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.nat({ max: 3 }), (text, indent) => {
      const spaced = indent === 0 ? text : JSON.stringify(JSON.parse(text), null, indent)
      // `-0` and the like keep their digits: compare what is written.
      const exact = parseJson(`[1.0,${spaced}]`) as Json[]
      assert.equal(encodeJson(exact[1] ?? null), encodeJson(parseJson(spaced)))
      assert.deepEqual(JSON.parse(encodeJson(parseJson(spaced))), JSON.parse(text))
    }),
    seed,
  )
})

test('a mutated text is refused exactly when JSON.parse refuses it', () => {
  const cut = fc.tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom('', '"', '\\', ',', '}', ']', '0', '-', '.', 'e', '\u0000', ' ', '\ud800', '1.0', 'null'),
  )
  fc.assert(
    fc.property(cut, ([text, at, piece]) => {
      const i = at % (text.length + 1)
      const broken = text.slice(0, i) + piece + text.slice(i + (at % 3))
      for (const candidate of [broken, `[1.0,${broken}]`]) {
        if (isNativeJson(candidate)) parseJson(candidate)
        else assert.match(refused(candidate).message, /^error parsing JSON at position \d+: /)
      }
    }),
    seed,
  )
})

test('what JSON does not know is refused with the place', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['', 0],
    ['{ "a": 1, }', 10],
    ["{ 'a': 1 }", 2],
    ['{ "a": 1 /* x */ }', 9],
    ['{ "a": 01 }', 8],
    ['{ "a": NaN }', 7],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['"abc', 4],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['"\\u12g4"', 1],
    ['{} {}', 3],
    ['1.', 1],
    ['.5', 0],
    ['tru', 0],
    ['\ufeff{}', 0],
    ['Infinity', 0],
  ]
  for (const [text, at] of cases) assert.match(refused(text).message, new RegExp(`^error parsing JSON at position ${at}: `), text)
})

test('no error holds content of the text', () => {
  for (const text of [
    'hunter2',
    '{"password":hunter2}',
    '{"hunter2" 1}',
    '"hunter2',
    '{"a":"hunter2"',
    '["hunter2" "x"]',
    '"hunter2\\q"',
  ]) {
    assert.doesNotMatch(refused(text).message, /hunter/)
    assert.equal(refused(text).cause, undefined)
  }
})

const nestedTo = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

test('limits hold before anything is built', () => {
  parseJson(nestedTo(300))
  assert.match(refused(nestedTo(301)).message, /nested deeper than 300 levels/)
  assert.match(refused(`{"a":${nestedTo(5)}}`, { depth: 5 }).message, /nested deeper than 5 levels/)
  assert.match(refused('['.repeat(5_000_000)).message, /nested deeper/)
  parseJson('["a","b"]', { strings: 2 })
  assert.match(refused('{"a":"b","c":1}', { strings: 2 }).message, /more than 2 texts/)
  assert.match(refused('[1,2,3,4]', { values: 3 }).message, /more than 3 values/)
  assert.equal(parseJson('"[[[[{{{{,,,,"', { depth: 1, values: 0 }), '[[[[{{{{,,,,')
})

test('__proto__ is a key like any other', () => {
  for (const text of ['{"__proto__":{"isAdmin":true}}', '{"__proto__":{"isAdmin":1.0}}']) {
    const value = parseJson(text)
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.ok(Object.hasOwn(value as object, '__proto__'))
    assert.equal(encodeJson(value), text)
  }
})

test('of duplicate keys the last wins', () => {
  assert.equal(encodeJson(parseJson('{"a":1,"a":2}')), '{"a":2}')
  assert.equal(encodeJson(parseJson('{"a":1.0,"b":3,"a":2.0}')), '{"a":2.0,"b":3}')
})

test('half a surrogate pair becomes U+FFFD, whole pairs stay', () => {
  assert.equal(parseJson('"\\ud800"'), '\ufffd')
  assert.equal(parseJson('"a\\uDC00b"'), 'a\ufffdb')
  assert.equal(parseJson('"\\ud83d\\ude00"'), '\u{1f600}')
  assert.equal(parseJson(`"${'\ud800'}x"`), '\ufffdx')
  assert.equal(parseJson('"\\\\ud800"'), '\\ud800')
  assert.deepEqual(parseJson('{"\\ud800":"\\u0000\\u001f"}'), { '\ufffd': '\u0000\u001f' })
})

test('a text that looks like the stand-in of a number is left alone', () => {
  const text = '{"a":1.0,"b":"0123456789abcdef0123456789abcdef","c":"1.0"}'
  assert.equal(encodeJson(parseJson(text)), text)
})

test('a failed encoding leaves nothing behind', () => {
  const loop: Record<string, Json> = { a: new JsonNumber('1.0') }
  loop['b'] = loop
  assert.throws(() => encodeJson(loop))
  assert.throws(() => JSON.stringify(new JsonNumber('1.0')), TypeError)
  assert.equal(encodeJson([1, new JsonNumber('2.0')]), '[1,2.0]')
})

test('the reader keeps duplicate keys and places', () => {
  const seen: string[] = []
  readJson(
    '{"a": 1, "a": [true]}',
    {
      object: (entries) => void seen.push(...entries.map((entry) => `${entry.key}@${entry.at}`)),
      array: () => {},
      text: () => {},
      number: () => {},
      literal: () => {},
    },
    10,
  )
  assert.deepEqual(seen, ['a@1', 'a@9'])
})

test('freezeDeep freezes all levels and leaves binary data', () => {
  const bytes = new Uint8Array([1])
  const value = freezeDeep({ a: [{ b: 1 }], bytes })
  assert.ok(Object.isFrozen(value) && Object.isFrozen(value.a) && Object.isFrozen(value.a[0]))
  assert.equal(value.bytes, bytes)
})

test('an object is long by its own entries, or by those of a list or object right in it', () => {
  const many = Array.from({ length: 2_000 }, (_, i) => `n${i}`)
  const wide = Object.fromEntries(many.map((name) => [name, 1]))
  assert.deepEqual([isLongJson({ keys: many }, 1_999), isLongJson({ keys: many }, 2_000), isLongJson({ wide }, 1_999), isLongJson(wide, 1_999), isLongJson({ a: [many] }, 1_999)], [true, false, true, true, false])
})
