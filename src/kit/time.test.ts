/** Times are printed as Go's clients expect them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTime } from './time.ts'

test('a time is printed without zeros at the end of its fraction', () => {
  const second = Date.UTC(2026, 10, 21, 3, 20, 0)
  for (const [milliseconds, text] of [
    [0, '2026-11-21T03:20:00Z'],
    [1, '2026-11-21T03:20:00.001Z'],
    [10, '2026-11-21T03:20:00.01Z'],
    [100, '2026-11-21T03:20:00.1Z'],
    [120, '2026-11-21T03:20:00.12Z'],
    [123, '2026-11-21T03:20:00.123Z'],
    [103, '2026-11-21T03:20:00.103Z'],
  ] as const) {
    assert.equal(formatTime(second + milliseconds), text)
    assert.equal(Date.parse(formatTime(second + milliseconds)), second + milliseconds)
  }
  assert.equal(formatTime(-62_135_596_800_000), '0001-01-01T00:00:00Z')
})

test('what is no time is refused', () => {
  assert.throws(() => formatTime(Number.NaN), RangeError)
  assert.throws(() => formatTime(1e300), RangeError)
})
