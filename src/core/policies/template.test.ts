/** Templates in the paths of policies: every selector, and what must not fill one in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileAcl } from './acl.ts'
import { parsePolicy, type PolicyOptions } from './parse.ts'
import { fillTemplate, renderTemplate, type IdentityView } from './template.ts'

const identity: IdentityView = {
  entity: {
    id: 'e-1',
    name: 'anna',
    metadata: { team: 'red', 'a.b': 'dotted', empty: '' },
    aliases: [
      { id: 'a-1', name: 'ann', mountAccessor: 'auth_userpass_1', metadata: { mail: 'ann@example.com' }, customMetadata: { floor: '3' } },
      { id: 'a-2', name: 'two', mountAccessor: 'auth_twice', metadata: {}, customMetadata: {} },
      { id: 'a-3', name: 'three', mountAccessor: 'auth_twice', metadata: {}, customMetadata: {} },
    ],
  },
  groups: [
    { id: 'g-1', name: 'devs', namespace: '', metadata: { cost: '7' } },
    { id: 'g-2', name: 'ops', namespace: 'team/', metadata: {} },
  ],
}
const rules = { namespace: '', allowWildcards: false, allowSlashes: false }
const render = (text: string, view: IdentityView | null = identity): string | null => renderTemplate(text, view, rules)

test('every selector finds its value', () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ['entity.id', 'e-1'],
    ['entity.name', 'anna'],
    ['entity.metadata.team', 'red'],
    ['entity.metadata.a.b', 'dotted'],
    ['entity.aliases.auth_userpass_1.id', 'a-1'],
    ['entity.aliases.auth_userpass_1.name', 'ann'],
    ['entity.aliases.auth_userpass_1.metadata.mail', 'ann@example.com'],
    ['entity.aliases.auth_userpass_1.custom_metadata.floor', '3'],
    ['groups.ids.g-1.name', 'devs'],
    ['groups.ids.g-1.id', 'g-1'],
    ['groups.names.devs.id', 'g-1'],
    ['groups.names.devs.metadata.cost', '7'],
    ['groups.ids.g-2.name', 'ops'],
    ['entity.metadata.missing', null],
    ['entity.metadata.empty', null],
    ['entity.metadata', null],
    ['entity.nothing', null],
    ['entity.custom_metadata.floor', null],
    ['entity.aliases.other.name', null],
    ['entity.aliases.auth_userpass_1', null],
    ['entity.aliases.auth_userpass_1.metadata', null],
    ['groups.names.others.id', null],
    ['groups.ids.g-1.metadata.none', null],
    ['groups.names', null],
    ['entity.metadata.constructor', null],
    ['entity.metadata.__proto__', null],
  ]
  for (const [selector, value] of cases) assert.equal(render(`{{identity.${selector}}}`), value, selector)
})

test('blanks inside the braces do not count, and several templates may stand in one path', () => {
  assert.equal(render('a/{{ identity.entity.id }}/{{identity.entity.name}}x'), 'a/e-1/annax')
  assert.equal(render('plain'), 'plain')
  assert.equal(render('a/{{identity.entity.id}}/{{identity.entity.metadata.no}}'), null)
})

test('without an entity nothing of an entity is filled in', () => {
  assert.equal(render('{{identity.entity.id}}', null), null)
  assert.equal(render('{{identity.entity.id}}', { entity: null, groups: identity.groups }), null)
  assert.equal(render('{{identity.groups.names.devs.id}}', { entity: null, groups: identity.groups }), 'g-1')
})

test('groups are found by name only in the namespace of the policy', () => {
  assert.equal(render('{{identity.groups.names.ops.id}}'), null)
  assert.equal(renderTemplate('{{identity.groups.names.ops.id}}', identity, { ...rules, namespace: 'team/' }), 'g-2')
})

const named = (name: string): IdentityView => ({ entity: { id: 'x', name, metadata: {}, aliases: [] }, groups: [] })
const allows = (text: string, view: IdentityView | null, path: string, options: PolicyOptions = {}): boolean =>
  compileAcl([parsePolicy('p', text, options)], { identity: view }).judge({
    path,
    capability: 'read',
    sudo: false,
    data: null,
    wrapTtl: null,
    nowMs: 0,
  }).allowed

test('a rule whose template is not filled in does not count, the others do', () => {
  const text =
    `
    path "kv/{{identity.entity.name}}/*" { policy = "read" }
    path "kv/none/{{identity.entity.metadata.no}}" { policy = "read" }
    path "kv/plain" { policy = "read" }`
  assert.deepEqual(
    ['kv/anna/x', 'kv/bert/x', 'kv/none/', 'kv/plain'].map((path) => allows(text, identity, path)),
    [true, false, false, true],
  )
  assert.deepEqual(
    ['kv/anna/x', 'kv/plain'].map((path) => allows(text, null, path)),
    [false, true],
  )
})

test('a policy may be stored so that wildcards or slashes in values count', () => {
  const text = 'path "kv/{{identity.entity.name}}" { policy = "read" }'
  assert.equal(allows(text, named('a*'), 'kv/abc', { allowWildcards: true }), true)
  assert.equal(allows(text, named('+'), 'kv/any', { allowWildcards: true }), true)
  assert.equal(allows(text, named('a/b'), 'kv/a/b', { allowSlashes: true }), true)
  assert.equal(allows(text, named('a/*'), 'kv/a/b', { allowSlashes: true }), false)
  assert.equal(allows(text, named('+*'), 'kv/any', { allowWildcards: true }), false)
})

test('a value is never taken for another template', () => {
  assert.equal(render('{{identity.entity.name}}', named('{{identity.entity.id}}')), '{{identity.entity.id}}')
})

test('a leading slash that a template brings does not count', () => {
  assert.equal(allows('path "{{identity.entity.name}}/a" { policy = "read" }', named('/kv'), 'kv/a', { allowSlashes: true }), true)
})

test('an engine says which values may stand in its own texts, and sees where they come from', () => {
  const seen: string[] = []
  const fill = (text: string, view: IdentityView | null, mayStand: boolean): string | null =>
    fillTemplate(text, view, '', (value, selector) => seen.push(`${selector}=${value}`) > 0 && mayStand)
  assert.equal(fill('a-{{ identity.entity.name }}-b', named('x*/y,z'), true), 'a-x*/y,z-b')
  assert.equal(fill('a-{{identity.entity.name}}', named('x'), false), null)
  assert.deepEqual(seen, ['identity.entity.name=x*/y,z', 'identity.entity.name=x'])
  assert.deepEqual([fill('plain', null, false), fill('{{identity.entity.name}}', null, true), fill('{{identity.entity.name}}', named(''), true)], ['plain', null, null])
  assert.throws(() => fill('{{identity', null, true), { code: 'bad_request' })
})
