/** What is parsed in steps is what `parseJson` makes of it, to the last digit and the last word of a refusal; and no step is long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ApiError } from './errors.ts'
import { defaultJsonLimits, encodeJson, parseJson, type Json, type JsonLimits } from './json.ts'
import { hasManyKeys, keysOf, parseSteps, type Pace } from './json-steps.ts'

const seed = { seed: 20261128, numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) }
const paces: readonly Pace[] = [{ looked: 1, decoded: 1, values: 1 }, { looked: 3, decoded: 2, values: 2 }, { looked: 7, decoded: 13, values: 5 }, { looked: 1e6, decoded: 1e6, values: 1e6 }]

/** The value with the number of steps, or the refusal. */
function outcome(work: () => Json): { readonly value: Json } | { readonly refusal: string } {
  try {
    return { value: work() }
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error))
    assert.equal(error.code, 'bad_request')
    return { refusal: error.message }
  }
}

function finished(steps: Generator<void, Json>): { readonly value: Json; readonly count: number } {
  for (let count = 1; ; count++) {
    const step = steps.next()
    if (step.done === true) return { value: step.value, count }
  }
}

function agree(text: string, limits: Partial<JsonLimits> = defaultJsonLimits): void {
  const whole = outcome(() => parseJson(text, limits))
  for (const pace of paces) {
    const stepped = outcome(() => finished(parseSteps(text, limits, pace)).value)
    assert.deepEqual(stepped, whole, text.slice(0, 200))
    if ('value' in whole && 'value' in stepped) assert.equal(encodeJson(stepped.value), encodeJson(whole.value))
  }
}

test('what is well formed comes out the same, however it is divided', () => {
  fc.assert(fc.property(fc.json({ maxDepth: 6 }), fc.nat({ max: 3 }), (text, indent) => agree(indent === 0 ? text : JSON.stringify(JSON.parse(text), null, indent))), seed)
})

test('what is malformed is refused in the same words, at the same place', () => {
  const pieces = ['', '"', '\\', ',', '}', ']', '{', '[', ':', '0', '-', '.', 'e', '\u0000', '\n', ' ', '\ud800', '\udc00', '\\u', '\\ud800', '\\udc0', '1.0', 'null', 'nul', '"__proto__":1,']
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.array(fc.tuple(fc.nat(), fc.constantFrom(...pieces), fc.nat({ max: 3 })), { minLength: 1, maxLength: 3 }), (text, changes) => {
      let broken = text
      for (const [place, piece, length] of changes) {
        const at = place % (broken.length + 1)
        broken = broken.slice(0, at) + piece + broken.slice(at + length)
      }
      agree(broken)
    }),
    { ...seed, numRuns: seed.numRuns * 4 },
  )
})

test('texts of escapes, pairs of surrogates and halves of them come out the same', () => {
  const parts = ['a', 'é', '\u{1f511}', '\\ud83d', '\\udd11', '\\ud83d\\udd11', '\ud83d', '\udd11', '\\"', '\\\\', '\\n', '\\/', '\\u0000', '\\u00e9', '\\u12', '\\x', '\\', '\t', '"']
  fc.assert(fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 12 }), (picked) => agree(`{"${picked.join('')}":["${picked.join('')}"]}`)), seed)
})

test('numbers keep their digits, the last of equal keys counts where the first stands, and __proto__ is a key', () => {
  for (const text of [
    '[12345678901234567890,1E5,1.0,-0,1e400,0.1,-7,1e-7,123456789012345,9007199254740993,0.30000000000000004]', '{"a":1,"b":2,"a":[3]}', '{"__proto__":{"x":1},"constructor":2,"__proto__":3}',
    '{"10":1,"2":2,"b":3,"1":4}', '{"":{"":""}}', '[[],{},[{}],""]', ' { "a" : [ 1 , 2 ] , "b" : true } ', 'null', ' "x" ', '-', '01', '1.', '[1 2]', '{"a" 1}', '{"a":1,}', '[1,]', '{} {}', '', '  ', '\ufeff{}', '"abc', '"a\\u00', `${'1'.repeat(50)}`,
  ]) agree(text)
})

test('limits hold as they do for a text in one piece, and before anything is built', () => {
  const limits = { depth: 4, strings: 6, values: 9 }
  const parts = ['[', ']', '{', '}', '"a"', '"a":', ',', '1', '"\\""']
  fc.assert(fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 25 }), (picked) => agree(picked.join(''), limits)), seed)
  for (const [text, refusal] of [[`${'['.repeat(5)}${']'.repeat(5)}`, /nested deeper than 4 levels/], [`[${'"a",'.repeat(7)}"a"]`, /more than 6 texts/], [`[${'1,'.repeat(9)}1]`, /more than 9 values/]] as const) {
    const found = outcome(() => finished(parseSteps(text, limits)).value)
    assert.match('refusal' in found ? found.refusal : '', refusal)
  }
})

test('a step ends after so many characters or values, whatever the shape', () => {
  const shapes = {
    'one text': JSON.stringify({ a: 'x'.repeat(4_000_000) }),
    'one text of escapes': `{"a":"${'\\u00e9'.repeat(1_000_000)}"}`,
    'many fields': JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, `v${i}`]))),
    'many lists': `[${'[1],'.repeat(20_000)}[]]`,
  }
  const least = { 'one text': 8, 'one text of escapes': 12 + 12, 'many fields': 20, 'many lists': 40 }
  for (const [name, text] of Object.entries(shapes)) {
    const { count } = finished(parseSteps(text, defaultJsonLimits))
    assert.ok(count >= least[name as keyof typeof least], `${name}: ${count} steps`)
  }
})

test('the keys of a large object are remembered in their order, once each, and it can get no others', () => {
  const entries = Array.from({ length: 3000 }, (_, i) => `"k${i % 2500}":${i}`)
  const made = finished(parseSteps(`{${entries.join(',')}}`, defaultJsonLimits)).value as Record<string, Json>
  assert.ok(hasManyKeys(made))
  assert.deepEqual(keysOf(made), Object.keys(made))
  assert.throws(() => { made['more'] = 1 }, TypeError)
  const numbered = finished(parseSteps(`{${entries.join(',')},"1":1}`, defaultJsonLimits)).value as object
  assert.ok(!hasManyKeys(numbered))
  assert.equal(keysOf(numbered)[0], '1')
})
