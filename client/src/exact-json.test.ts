/** Numbers and bytes come back exactly as they were stored. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ExactNumber, parseExact, stringifyExact } from './exact-json.ts'

test('every number keeps its digits', () => {
  for (const text of ['0', '-0', '12345678901234567890', '1e400', '1.50', '-1.0E+2', '0.1']) {
    const value = parseExact(text)
    assert.ok(value instanceof ExactNumber)
    assert.equal(value.text, text)
    assert.equal(stringifyExact(value), text)
  }
  assert.equal(Number(parseExact('42')), 42)
})

test('names that mean something to JavaScript are names like any other', () => {
  const text = '{"__proto__":{"x":1},"constructor":2,"toString":null}'
  const value = parseExact(text)
  assert.equal(stringifyExact(value), text)
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})

test('whatever JSON.parse takes, is taken, with the same meaning (seeded)', () => {
  const same = (text: string): void => assert.deepEqual(JSON.parse(stringifyExact(parseExact(text))), JSON.parse(text))
  fc.assert(fc.property(fc.json(), same), { seed: 5, numRuns: 1000 })
})

test('whatever JSON.parse refuses, is refused, without quoting it (seeded)', () => {
  const broken = fc.oneof(fc.string(), fc.json().chain((text) => fc.nat(text.length).map((at) => `${text.slice(0, at)}}${text.slice(at)}`)))
  const accepts = (parse: (text: string) => unknown, text: string): boolean => {
    try {
      parse(text)
      return true
    } catch (error) {
      assert.ok(error instanceof SyntaxError)
      return false
    }
  }
  fc.assert(fc.property(broken, (text) => assert.equal(accepts(parseExact, text), accepts(JSON.parse, text))), { seed: 6, numRuns: 2000 })
  assert.throws(() => parseExact('{"password":"hunter2"'), (error: Error) => !error.message.includes('hunter2'))
})

test('too deep a nesting is refused before the stack overflows', () => {
  assert.throws(() => parseExact('['.repeat(100_000)), /nested deeper/)
})

test('what is left undefined is not sent', () => {
  const value = { a: undefined, b: [undefined, new Date(0)], c: new ExactNumber('1e400') }
  assert.equal(stringifyExact(value), '{"b":[null,"1970-01-01T00:00:00.000Z"],"c":1e400}')
})
