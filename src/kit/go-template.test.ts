/** Templates of names: what Go prints for them, and what is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseTemplate, TemplateError, type TemplateFunction } from './go-template.ts'

const functions = new Map<string, TemplateFunction>()
functions.set('truncate', (length, text) => String(text).slice(0, Number(length)))
functions.set('join', (...args) => args.join('+'))
functions.set('fail', () => {
  throw new Error('no good')
})
const fill = (text: string): string => parseTemplate(text)({ functions, fields: new Map<string, string | number>([['RoleName', 'readonly'], ['Count', 3]]) })

describe('a template', () => {
  for (const [text, printed] of [
    ['', ''], ['plain } text', 'plain } text'], ['a-{{.RoleName}}-b', 'a-readonly-b'], ['{{ .Count }}', '3'],
    ['{{ .RoleName | truncate 4 }}', 'read'], ['{{ truncate 4 .RoleName }}', 'read'], ['{{ .RoleName | truncate 6 | truncate 2 }}', 're'],
    ['{{ join "x" (.RoleName | truncate 2) `y"z` 7 }}', 'x+re+y"z+7'], ['{{ join "a\\"b\\n" }}', 'a"b\n'], ['{{"lit"}}{{-5}}', 'lit-5'],
    ['a  {{- .Count -}}  b', 'a3b'], ['a {{/* no }} word */}}b', 'a b'], ['{{ join }}', ''], ['{{ "}}" }}', '}}'],
  ] as const) test(`${JSON.stringify(text)} prints ${JSON.stringify(printed)}`, () => assert.equal(fill(text), printed))

  for (const text of [
    '{{', '{{ .Nope', '{{ .Nope }}', '{{ nope }}', '{{ (.RoleName }}', '{{ .RoleName ) }}', '{{ | truncate 4 }}', '{{ .RoleName | }}', '{{}}', '{{ "a }}',
    '{{ "\\q" }}', '{{ .RoleName .Count }}', '{{ "a" | .RoleName }}', '{{ fail }}', '{{ $x }}', '{{ if .Count }}x{{ end }}', 'x'.repeat(4_097),
  ]) test(`${JSON.stringify(text.slice(0, 30))} is refused`, () => assert.throws(() => fill(text), TemplateError))

  test('hundreds of open parentheses are refused, and do not end the process', () => {
    assert.throws(() => fill(`{{ ${'('.repeat(2_000)} }}`), TemplateError)
  })
})
