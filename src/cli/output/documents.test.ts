/** JSON and YAML are those of Vault's command, byte by byte; the goldens were compared with OpenBao's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseExact } from '../../../client/src/exact-json.ts'
import { formatJson } from './json.ts'
import { formatYaml } from '../../agent/yaml.ts'

const json = (text: string): string => formatJson(parseExact(text))
const yaml = (text: string): string => formatYaml(parseExact(text))

test('maps are sorted, objects of our own keep their order, and numbers keep their digits', () => {
  assert.equal(json('{"b":1,"a":{"d":[],"c":{}},"n":1e400}'), '{\n  "a": {\n    "c": {},\n    "d": []\n  },\n  "b": 1,\n  "n": 1e400\n}')
  const own = { z: 1, a: undefined, m: parseExact('[12345678901234567890]') }
  assert.equal(formatJson(own), '{\n  "z": 1,\n  "m": [\n    12345678901234567890\n  ]\n}')
})

test('signs of HTML and line separators are escaped', () => {
  assert.equal(json('"<a&b>\\u2028\\u0001\\t\\""'), '"\\u003ca\\u0026b\\u003e\\u2028\\u0001\\t\\""')
})

test('printed JSON is the same value when read again (seeded)', () => {
  fc.assert(fc.property(fc.json(), (text) => assert.equal(json(json(text)), json(text))), { seed: 4, numRuns: 500 })
})

test('texts that YAML would take for something else are quoted', () => {
  const cases = [
    ['yes', '"yes"'], ['1', '"1"'], ['', '""'], ['null', '"null"'], ['~', '"~"'], ['2001-12-14', '"2001-12-14"'], ['1e3', '"1e3"'],
    ['0x1F', '"0x1F"'], ['12:30:45', '"12:30:45"'], ['1_000', '"1_000"'], ['.5', '".5"'], ['n', '"n"'], ['NaN', 'NaN'], ['=', '='],
    ['a: b', "'a: b'"], ['# c', "'# c'"], [' lead', "' lead'"], ['trail ', "'trail '"], ["it's", "it's"], ['"q"', '\'"q"\''],
    ['- x', "'- x'"], ['-', "'-'"], ['@x', "'@x'"], ['%x', "'%x'"], ['a #b', "'a #b'"], ['a,b', 'a,b'], ['[x]', "'[x]'"], ['!x', "'!x'"],
    [':x', ':x'], ['? x', "'? x'"], ['---x', "'---x'"], ['tab\there', '"tab\\there"'], ['\u0001x', '"\\x01x"'], ['üñí', 'üñí'],
    ['\\x', '\\x'],
  ] as const
  for (const [text, expected] of cases) assert.equal(formatYaml({ k: text }), `k: ${expected}`)
})

test('texts of several lines keep their form', () => {
  assert.equal(formatYaml({ k: 'multi\nline\n' }), 'k: |\n  multi\n  line')
  assert.equal(formatYaml({ k: 'multi\nno end', l: 1 }), 'k: |-\n  multi\n  no end\nl: 1')
  assert.equal(formatYaml({ k: 'x\n\n', l: 1 }), 'k: |+\n  x\n\nl: 1')
  assert.equal(formatYaml({ k: '  x\ny', l: 1 }), 'k: |2-\n    x\n  y\nl: 1')
  assert.equal(formatYaml({ k: 'trail \nx' }), 'k: "trail \\nx"')
})

test('maps and lists stand inside each other', () => {
  assert.equal(
    yaml('{"v":{"e":{},"x":[1,2,{"w":[],"y":"z"}]},"w":[["a","b"],["c"]],"x":12345678901234567890,"y":1.50}'),
    'v:\n  e: {}\n  x:\n  - 1\n  - 2\n  - w: []\n    "y": z\nw:\n- - a\n  - b\n- - c\nx: 12345678901234567890\n"y": 1.50',
  )
  assert.equal(yaml('{"key10":1,"key2":2,"Key1":3,"_k":4,"1":5}'), '_k: 4\n"1": 5\nKey1: 3\nkey2: 2\nkey10: 1')
})
