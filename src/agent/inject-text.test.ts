import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Struct } from '../kit/template/values.ts'
import { questionsIn, replaceIn } from './inject-text.ts'
import { nameOf } from './template/asking.ts'

const secret = (fields: Readonly<Record<string, string>>): Struct => new Struct('secret', { Data: new Map(Object.entries(fields)) })
const known = new Map([['secret/app', { user: 'u', 'pass-word': 'p$&w', 'a.b': 'dotted' }], ['my app', { key: 'line one\nline two' }]]
  .map(([path, fields]) => [nameOf({ kind: 'read', path: path as string, data: {} }), secret(fields as Record<string, string>)] as const))
const made = (text: string): string => replaceIn(text, known)

test('references are replaced where they stand, and nothing else is touched', () => {
  assert.equal(made('url: "db://coffer://secret/app#user:vault://secret/app#pass-word@host"\r\n'), 'url: "db://u:p$&w@host"\r\n')
  assert.equal(made('ends a sentence: coffer://secret/app#user.'), 'ends a sentence: u.')
  assert.equal(made('coffer:// and coffer://secret/app and {{ other }}'), 'coffer:// and coffer://secret/app and {{ other }}')
  assert.equal(made(''), '')
})

test('in braces a reference may hold blanks and dots, and the braces go', () => {
  assert.equal(made('{{ coffer://my app#key }}|{{coffer://secret/app#a.b}}'), 'line one\nline two|dotted')
})

test('what a secret holds is not looked at again', () => {
  const answers = new Map([[nameOf({ kind: 'read', path: 'x', data: {} }), secret({ f: 'coffer://y#g' })]])
  assert.equal(replaceIn('coffer://x#f', answers), 'coffer://y#g')
})

test('each secret is asked for once', () => {
  assert.deepEqual(questionsIn('coffer://secret/app#user coffer://secret/app#pass-word coffer://my#x').map(({ path }) => path), ['secret/app', 'my'])
})

test('a field that is not there is named with its line', () => {
  assert.throws(() => made('one\ntwo {{ coffer://my app#key }}\nthree coffer://secret/app#none\n'), /line 3: the secret secret\/app has no field "none"/)
})
