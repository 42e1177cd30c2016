/** Cron: when the next time is, and what is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseCron } from './cron.ts'

const next = (text: string, from: string): string | null => {
  const time = parseCron(text).after(Date.parse(from))
  return time === null ? null : new Date(time).toISOString().slice(0, 16)
}

describe('the next time', () => {
  for (const [text, from, expected] of [
    ['* * * * *', '2026-11-28T10:15:00Z', '2026-11-28T10:16'],
    ['*/20 * * * *', '2026-11-28T10:15:00Z', '2026-11-28T10:20'],
    ['5/20 * * * *', '2026-11-28T10:46:00Z', '2026-11-28T11:05'],
    ['0 3 * * *', '2026-11-28T03:00:00Z', '2026-11-29T03:00'],
    ['0 3 * * 1-5', '2026-11-28T02:00:00Z', '2026-11-30T03:00'],
    ['0 0 * * SUN', '2026-11-28T00:00:00Z', '2026-11-29T00:00'],
    ['0 0 * * 7', '2026-11-28T00:00:00Z', '2026-11-29T00:00'],
    ['30 1,13 1 jan *', '2026-11-28T00:00:00Z', '2027-01-01T01:30'],
    ['0 0 13 * 5', '2026-11-01T00:00:00Z', '2026-11-06T00:00'],
    ['0 0 29 2 *', '2026-11-28T00:00:00Z', '2028-02-29T00:00'],
    ['@weekly', '2026-11-28T00:00:00Z', '2026-11-29T00:00'],
    ['0 0 31 2 *', '2026-11-28T00:00:00Z', null],
  ] as const) test(`of ${text} after ${from} is ${expected}`, () => assert.equal(next(text, from), expected))
})

for (const text of ['', '* * * *', '* * * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *', '* * * * 8', '*/0 * * * *', '5-1 * * * *', '1-2-3 * * * *', 'x * * * *', '1, * * * *', '-1 * * * *', '@never'])
  test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => parseCron(text), { code: 'bad_request' }))
