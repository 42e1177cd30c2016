/** Whatever is written as a template is rendered or refused with the line, quickly; limits hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileTemplate } from './template.ts'
import { TemplateError, type Value } from './values.ts'

const pieces = ['{{', '}}', '{{- ', ' -}}', '/*', '*/', 'if ', 'else', 'end', 'range ', 'with ', 'define "a"', 'template "a"', 'block "b" .', 'break', 'continue', '$x', ':=', '=', '|', '(', ')', '.', '.a', ' ', '"t"', '`r`', "'c'", '1', '-2.5', '0x1f', 'nil', 'true', 'and ', 'eq 1 1', 'printf "%d" ', 'index . "a"', 'len ', 'x', '\n', 'é', '\u{1f600}', '\\']
const data: Value = new Map<string, Value>([['a', [1n, 'x', null]]])

function renderOrRefuse(source: string): void {
  try {
    compileTemplate(source, { outputMax: 10_000, stepsMax: 10_000 }).render(data)
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    assert.ok(error.message !== '')
  }
}

test('any text is rendered or refused', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), renderOrRefuse), { seed: 1, numRuns: 2000 })
})

test('any mixture of what templates are made of is rendered or refused', () => {
  const mixture = fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join(''))
  fc.assert(fc.property(mixture, renderOrRefuse), { seed: 2, numRuns: 20_000 })
})

test('any action is rendered or refused', () => {
  const action = fc.array(fc.constantFrom(...pieces.slice(6)), { maxLength: 12 }).map((parts) => `{{${parts.join(' ')}}}`)
  fc.assert(fc.property(fc.array(action, { maxLength: 6 }), (actions) => renderOrRefuse(actions.join(''))), { seed: 3, numRuns: 20_000 })
})

test('a template that never ends, or writes without end, is refused', () => {
  const render = (source: string, limits = {}): string => compileTemplate(source, limits).render(undefined)
  assert.throws(() => render('{{range 100000000000}}{{end}}', { stepsMax: 1000 }), /runs for too long/)
  assert.throws(() => render('{{range 1000}}{{range 1000}}xxxxxxxxxx{{end}}{{end}}', { outputMax: 1000 }), /output is too large/)
  assert.throws(() => render('{{define "t"}}{{template "t"}}{{end}}{{template "t"}}'), /maximum template depth/)
  assert.throws(() => render(`{{define "t"}}{{again "t"}}{{end}}{{again "t"}}`, { byName: 'again' }), /maximum template depth/)
})

test('deep nesting is refused', () => {
  assert.throws(() => compileTemplate('{{if 1}}'.repeat(1000)), /nesting depth/)
  assert.throws(() => compileTemplate(`{{${'('.repeat(1000)}1${')'.repeat(1000)}}}`), /expression depth/)
})

test('an error names the line', () => {
  const lineOf = (source: string): number => {
    try {
      compileTemplate(source).render(undefined)
    } catch (error) {
      return (error as TemplateError).line
    }
    return assert.fail('it was rendered')
  }
  assert.equal(lineOf('a\nb\n{{len 5}}'), 3)
  assert.equal(lineOf('{{if true}}\n\n{{$x}}{{end}}'), 3)
  assert.equal(lineOf('a\n{{nothing}}'), 2)
})
