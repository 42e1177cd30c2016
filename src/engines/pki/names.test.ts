/** Names as roles see them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHostname, toAscii } from './names.ts'

const long = 'a'.repeat(63)
/** 254 characters with the dot at its end. */
const longest = `${long}.${long}.${long}.${'a'.repeat(61)}.`

test('host names are labels of letters, digits and inner hyphens; a wildcard may stand first, a dot last', () => {
  for (const name of ['a', '0', 'a-b', 'A.b', 'xn--bcher-kva.example', '*.a', 'a.', '*.a.b.', long, longest]) assert.ok(isHostname(name), name)
  for (const name of ['', '.', '*', '*.', '*.*.a', 'a.*', '**.a', '*a.b', '.a', 'a..b', 'a..', '-a', 'a-', 'a.-b.c', 'a_b', 'a b', 'ä', 'a\n', `${long}a`, `a${longest}`, 'a@b', '\u017f.b', '\u212a.b']) {
    assert.ok(!isHostname(name), JSON.stringify(name))
  }
})

test('a name without characters beyond ASCII stays as it is, others are converted, and empty or long labels are refused', () => {
  for (const name of ['A.example.com', '*.a.', 'under_score.example', 'a b', longest]) assert.equal(toAscii(name), name)
  assert.equal(toAscii('bücher.example'), 'xn--bcher-kva.example')
  for (const name of ['', '.', 'a..b', '.a', `${long}a.b`, `${long}_.b`, `a${longest}`, '\ud800.b']) assert.throws(() => toAscii(name), /idna: invalid label/, JSON.stringify(name))
})
