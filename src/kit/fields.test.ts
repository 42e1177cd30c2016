/** Fields: what every type takes from the wire, as Vault coerces it, and what is refused in which words. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { ApiError } from './errors.ts'
import {
  anything, defaulted, duration, flag, integer, integerList, list, lowerText, object, optional, parseFields, plainList, secret, signedDuration, text, textMap, type Field,
} from './fields.ts'
import { encodeJson, JsonNumber, parseJson, type Json, type JsonObject } from './json.ts'

const parse = <T>(field: Field<T>, raw: Json): T => (parseFields({ x: field as Field<unknown> }, { x: raw }).values as { x: T }).x

function takes<T>(field: Field<T>, cases: readonly (readonly [raw: Json, value: unknown])[]): void {
  for (const [raw, value] of cases) assert.deepEqual(parse(field, raw), value, encodeJson(raw))
}

/** Every value is refused in words that name the field. */
function refuses(field: Field<unknown>, values: readonly Json[], reason?: RegExp): void {
  for (const raw of values) {
    assert.throws(() => parse(field, raw), (error: unknown) => {
      assert.ok(error instanceof ApiError && error.code === 'bad_request', String(error))
      assert.match(error.message, /^Field validation failed: error converting input for field "x": /)
      if (reason !== undefined) assert.match(error.message, reason)
      return true
    }, encodeJson(raw))
  }
}

describe('what is coerced', () => {
  test('a text is also a number, digit by digit, and a flag', () => {
    takes(text(''), [['a b ', 'a b '], [12, '12'], [true, '1'], [false, '0'], [new JsonNumber('1.0'), '1.0'], [new JsonNumber('12345678901234567890'), '12345678901234567890']])
    refuses(text(''), [[], ['a'], {}, { a: 'b' }])
  })

  test('a text without case is trimmed and in lower case', () => {
    takes(lowerText(''), [[' Some Name\n', 'some name'], [7, '7']])
  })

  test('an integer is also a text of digits, a flag, and nothing', () => {
    takes(integer(''), [[3, 3], ['3', 3], [' -3 ', -3], ['+3', 3], ['', 0], [true, 1], [false, 0], ['007', 7], [new JsonNumber('3.0'), 3], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]])
    refuses(integer(''), ['3.5', 3.5, 'three', '0x10', '1e3', ' ', [], {}, [3], new JsonNumber('1e400')], /expected an integer, got (?:a text|a number|a list|an object)$/)
  })

  test('an integer that JavaScript could not keep exactly is refused and not rounded', () => {
    refuses(integer(''), [2 ** 53, '9007199254740993', new JsonNumber('12345678901234567890'), '-9007199254740993'], /out of range/)
  })

  test('a flag is what strconv.ParseBool takes, and a number', () => {
    takes(flag(''), [[true, true], ['t', true], ['TRUE', true], ['1', true], [1, true], [2, true], [new JsonNumber('1.0'), true]])
    takes(flag(''), [[false, false], ['f', false], ['False', false], ['0', false], ['', false], [0, false], [new JsonNumber('0.0'), false]])
    refuses(flag(''), ['yes', 'no', 'on', 'tRUE', '2', [], {}], /expected true or false, got (?:a text|a list|an object)$/)
  })

  test('a duration is a number of seconds or a text with units, and never negative', () => {
    takes(duration(''), [[90, 90], ['90', 90], ['1h30m', 5400], ['2d', 172_800], ['', 0], ['1ms', 1], [new JsonNumber('12345678'), 12_345_678]])
    refuses(duration(''), ['soon', 1.5, '300y', [], {}, true])
    refuses(duration(''), [-1, '-1h', '-1'], /cannot be negative$/)
    refuses(duration(''), ['2562048h', 10 ** 10], /longer than 292 years/)
    takes(signedDuration(''), [[-1, -1], ['-1h', -3600]])
  })

  test('a list is a JSON list or a text with commas, without blanks around items and without empty items', () => {
    takes(list(''), [['a, b,,c ', ['a', 'b', 'c']], [['a', ' b ', ''], ['a', 'b']], ['', []], [[], []], [7, ['7']], [[1, true], ['1', '1']]])
    takes(list(''), [[['a,b'], ['a,b']]])
    refuses(list(''), [{}, [[]], [{}], [null]])
  })

  test('in a plain list a comma is an ordinary character', () => {
    takes(plainList(''), [['a,b', ['a,b']], [['a,b', ' c '], ['a,b', ' c ']], [[], []], [5, ['5']]])
    refuses(plainList(''), [{}, [null]])
  })

  test('a list of integers is a JSON list, a text with commas, or one number', () => {
    takes(integerList(''), [['1, 2', [1, 2]], [[1, '2'], [1, 2]], [3, [3]], ['', []]])
    refuses(integerList(''), ['1,two', [1.5], {}])
  })

  test('a map of texts is an object, or key=value as text or list; the rest of the signs belong to the value', () => {
    const plain = (raw: Json): Record<string, string> => ({ ...parse(textMap(''), raw) })
    assert.deepEqual(plain({ a: 'b', n: 1, t: true, z: null }), { a: 'b', n: '1', t: '1', z: '' })
    assert.deepEqual(plain(['a=b', 'c=d=e', 'e=']), { a: 'b', c: 'd=e', e: '' })
    assert.deepEqual(plain('a=b,c=d'), { a: 'b,c=d' })
    assert.deepEqual(plain(''), {})
    refuses(textMap(''), [['novalue'], ['=v'], { a: [] }, { a: {} }, 5, true])
  })

  test('an object is nothing but an object', () => {
    takes(object(''), [[{ a: 1 }, { a: 1 }], [{}, {}]])
    refuses(object(''), ['{}', [], 5, true, new JsonNumber('1.0')], /expected an object, got (?:a text|a list|a number|true or false)$/)
  })
})

describe('what is absent or null', () => {
  test('null is the empty value and not the default', () => {
    const fields = { t: defaulted(text(''), 'd'), i: defaulted(integer(''), 5), f: defaulted(flag(''), true), d: defaulted(duration(''), 9), l: defaulted(list(''), ['x']), m: textMap(''), o: object(''), a: anything('') }
    const nulls = Object.fromEntries(Object.keys(fields).map((name) => [name, null]))
    assert.deepEqual(parseFields(fields, nulls).values, { t: '', i: 0, f: false, d: 0, l: [], m: {}, o: {}, a: null })
  })

  test('what is absent becomes the default, stays absent where that is optional, and is asked for otherwise', () => {
    assert.deepEqual(parseFields({ a: defaulted(integer(''), 5), b: optional(text('')) }, {}).values, { a: 5 })
    assert.throws(() => parseFields({ a: text('') }, {}), { code: 'bad_request', message: 'missing required field "a"' })
  })

  test('fields are the own keys of an object: what it inherits is not there, and no key is special', () => {
    const fields = { constructor: optional(text('')), toString: optional(text('')) }
    assert.deepEqual(Object.keys(parseFields(fields, {}).values), [])
    const raw = parseJson('{"__proto__": "a", "constructor": "b"}') as JsonObject
    const { values, unknown } = parseFields(fields, raw)
    assert.equal((values as Record<string, unknown>)['constructor'], 'b')
    assert.deepEqual(unknown, ['__proto__'])
    const map = parse(textMap(''), raw)
    assert.deepEqual(Object.entries(map), [['__proto__', 'a'], ['constructor', 'b']])
    assert.equal(Object.getPrototypeOf(map), null)
  })

  test('unknown names are told in order, and do no harm', () => {
    assert.deepEqual(parseFields({ a: optional(text('')) }, { z: 1, a: 'x', b: 2 }), { values: { a: 'x' }, unknown: ['b', 'z'] })
  })
})

test('no refusal of any type shows the value that was refused', () => {
  const types = { text, integer, flag, duration, list, plainList, integerList, textMap, object, lowerText }
  const marked = fc.oneof(
    fc.constant<Json>('sEcReT-value'), fc.constant<Json>({ 'sEcReT-key': ['sEcReT-value'] }), fc.constant<Json>(['sEcReT-value', {}]), fc.constant<Json>(['=sEcReT']),
    fc.constant<Json>(new JsonNumber('7777777777777777777')), fc.constant<Json>('-7777777777777777777'),
  )
  fc.assert(
    fc.property(fc.constantFrom(...Object.values(types)), marked, (make, raw) => {
      try {
        parse(secret(make('') as Field<unknown>), raw)
      } catch (error) {
        assert.ok(error instanceof ApiError)
        assert.doesNotMatch(`${error.message} ${error.detail ?? ''}`, /secret|7777/i)
      }
    }),
    { seed: 1, numRuns: 200 },
  )
})
