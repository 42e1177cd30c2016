/** Tables are aligned, and text is wrapped, as scripts and eyes know it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatColumns, formatTable, wrap } from './table.ts'

test('columns are four spaces apart, cells are trimmed, and an empty one says so', () => {
  const rows = [['Key', 'Value'], ['a', ' 1 '], ['longer', ''], ['ü', 'x\ny']]
  assert.equal(formatTable(rows), 'Key       Value\n---       -----\na         1\nlonger    n/a\nü         x\ny')
  assert.equal(formatColumns([['a', 'b'], ['cc', 'd']], '  '), 'a   b\ncc  d')
  assert.equal(formatTable([]), '')
})

test('wrapped lines are evenly filled', () => {
  const even = [
    'Success! You are now authenticated. The token information displayed below',
    'is already stored in the token helper. You do NOT need to run "vault login"',
    'again. Future Vault requests will automatically use this token.',
  ]
  assert.equal(wrap(even.join(' ')), even.join('\n'))
  assert.equal(wrap('* short', 2), '  * short')
})

test('wrapping loses no word, and no line is too long unless a word is (seeded)', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'ü'), minLength: 1, maxLength: 100 })
  const words = fc.array(word, { minLength: 1, maxLength: 60 })
  fc.assert(
    fc.property(words, (list) => {
      const lines = wrap(list.join(' ')).split('\n')
      assert.deepEqual(lines.flatMap((line) => line.split(' ')), list)
      for (const line of lines) assert.ok(line.length <= 78 || !line.includes(' '), line)
    }),
    { seed: 3, numRuns: 300 },
  )
})
