/** The filter language. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFilter } from './filter.ts'
import { entryOf } from './testing.ts'

const entry = entryOf('secret/data/prod/db', {
  mount: { mount_point: 'secret/', mount_type: 'kv', mount_accessor: 'kv_1' },
  request: { id: 'r', operation: 'read', path: 'secret/data/prod/db', namespace: { id: 'x', path: 'team/a/' } },
})

const cases: readonly (readonly [string, boolean])[] = [
  ['mount_type == kv', true],
  ['mount_type == "kv"', true],
  ['mount_type == `kv`', true],
  ['mount_type != kv', false],
  ['mount_point == "secret/"', true],
  ['operation == read', true],
  ['namespace == team/a', true],
  ['namespace == "team/a/"', true],
  ['namespace == root', false],
  ['path contains "/prod/"', true],
  ['path not contains prod', false],
  ['prod in path', true],
  ['"prod" not in path', false],
  ['path matches "^secret/data/(prod|test)/"', true],
  ['path matches "(?i)PROD"', true],
  ['path not matches "^sys/"', true],
  ['path is empty', false],
  ['path is not empty', true],
  ['not mount_type == kv', false],
  ['not not mount_type == kv', true],
  ['mount_type == pki or operation == read', true],
  ['mount_type == pki and operation == read', false],
  ['mount_type == pki and operation == read or path contains db', true],
  ['mount_type == kv or operation == x and path is empty', true],
  ['(mount_type == kv or operation == x) and path is empty', false],
  ['not (mount_type == kv and operation == read)', false],
  ['  mount_type==kv  ', true],
]

test('filters say what they say', () => {
  for (const [expression, expected] of cases) assert.equal(parseFilter(expression)(entry), expected, expression)
})

test('an entry without mount and namespace is in the root namespace and of no type', () => {
  const bare = entryOf('sys/health')
  assert.ok(parseFilter('namespace == root and mount_type is empty')(bare))
})

test('what is wrong with a filter is said', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['', /expected one of/],
    ['colour == red', /expected one of .*operation.*"colour"/],
    ['"path" == x', /expected one of/],
    ['path', /expected ==/],
    ['path =', /unexpected character at position 4/],
    ['path ==', /expected a value, got end/],
    ['path == a b', /unexpected "b"/],
    ['(path == a', /expected "\)"/],
    ['path == a)', /unexpected "\)"/],
    ['path is nothing', /expected "empty"/],
    ['path matches "("', /not a regular expression/],
    ['path matches "(a+)+b"', /repeats a group/],
    ['path matches "(a|aa)+b"', /repeats a group/],
    ['path matches "((ab)*c)*"', /repeats a group/],
    ['constructor == x', /expected one of/],
    [`${'('.repeat(50)}path == a${')'.repeat(50)}`, /nested deeper/],
    [`path == ${'a'.repeat(5000)}`, /longer than/],
  ]
  for (const [expression, reason] of wrong) assert.throws(() => parseFilter(expression), reason, expression)
})

test('no text makes the parser fail in any other way, or hang', () => {
  const piece = fc.constantFrom('path', 'operation', '==', '!=', 'and', 'or', 'not', '(', ')', 'in', 'is', 'empty', 'matches', 'contains', '"a"', 'b', '`', '"', '\\', '[', '(?i)', 'x+')
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 12 }), (pieces) => {
      try {
        parseFilter(pieces.join(' '))(entry)
      } catch (error) {
        assert.ok(error instanceof Error && error.constructor === Error, String(error))
      }
    }),
    { numRuns: 3000, seed: 7 },
  )
})
