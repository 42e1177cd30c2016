/** Values in tables look as Go prints them: scripts cut these columns. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExact } from '../../../client/src/exact-json.ts'
import { formatGoTime, formatMember, formatQuoted, formatValue } from './value.ts'

test('values are printed as Go\'s %v prints them, numbers with all their digits', () => {
  const cases = [
    ['null', '<nil>'],
    ['true', 'true'],
    ['12345678901234567890', '12345678901234567890'],
    ['1e400', '1e400'],
    ['1.50', '1.50'],
    ['"a b"', 'a b'],
    ['[1,"b",null,[]]', '[1 b <nil> []]'],
    ['{"b":{"y":1},"a":[]}', 'map[a:[] b:map[y:1]]'],
    ['{}', 'map[]'],
  ] as const
  for (const [json, text] of cases) assert.equal(formatValue(parseExact(json)), text)
})

test('whole seconds under a name that says duration are printed as one', () => {
  const seconds = (json: string, name = 'ttl'): string => formatMember(name, parseExact(json))
  const cases = [['0', '0s'], ['59', '59s'], ['3600', '1h'], ['5400', '1h30m'], ['2764800', '768h'], ['90061', '25h1m1s']] as const
  for (const [json, text] of cases) assert.equal(seconds(json), text)
  const names = ['max_ttl', 'lease_duration', 'token_period', 'lease_max', 'ttl_max', 'period']
  for (const name of names) assert.equal(seconds('60', name), '1m')
  for (const name of ['ttls', 'settle', 'expiration']) assert.equal(seconds('60', name), '60')
  assert.equal(seconds('"60"'), '60')
  assert.equal(seconds('1.5'), '1.5')
})

test('policies are quoted, and times of wrapping are in Go\'s form', () => {
  assert.equal(formatQuoted(['a', 'b"c']), '["a" "b\\"c"]')
  assert.equal(formatQuoted(null), '[]')
  assert.equal(formatGoTime('2018-01-10T00:47:54.970185208Z'), '2018-01-10 00:47:54.970185208 +0000 UTC')
  assert.equal(formatGoTime('2018-01-10T00:47:54+01:00'), '2018-01-10 00:47:54 +0100 +0100')
})
