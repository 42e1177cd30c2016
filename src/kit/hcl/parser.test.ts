/** HCL 1: what parses to what, and that errors name their place. The expected data is what HashiCorp's decoder makes of the same texts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../errors.ts'
import { decodeHcl } from './decode.ts'
import { parseHcl } from './parser.ts'

const data = (text: string): unknown => JSON.parse(JSON.stringify(decodeHcl(parseHcl(text))))

const refusal = (text: string): string => {
  try {
    parseHcl(text)
  } catch (error) {
    assert.ok(error instanceof ApiError && error.code === 'bad_request')
    return error.message
  }
  throw new assert.AssertionError({ message: `accepted: ${text}` })
}

test('literals', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['1', 1],
    ['-2', -2],
    ['0', 0],
    ['0440', 288],
    ['0x1F', 31],
    ['-0x10', -16],
    ['1.5', 1.5],
    ['.5', 0.5],
    ['1.', 1],
    ['1e3', 1000],
    ['1.5E-3', 0.0015],
    ['0159.5', 159.5],
    ['true', true],
    ['false', false],
    ['""', ''],
    ['"a\\n\\t\\"\\\\"', 'a\n\t"\\'],
    ['"\\x41\\101\\u00e9\\U0001F600"', 'AA\u00e9\u{1f600}'],
    ['"\\ud800"', '\ufffd'],
    ['"${foo "bar" {x}}"', '${foo "bar" {x}}'],
    ['"a${b\n}\\n"', 'a${b\n}\n'],
    ['"$5 {x}"', '$5 {x}'],
  ]
  for (const [text, value] of cases) assert.deepEqual(data(`a = ${text}\n`), { a: value }, text)
})

test('heredocs', () => {
  assert.deepEqual(data('a = <<EOF\nfoo\n  bar\nEOF\nb = 1'), { a: 'foo\n  bar\n', b: 1 })
  assert.deepEqual(data('a = <<-EOF\n    foo\n      bar\n    EOF\n'), { a: 'foo\n  bar\n' })
  assert.deepEqual(data('a = <<-EOF\n  foo\nbar\n    EOF\n'), { a: '  foo\nbar\n' })
  assert.deepEqual(data('a = <<EOF\nno\\escapes ${here}\nEOF'), { a: 'no\\escapes ${here}\n' })
  assert.deepEqual(data('a = [<<EOF\nx\nEOF\n, "y"]'), { a: ['x\n', 'y'] })
})

test('comments in all three forms, anywhere', () => {
  assert.deepEqual(data('# a\n// b\n/* c\nd */ a /* e */ = # f\n 1 // g\nb = [1, /* h */ 2, # i\n]\n'), { a: 1, b: [1, 2] })
})

test('blocks are lists, so that they may be repeated', () => {
  assert.deepEqual(data('listener "tcp" { address = "a" }\nlistener "tcp" { address = "b" }'), {
    listener: [{ tcp: [{ address: 'a' }] }, { tcp: [{ address: 'b' }] }],
  })
  assert.deepEqual(data('a { b = 1 }'), { a: [{ b: 1 }] })
  assert.deepEqual(data('a = { b = 1 }'), { a: [{ b: 1 }] })
  assert.deepEqual(data('a "b" "c" { d = 1 }'), { a: [{ b: [{ c: [{ d: 1 }] }] }] })
  assert.deepEqual(data('a = [{ b = { c = 1 } }, { b = 2 }]'), { a: [{ b: [{ c: 1 }] }, { b: 2 }] })
  assert.deepEqual(data('rule "charset" { charset = "x" min-chars = 1 }'), { rule: [{ charset: [{ charset: 'x', 'min-chars': 1 }] }] })
})

test('repeated lists are joined, of repeated values the last one wins', () => {
  assert.deepEqual(data('a = [1]\na = [2, 3]\nb = 1\nb = 2'), { a: [1, 2, 3], b: 2 })
})

test('commas between items and after the last element are allowed', () => {
  assert.deepEqual(data('a = { b = 1, c = 2, }, d = [1, 2,]'), { a: [{ b: 1, c: 2 }], d: [1, 2] })
})

test('CRLF and a byte order mark are taken as if they were not there', () => {
  assert.deepEqual(data('\ufeffa = 1\r\nb = <<EOF\r\nx\r\nEOF\r\n'), { a: 1, b: 'x\n' })
})

test('the JSON form gives the same data', () => {
  assert.deepEqual(data('{"a":{"b":1},"l":[1,"x",true,null],"n":1.5}'), { a: [{ b: 1 }], l: [1, 'x', true, ''], n: 1.5 })
  assert.deepEqual(data(' {"listener":{"tcp":{"address":"a"},"unix":{"address":"b"}}}'), {
    listener: [{ tcp: [{ address: 'a' }] }, { unix: [{ address: 'b' }] }],
  })
  assert.deepEqual(data('{"path":{"a":{"x":1}},"path":{"b":{"x":2}}}'), { path: [{ a: [{ x: 1 }] }, { b: [{ x: 2 }] }] })
})

test('keys of an object are data, whatever they are called', () => {
  const record = decodeHcl(parseHcl('__proto__ = { isAdmin = true }\nconstructor = 1'))
  assert.equal(Object.getPrototypeOf(record), null)
  assert.deepEqual(Object.keys(record), ['__proto__', 'constructor'])
})

test('errors name line and column', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['this is not a policy', "At 1:21: key 'this is not a policy' expected start of object ('{') or assignment ('=')"],
    ['a = 1\nb = ', 'At 2:5: expected a value'],
    ['a = "x', 'At 1:5: literal not terminated'],
    ['a = "x\ny"', 'At 1:5: literal not terminated'],
    ['a = "\\d"', 'At 1:6: illegal char escape'],
    ['\u{1f600}', 'At 1:1: illegal character'],
    ['a = "\u{1f600}" $', 'At 1:9: illegal character'],
    ['a = 08', 'At 1:6: a number is followed by something that does not belong to it'],
    ['a = 1h', 'At 1:6: a number is followed by something that does not belong to it'],
    ['a b = 1', 'At 1:5: expected "{" after several keys'],
    ['a = [1 2]', 'At 1:8: error parsing list, expected comma or list end'],
    ['a = [', 'At 1:6: expected a value'],
    ['a {', 'At 1:4: expected a key'],
    ['}', 'At 1:1: expected a key'],
    ['= 1', 'At 1:1: expected a key'],
    ['true = 1', 'At 1:1: expected a key'],
    ['a = <<EOF\nx', 'At 1:5: heredoc not terminated'],
    ['a = <<EOF x\nEOF', 'At 1:5: expected "<<", a word and a line end'],
    ['/* x', 'At 1:1: comment not terminated'],
    ['a = \u0000', 'At 1:5: unexpected null character (0x00)'],
    ['a = 12345678901234567890', 'At 1:5: number out of range'],
    ['a = 1e999', 'At 1:5: number out of range'],
    ['a = "\\xff"', 'At 1:6: a byte above 127; write the character itself or "\\u"'],
    ['{"a": 1e999}', 'At 1:7: number out of range'],
  ]
  for (const [text, message] of cases) assert.equal(refusal(text), message)
  assert.match(refusal('{"a":'), /^error parsing JSON at position 5/)
})

test('no error holds a value of the text', () => {
  for (const text of ['a = hunter2', 'a = "hunter2', 'a = ["hunter2" "x"]', '{"a":hunter2}', 'a = "hunter2" "x" }'])
    assert.doesNotMatch(refusal(text), /hunter/)
})

test('size and depth are limited', () => {
  assert.match(refusal(`# ${'x'.repeat(1024 * 1024)}`), /longer than 1048576 characters/)
  parseHcl(`a = ${'['.repeat(100)}${']'.repeat(100)}`)
  assert.match(refusal(`a = ${'['.repeat(101)}${']'.repeat(101)}`), /nested deeper than 100 levels/)
  assert.match(refusal('a {'.repeat(50_000)), /nested deeper than 100 levels/)
  assert.match(refusal(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`), /nested deeper than 100 levels/)
})
