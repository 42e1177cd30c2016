/** HCL under random input: it parses or is refused, at once; and the formatter changes neither data nor comments. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ApiError } from '../errors.ts'
import type { HclValue } from './ast.ts'
import { decodeHcl } from './decode.ts'
import { formatHcl } from './format.ts'
import { parseHcl } from './parser.ts'

const runs = { seed: 20261121, numRuns: Number(process.env['FUZZ_RUNS'] ?? 1000) }

const pieces = fc.constantFrom(
  'a',
  'b',
  'path',
  '"x"',
  '{',
  '}',
  '[',
  ']',
  '=',
  ',',
  '1',
  '-2',
  '0440',
  '0x1F',
  '1.5',
  '1e3',
  '.5',
  'true',
  '"${a "b" {c} }"',
  '"\\u00e9"',
  '<<EOF\nx\nEOF\n',
  '<<-E\n  x\n  E\n',
  '# c\n',
  '// d\n',
  '/* e */',
  '\n',
  ' ',
  '"\\d"',
  '"',
  '$',
  '\\',
  '<',
  '-',
  '/',
  '*',
  '\u00e9',
  '\u{1f600}',
  '\u0000',
  '\ud800',
  '{"a":',
  ':',
  'null',
)

test('any sequence of pieces parses or is refused with bad_request', () => {
  let accepted = 0
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 40 }), fc.string(), (parts, rest) => {
      try {
        decodeHcl(parseHcl(parts.join('') + rest))
        accepted++
      } catch (error) {
        assert.ok(error instanceof ApiError && error.code === 'bad_request', String(error))
      }
    }),
    runs,
  )
  assert.ok(accepted > 10)
})

test('long hostile texts take time in proportion to their length', () => {
  const size = 500_000
  for (const piece of [
    '"',
    '"\\',
    '${',
    '/*',
    '<<A\n',
    'a\n',
    'a "b" {}\n',
    '# x\n',
    '/* x */',
    'a = [1,',
    '\\',
    '0',
    '-',
    '{"a":"',
    'a = <<A\nA\n',
    '"${',
    'a=1,',
  ]) {
    const started = process.hrtime.bigint()
    try {
      formatHcl(piece.repeat(size / piece.length))
    } catch (error) {
      assert.ok(error instanceof ApiError, String(error))
    }
    const ms = Number(process.hrtime.bigint() - started) / 1e6
    assert.ok(ms < 5000, `${JSON.stringify(piece)} took ${ms} ms`)
  }
})

const comments = fc.constantFrom('', '', '', '', '# c\n', '// d\n', '/* e */', '/* m\n  n */', '\n\n')
const trails = fc.constantFrom('\n', '\n', ' ', ' # t\n', ',\n', ', # z\n', '\n\n')
const literals = fc.constantFrom(
  '1',
  '-2',
  '0440',
  '1.5',
  'true',
  '"a\\nb"',
  '"${a "b"\n {c} }"',
  '"z"',
  '<<EOF\nfoo\nEOF\n',
  '<<-EOF\n  foo\n   bar\n  EOF\n',
)

const { body } = fc.letrec<{ body: string; item: string; value: string }>((tie) => ({
  body: fc.array(tie('item'), { maxLength: 4 }).map((items) => items.join('')),
  item: fc.oneof(
    fc
      .tuple(comments, fc.constantFrom('a', 'bb', '"k"', 'l'), comments, fc.constantFrom(' = ', '='), comments, tie('value'), trails)
      .map((parts) => parts.join('')),
    fc
      .tuple(
        comments,
        fc.constantFrom('path "x"', 'rule "charset"'),
        fc.constant(' {'),
        comments,
        tie('body'),
        comments,
        fc.constant('}'),
        trails,
      )
      .map((parts) => parts.join('')),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    literals,
    fc.tuple(fc.constant('{'), tie('body'), comments, fc.constant('}')).map((parts) => parts.join('')),
    fc
      .array(
        fc.tuple(comments, tie('value'), comments, fc.constantFrom(',', ',\n', ', # t\n')).map((parts) => parts.join('')),
        { maxLength: 3 },
      )
      .map((items) => `[${items.join('')}]`),
  ),
}))

const commentsOf = (value: HclValue): string[] => {
  if (value.kind === 'literal') return []
  const parts = value.kind === 'object' ? value.items : value.elements
  return [...value.rest, ...parts.flatMap((part) => [...part.lead, ...part.trail])]
    .map((comment) => comment.text)
    .concat(parts.flatMap((part) => commentsOf(part.value)))
}

test('formatting keeps data and comments, and formatting twice changes nothing', () => {
  fc.assert(
    fc.property(body, (text) => {
      const file = parseHcl(text)
      const once = formatHcl(text)
      assert.equal(formatHcl(once), once)
      const again = parseHcl(once)
      assert.deepEqual(decodeHcl(again), decodeHcl(file))
      assert.deepEqual(commentsOf(again.root).join(' ').split(/\s+/).toSorted(), commentsOf(file.root).join(' ').split(/\s+/).toSorted())
    }),
    runs,
  )
})
