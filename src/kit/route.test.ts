/** Routing: the most specific template wins whatever the order of the list, and what could not be told apart never starts. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { anyCase, nameText, text } from './fields.ts'
import { path, type Operation, type Verb } from './operation.ts'
import { routesOf } from './route.ts'

const fieldsOf = (template: string): Record<string, ReturnType<typeof text>> =>
  Object.fromEntries([...template.matchAll(/\{(\w+)\*?\}/g)].map(([, name = '']) => [name, name === 'user' ? nameText('') : text('')]))

const define = (verb: Verb, template: string): Operation =>
  (path as unknown as (t: string, p: object) => ReturnType<typeof path<'x', never>>)(template, fieldsOf(template))[verb]({ summary: template, handle: () => null })
const routes = (...templates: readonly (string | readonly [Verb, string])[]) => routesOf(templates.map((t) => (typeof t === 'string' ? define('read', t) : define(...t))))

/** The template that a path leads to, with its parameters; `verb` and null as they are. */
function led(by: ReturnType<typeof routesOf>, to: string, verb: Verb = 'read'): unknown {
  const found = by.match(verb, to)
  return found === null || found === 'verb' ? found : [found.operation.path, found.params]
}

describe('specificity', () => {
  const all = ['keys/config', 'keys/{name}', 'keys/{rest*}', '{first}/config', '{rest*}', 'keys/{name}/rotate', 'keys/{rest*}/rotate']

  test('a literal beats a name, a name beats a rest, whatever the order of the list', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (order) => {
        const by = routes(...order)
        assert.deepEqual(led(by, 'keys/config'), ['keys/config', {}])
        assert.deepEqual(led(by, 'keys/one'), ['keys/{name}', { name: 'one' }])
        assert.deepEqual(led(by, 'keys/one/rotate'), ['keys/{name}/rotate', { name: 'one' }])
        assert.deepEqual(led(by, 'keys/one/two/rotate'), ['keys/{rest*}/rotate', { rest: 'one/two' }])
        assert.deepEqual(led(by, 'keys/one/two'), ['keys/{rest*}', { rest: 'one/two' }])
        assert.deepEqual(led(by, 'other/config'), ['{first}/config', { first: 'other' }])
        assert.deepEqual(led(by, 'other/thing'), ['{rest*}', { rest: 'other/thing' }])
      }),
      { seed: 2, numRuns: 40 },
    )
  })

  test('a template is compared segment by segment from the left', () => {
    const by = routes('{a}/fixed', 'fixed/{b*}')
    assert.deepEqual(led(by, 'fixed/fixed'), ['fixed/{b*}', { b: 'fixed' }])
  })

  test('a verb that the most specific template does not have is not looked for in another', () => {
    const by = routes(['read', 'keys/config'], ['write', 'keys/{name}'])
    assert.equal(led(by, 'keys/config', 'write'), 'verb')
    assert.equal(led(by, 'keys/config', 'delete'), 'verb')
    assert.equal(led(by, 'nothing/here'), null)
  })
})

describe('a rest', () => {
  test('takes one segment or more, also in the middle, and keeps what it took as it is', () => {
    const by = routes('mounts/{path*}/tune', 'data/{path*}')
    assert.deepEqual(led(by, 'mounts/a/tune'), ['mounts/{path*}/tune', { path: 'a' }])
    assert.deepEqual(led(by, 'mounts/a/b/tune'), ['mounts/{path*}/tune', { path: 'a/b' }])
    assert.deepEqual(led(by, 'mounts/tune/tune'), ['mounts/{path*}/tune', { path: 'tune' }])
    assert.equal(led(by, 'mounts/tune'), null)
    assert.equal(led(by, 'mounts/a/tune/b'), null)
    assert.deepEqual(led(by, 'data/a//b'), ['data/{path*}', { path: 'a//b' }])
    assert.deepEqual(led(by, 'data/'), ['data/{path*}', { path: '' }])
    assert.deepEqual(led(by, 'data/a/'), ['data/{path*}', { path: 'a/' }])
    assert.equal(led(by, 'data'), null)
  })

  test('is as precise as what follows it', () => {
    const by = routes('a/{rest*}/b/c', 'a/{rest*}/c', 'a/{rest*}')
    assert.deepEqual(led(by, 'a/x/b/c'), ['a/{rest*}/b/c', { rest: 'x' }])
    assert.deepEqual(led(by, 'a/x/y/c'), ['a/{rest*}/c', { rest: 'x/y' }])
    assert.deepEqual(led(by, 'a/x/y'), ['a/{rest*}', { rest: 'x/y' }])
  })

  test('there is one in a template at most', () => {
    assert.throws(() => routes('{a*}/{b*}'), /more than one \{rest\*\}/)
  })
})

describe('names', () => {
  test('a name takes exactly one segment that is not empty', () => {
    const by = routes('keys/{name}')
    assert.equal(led(by, 'keys/'), null)
    assert.equal(led(by, 'keys/a/b'), null)
    assert.equal(led(by, 'keys'), null)
    assert.deepEqual(led(by, 'keys/a b'), ['keys/{name}', { name: 'a b' }])
  })

  test('a name that does not fit its pattern is another path', () => {
    const by = routes('users/{user}', ['write', 'users/{rest*}'])
    assert.deepEqual(led(by, 'users/ann.b'), ['users/{user}', { user: 'ann.b' }])
    assert.equal(led(by, 'users/-ann'), 'verb')
    assert.deepEqual(led(by, 'users/-ann', 'write'), ['users/{rest*}', { rest: '-ann' }])
  })
})

describe('listings', () => {
  const by = routes(['list', 'keys'], ['read', 'keys/{name}'], ['list', 'metadata/{path*}'], ['read', 'metadata/{path*}'], ['read', 'single'])

  test('a listing names its folder with or without the slash at its end', () => {
    assert.deepEqual(led(by, 'keys/', 'list'), ['keys', {}])
    assert.deepEqual(led(by, 'keys', 'list'), ['keys', {}])
  })

  test('the rest of a listing may be empty: the folder itself', () => {
    assert.deepEqual(led(by, 'metadata/', 'list'), ['metadata/{path*}', { path: '' }])
    assert.deepEqual(led(by, 'metadata/a/b/', 'list'), ['metadata/{path*}', { path: 'a/b' }])
  })

  test('a listing of what is no folder is no path', () => {
    assert.equal(led(by, 'single/', 'list'), null)
    assert.equal(led(by, 'unknown/', 'list'), null)
  })
})

describe('what could not be told apart is refused at the start', () => {
  test('two operations for one verb of one path, whatever their parameters are called', () => {
    assert.throws(() => routes('a/{x}', 'a/{y}'), /two operations for read/)
    assert.throws(() => routes('a/{x*}', 'a/{y*}'), /two operations for read/)
  })

  test('two verbs of one path whose parameters differ in name or in what they take: one of them would never get its own', () => {
    assert.throws(() => routes(['read', 'a/{x}'], ['write', 'a/{y}']), /a\/\{x\} and a\/\{y\}/)
    const folded = path('a/{x}', { x: nameText('') }).write({ summary: '', handle: () => null })
    assert.throws(() => routesOf([define('read', 'a/{x}'), folded]), /differ in their parameters/)
    const anyCased = path('a/{x}', { x: anyCase(text('')) }).write({ summary: '', handle: () => null })
    assert.doesNotThrow(() => routesOf([define('read', 'a/{x}'), anyCased]))
  })

  test('a template with an empty segment, a stray brace or a parameter named twice', () => {
    for (const template of ['a//b', '/a', 'a/', 'a/x{name}', 'a/{name', 'a/{na me}', '{a}/{a}']) assert.throws(() => routes(template), /malformed/, template)
  })
})

test('a template is found for its path whatever the verb, and shows all its operations', () => {
  const by = routes(['read', 'a/{x}'], ['write', 'a/{x}'], ['read', 'a/b'])
  assert.deepEqual(by.find('a/b')?.path, 'a/b')
  assert.deepEqual(by.find('a/other')?.operations.map(({ verb }) => verb), ['read', 'write'])
  assert.equal(by.find('nowhere'), null)
  assert.deepEqual(by.templates.map((t) => t.path), ['a/b', 'a/{x}'])
})

test('what a client writes never means an inherited property', () => {
  const by = routes('{name}', 'constructor/{name}')
  assert.deepEqual(led(by, '__proto__'), ['{name}', { name: '__proto__' }])
  assert.deepEqual(led(by, 'constructor/toString'), ['constructor/{name}', { name: 'toString' }])
})
