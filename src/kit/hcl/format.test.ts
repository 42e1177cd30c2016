/** The layout that `policy fmt` writes; the first four are what HashiCorp's formatter makes of the same texts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHcl } from './format.ts'

const cases: readonly (readonly [name: string, before: string, after: string])[] = [
  ['a one-line block is opened', 'path "secret/*" { capabilities = ["read"] }', 'path "secret/*" {\n  capabilities = ["read"]\n}\n'],
  [
    'assignments and their comments are aligned',
    `# top

# about a
path "a" {
capabilities = ["read",
 "list"]
   allowed_parameters = {
     "a" = []
     "long" = ["x", "y"]  # why
   }
}
`,
    `# top

# about a
path "a" {
  capabilities = [
    "read",
    "list",
  ]

  allowed_parameters = {
    "a"    = []
    "long" = ["x", "y"] # why
  }
}
`,
  ],
  [
    'blocks are set apart, single items are not aligned',
    'length = 20\nrule "charset" {\n  charset = "abc"\n  min-chars = 1\n}\nrule "charset" {\n charset = "x"\n}\n',
    'length = 20\n\nrule "charset" {\n  charset   = "abc"\n  min-chars = 1\n}\n\nrule "charset" {\n  charset = "x"\n}\n',
  ],
  ['empty blocks stay together', 'a {}\nb {}\n', 'a {}\nb {}\n'],
  ['heredocs are not indented', 'a { b = <<EOF\n x\nEOF\nc = 1 }', 'a {\n  b = <<EOF\n x\nEOF\n\n  c = 1\n}\n'],
  ['blank lines are kept, one of each', 'a = 1\n\n\n\nbb = 2\nccc = 3', 'a = 1\n\nbb  = 2\nccc = 3\n'],
  ['only comments', '# x\n\n\n# y', '# x\n\n# y\n'],
  ['nothing', ' \n', ''],
]

for (const [name, before, after] of cases) test(`format: ${name}`, () => assert.equal(formatHcl(before), after))

test('the JSON form is not formatted', () => assert.throws(() => formatHcl('{"path":{}}'), /this is JSON/))
