/** Durations: every form that is accepted, rounding, limits, and how they are printed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatDuration, formatShort, parseDuration } from './duration.ts'
import { ApiError } from './errors.ts'
import { JsonNumber } from './json.ts'

test('whole seconds, whole days and Go durations are accepted', () => {
  const cases: readonly (readonly [unknown, number])[] = [
    [90, 90],
    ['90', 90],
    ['+90', 90],
    [-60, -60],
    ['-60', -60],
    ['0', 0],
    ['-0', 0],
    ['2d', 172800],
    ['-1d', -86400],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['-1h', -3600],
    ['.5m', 30],
    ['1.m', 60],
    ['1h1h', 7200],
    ['0s', 0],
    ['00090', 90],
    [new JsonNumber('9223372036'), 9223372036],
    ['106751d', 9223286400],
    ['0.1h', 360],
    ['1m0.1s', 60],
  ]
  for (const [raw, seconds] of cases) assert.ok(Object.is(parseDuration(raw), seconds), `${String(raw)} is ${parseDuration(raw)}`)
})

test('nothing at all is zero', () => {
  for (const raw of [null, undefined, '']) assert.equal(parseDuration(raw), 0)
})

test('fractions of a second are cut off, but never to zero', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['1500ms', 1],
    ['1.999s', 1],
    ['-1500ms', -1],
    ['500ms', 1],
    ['1ns', 1],
    ['1us', 1],
    ['1\u00b5s', 1],
    ['1\u03bcs', 1],
    ['-1ms', -1],
    ['59m59.9s', 3599],
  ]
  for (const [raw, seconds] of cases) assert.equal(parseDuration(raw), seconds, raw)
})

test('what Vault refuses is refused, without the value in the text', () => {
  const raws = [
    'soon',
    '1.5',
    1.5,
    new JsonNumber('1.0'),
    new JsonNumber('1E5'),
    '1d12h',
    '1.5d',
    ' 1h',
    '1h ',
    '1 h',
    '1w',
    '1y',
    'h',
    '.s',
    '-',
    '+',
    '--1',
    '1_000',
    '0x10',
    '1e3',
    '\u0661',
    true,
    [],
    {},
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1h'.repeat(40),
  ]
  for (const raw of raws) {
    assert.throws(
      () => parseDuration(raw),
      (error) => error instanceof ApiError && error.code === 'bad_request' && !error.message.includes('soon'),
      String(raw),
    )
  }
})

test('what does not fit into 64 bits of nanoseconds is refused', () => {
  for (const raw of [
    '9223372037',
    9223372037,
    -9223372037,
    '106752d',
    '2562048h',
    '9'.repeat(60),
    `${'9'.repeat(60)}d`,
    `${'9'.repeat(60)}h`,
    new JsonNumber('12345678901234567890'),
  ]) {
    assert.throws(() => parseDuration(raw), /longer than 292 years/, String(raw))
  }
})

test('durations are printed as Go prints them', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [-1, '-1s'],
    [59, '59s'],
    [60, '1m0s'],
    [90, '1m30s'],
    [3600, '1h0m0s'],
    [2764800, '768h0m0s'],
    [-5400, '-1h30m0s'],
    [1.5, '1.5s'],
    [0.25, '250ms'],
    [61.5, '1m1.5s'],
  ]
  for (const [seconds, text] of cases) assert.equal(formatDuration(seconds), text)
})

test('the short form leaves out empty minutes and seconds', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '0s'],
    [30, '30s'],
    [120, '2m'],
    [90, '1m30s'],
    [600, '10m'],
    [3600, '1h'],
    [3605, '1h5s'],
    [5400, '1h30m'],
    [36000, '10h'],
    [2764800, '768h'],
    [3660, '1h1m'],
    [-3600, '-1h'],
  ]
  for (const [seconds, text] of cases) assert.equal(formatShort(seconds), text)
})

test('what is printed is parsed again', () => {
  fc.assert(
    fc.property(fc.integer({ min: -9_000_000_000, max: 9_000_000_000 }), (seconds) => {
      assert.equal(parseDuration(formatDuration(seconds)), seconds)
      assert.equal(parseDuration(formatShort(seconds)), seconds)
    }),
    { seed: 7 },
  )
})

test('any text is parsed or refused, quickly', () => {
  const texts = fc.string({ unit: fc.constantFrom('1', '0', '9', 'h', 'm', 's', 'd', '.', '-', 'u', 'n', '\u00b5', ' ') })
  fc.assert(
    fc.property(texts, (text) => {
      try {
        assert.ok(Number.isSafeInteger(parseDuration(text)))
      } catch (error) {
        assert.ok(error instanceof ApiError)
      }
    }),
    { seed: 7, numRuns: 2000 },
  )
})
