/** What is written in steps is what `encodeJson` writes, and no step is long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { defaultJsonLimits, encodeJson, JsonNumber, JsonText, parseJson, type Json } from './json.ts'
import { encodeBytes, encodePieces, partsOf } from './json-pieces.ts'
import { parseSteps } from './json-steps.ts'

const seed = { seed: 20261128, numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) }
const joined = (value: unknown): string => [...encodePieces(value)].map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString())).join('')

test('the pieces of any value are together what encodeJson writes', () => {
  const numbers = fc.constantFrom<Json>(new JsonNumber('1.0'), new JsonNumber('12345678901234567890'), new JsonText('{"a":[1.0]}'), '\ud800', 'a\udc00b', '\u0000"\\\u2028', -0)
  fc.assert(fc.property(fc.jsonValue(), fc.array(numbers), (value, odd) => {
    const whole = [value as Json, { 'k"\ud800': odd, __proto__: null }, parseJson('{"__proto__":{"x":1},"2":1,"1":2}')]
    assert.equal(joined(whole), encodeJson(whole))
  }), seed)
})

test('what handlers answer is written as encodeJson does: nothing is left out of lists, what is undefined out of objects', () => {
  const many = Array.from({ length: 2_000 }, (_, i) => `n${i}`)
  const wide = Object.fromEntries(many.map((name) => [name, { a: new JsonNumber('1e400'), b: undefined, c: new JsonText('{"x":1}') }]))
  const odd = JSON.parse('{"__proto__":{"a":1},"":null,"q\\"":[[]]}') as object
  for (const data of [{}, { keys: [] }, { keys: many }, wide, { wide, keys: many, last: 1, gone: undefined }, { odd, many: [wide, many] }, { gone: undefined, wide }, odd, { time: new Date(0), list: [undefined, Number.NaN] }])
    assert.equal(joined(data), encodeJson(data))
})

test('a text of many megabytes is written in parts, of which none ends within a pair of surrogates', () => {
  for (const long of [`x${'\u{1f511}'.repeat(400_000)}`, `"${'\\\n\ud83d'.repeat(300_000)}`, 'é'.repeat(1_000_000)]) {
    assert.ok([...encodePieces({ long })].length > 1)
    assert.equal(joined({ long, short: 1 }), encodeJson({ long, short: 1 }))
  }
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '\u{1f511}', '\ud83d', '\udd11') }), fc.integer({ min: 1, max: 4 }), (text, length) => {
    const parts = [...partsOf(text, length)]
    assert.equal(parts.join(''), text)
    assert.equal(Buffer.concat(parts.map((part) => Buffer.from(part))).toString('hex'), Buffer.from(text).toString('hex'))
  }), seed)
})

test('what is small is encoded at once, what is large in turns, with the same result', async () => {
  const many = JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, `ü${i}`])))
  const steps = parseSteps(many, defaultJsonLimits)
  let parsed = steps.next()
  while (parsed.done !== true) parsed = steps.next()
  const large: readonly Json[] = [{ a: 'x'.repeat(300_000) }, Array.from({ length: 30_000 }, () => 1.5), [[{ a: ['é'.repeat(400_000)] }]], parseJson(many), parsed.value, { kept: new JsonText(`"${'x'.repeat(300_000)}"`) }]
  for (const value of large) {
    const made = encodeBytes('7\n', value)
    assert.ok(made instanceof Promise)
    assert.equal(Buffer.from(await made).toString(), `7\n${encodeJson(value)}`)
  }
  for (const value of [{}, { a: 'x'.repeat(1000), b: [1, null, true, new JsonNumber('1.0')] }]) {
    const made = encodeBytes('', value)
    assert.ok(made instanceof Uint8Array)
    assert.equal(Buffer.from(made).toString(), encodeJson(value))
  }
})
