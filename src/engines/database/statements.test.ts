/** Values in statements: no value ends what it stands in, whatever is in it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  clickHouseQuoting, cqlQuoting, fillStatement, influxQuoting, listStatements, mysqlQuoting, postgresQuoting, quoteIdentifier, snowflakeQuoting, splitStatements, sqlServerQuoting, type Quoting,
} from './statements.ts'

const evil = `a'b"c\`d\\e`
const fill = (text: string, value: string, quoting: Quoting = postgresQuoting): string => fillStatement(text, { name: value, password: value }, quoting)

describe('a value', () => {
  for (const [what, text, expected] of [
    ['in single quotes', `x '{{name}}' y`, `x 'a''b"c\`d\\e' y`],
    ['in double quotes', `x "{{name}}" y`, `x "a'b""c\`d\\e" y`],
    ['in an escape string', `x E'{{name}}'`, `x E'a''b"c\`d\\\\e'`],
    ['after a quote in quotes', `'it''s "{{name}}' "{{name}}"`, `'it''s "a''b"c\`d\\e' "a'b""c\`d\\e"`],
    ['after a comment with a quote', `-- don't\n'{{name}}'`, `-- don't\n'a''b"c\`d\\e'`],
    ['after a block comment with a quote', `/* " */ '{{name}}'`, `/* " */ 'a''b"c\`d\\e'`],
    ['in a comment', `-- {{name}}\nx /* {{name}} */ y`, `-- {{name}}\nx /* {{name}} */ y`],
    ['behind a backslash that means nothing', `'\\' || '{{name}}'`, `'\\' || 'a''b"c\`d\\e'`],
    ['in what is quoted by dollars', `DO $x$ BEGIN EXECUTE '{{name}}'; END $x$`, `DO $x$ BEGIN EXECUTE 'a''b"c\`d\\e'; END $x$`],
  ] as const) test(`${what} is escaped for it`, () => assert.equal(fill(text, evil), expected))

  test('is escaped as MySQL reads it', () => {
    assert.equal(fill(`'{{name}}' "{{name}}" \`{{name}}\``, evil, mysqlQuoting), `'a''b"c\`d\\\\e' "a'b""c\`d\\\\e" \`a'b"c\`\`d\\e\``)
    assert.equal(fill(`# don't\n'\\'{{name}}'`, `'`, mysqlQuoting), `# don't\n'\\''''`)
    assert.equal(fill(`a $$ '{{name}}'`, '$', mysqlQuoting), `a $$ '$'`)
  })

  test('is escaped as SQL Server, InfluxDB, ClickHouse and Snowflake read it', () => {
    assert.equal(fill(`[{{name}}] '{{name}}'`, `a]b'c`, sqlServerQuoting), `[a]]b'c] 'a]b''c'`)
    assert.equal(fill(`[x]]'{{name}}] '{{name}}'`, `]'`, sqlServerQuoting), `[x]]']]'] ']'''`)
    assert.equal(fill(`"{{name}}" '{{name}}'`, `a'b"c\\`, influxQuoting), `"a'b\\"c\\\\" 'a\\'b"c\\\\'`)
    assert.equal(fill('`{{name}}`', 'a`b', clickHouseQuoting), '`a\\`b`')
    assert.equal(fill(`'{{name}}' "{{name}}"`, `\\'"`, snowflakeQuoting), `'\\\\''"' "\\'"""`)
    assert.equal(fill(`$$ '{{name}}' $$`, `'`, cqlQuoting), `$$ '''' $$`)
  })

  test('outside of quotes is taken only when it needs none', () => {
    assert.equal(fill('ALTER ROLE {{name}}', 'v-token-app_1.x@y:z'), 'ALTER ROLE v-token-app_1.x@y:z')
    for (const value of ['a b', `a'`, 'a;', 'a"', '$$', 'a\nb', 'a--b;', '(', '\\']) assert.throws(() => fill('ALTER ROLE {{name}}', value), /put quotes around it/)
  })

  test('cannot end what is quoted by dollars, nor hold NUL', () => {
    for (const [text, value] of [[`$$ '{{name}}' $$`, '$$'], [`$$ {{name}} $$`, '$'], [`'{{name}}'`, 'a\0b']] as const) assert.throws(() => fill(text, value), { code: 'bad_request' })
  })

  test('with braces in it is not filled in again, and unknown braces stay', () => {
    assert.equal(fill(`'{{name}}' {{other}} {{ name }}`, '{{password}}'), `'{{password}}' {{other}} {{ name }}`)
  })

  test('of any kind leaves the quotes around it as they were: 2,000 random ones', () => {
    const alphabet = [`'`, '"', '`', '\\', '$', '-', '#', '/', '*', ';', 'a', '\n', '{', '}']
    let seed = 7
    const next = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (let i = 0; i < 2_000; i++) {
      const value = Array.from({ length: next(12) }, () => alphabet[next(alphabet.length)]).join('')
      const filled = fill(`A '{{name}}' B "{{name}}" C`, value)
      assert.deepEqual(/^A '((?:[^']|'')*)' B "((?:[^"]|"")*)" C$/.exec(filled)?.slice(1).map((text, at) => text.replaceAll(at === 0 ? `''` : '""', at === 0 ? `'` : '"')), [value, value])
    }
  })
})

test('statements come as they are, as a JSON list, or either in base64', () => {
  const two = ['CREATE ROLE x; GRANT y TO x', 'SELECT 1']
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  for (const [given, expected] of [
    [two, two], [[JSON.stringify(two)], two], [[base64(JSON.stringify(two))], two], [[base64(two[0] ?? '')], [two[0]]],
    [['COMMIT', ' ', ''], ['COMMIT']], [['[not json'], ['[not json']], [['ABCD'], ['ABCD']],
  ] as const) assert.deepEqual(listStatements(given), expected)
})

test('a text is cut at semicolons that stand in nothing', () => {
  assert.deepEqual(splitStatements(`A ';' ";"; -- ;\n B /* ; */;;\n`, clickHouseQuoting), [`A ';' ";"`, '-- ;\n B /* ; */'])
  assert.deepEqual(splitStatements(`A '\\';' B; C`, clickHouseQuoting), [`A '\\';' B`, 'C'])
  assert.deepEqual(splitStatements(`A $$ ; $$; [;]`, cqlQuoting), ['A $$ ; $$', '[', ']'])
  assert.deepEqual(splitStatements('[;]; B', sqlServerQuoting), ['[;]', 'B'])
})

test('an identifier is one, whatever is in it', () => assert.equal(quoteIdentifier(`a"b'c`), `"a""b'c"`))
