/** The access rules: precedence rule by rule, merging, conditions, and what is told about a verdict. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeJson, JsonNumber, type Json } from '../../kit/json.ts'
import { compileAcl, type Acl, type Question, type Verdict } from './acl.ts'
import { parsePolicy } from './parse.ts'

const now = Date.UTC(2026, 10, 21)
const acl = (...texts: readonly string[]): Acl => compileAcl(texts.map((text, i) => parsePolicy(`p${i}`, text)))
/** `grants('a/*', 'read')` and the like, as the text of a policy. */
const grants = (path: string, ...capabilities: readonly string[]): string =>
  `path "${path}" { capabilities = ${JSON.stringify(capabilities)} }\n`
const judge = (rules: Acl, path: string, capability: Question['capability'] = 'read', rest: Partial<Question> = {}): Verdict =>
  rules.judge({ path, capability, sudo: false, data: null, wrapTtl: null, nowMs: now, ...rest })
const allows = (rules: Acl, path: string, capability: Question['capability'] = 'read', rest: Partial<Question> = {}): boolean =>
  judge(rules, path, capability, rest).allowed

test('without a rule nothing is allowed', () => {
  assert.deepEqual(judge(acl(), 'a'), {
    allowed: false,
    isRoot: false,
    code: 'no_rule',
    reason: 'no rule matches',
    rule: null,
    pageLimit: null,
    keysFilter: null,
  })
  assert.equal(allows(acl(grants('a', 'read')), 'ab'), false)
})

/** The winner is the rule that lets `patch`; the others let only `read`. */
const precedence: readonly (readonly [rule: string, winner: string, loser: string, path: string])[] = [
  ['an exact path beats a glob', 'a/b', 'a/b*', 'a/b'],
  ['an exact path beats `+`', 'a/b', 'a/+', 'a/b'],
  ['an exact path beats everything, be it ever so short', 'a', '+', 'a'],
  ['a longer prefix beats a shorter one', 'a/b*', 'a/*', 'a/bc'],
  ['1: the first wildcard comes later', 'a/b/+/d', 'a/+/c/d', 'a/b/c/d'],
  ['1: also of `*` against `+`', 'a/b*', 'a/+', 'a/b'],
  ['1: also of `+` against `*`', 'a/b/+', 'a/*', 'a/b/c'],
  ['2: no `*` at the end', 'a/+/c', 'a/+/c*', 'a/b/c'],
  ['2: `+` against `*` in the same place', 'a/+', 'a/*', 'a/b'],
  ['2: even with more `+`', 'a/+/+/d', 'a/+/c/*', 'a/b/c/d'],
  ['3: fewer `+`', 'a/+/c/d', 'a/+/+/d', 'a/b/c/d'],
  ['3: a glob against a glob with `+`', 'a/*', 'a/+/c/*', 'a/b/c/d'],
  ['4: longer', 'a/+/cc*', 'a/+/c*', 'a/b/ccc'],
  ['4: longer, but not by the star', 'a/+/c/d*', 'a/+/c/*', 'a/b/c/d'],
]
for (const [name, winner, loser, path] of precedence) {
  test(`precedence: ${name}`, () => {
    for (const texts of [
      [winner, loser],
      [loser, winner],
    ]) {
      const rules = acl(...texts.map((pattern) => grants(pattern, pattern === winner ? 'patch' : 'read')))
      assert.equal(judge(rules, path, 'patch').rule?.pattern, winner)
      assert.equal(allows(rules, path, 'read'), false, 'capabilities of different patterns do not add up')
    }
  })
}

test('precedence: 5: the greater one in the order of characters', () => {
  assert.equal(judge(acl(grants('+/b/+/+', 'read') + grants('+/+/+/b', 'read')), 'b/b/b/b').rule?.pattern, '+/b/+/+')
})

test('`+` stands for exactly one segment, which may be empty; `*` only counts at the end', () => {
  const rules = acl(
    grants('a/+/c', 'read') +
      grants('x/*/y', 'read') +
      grants('p+/q', 'read') +
      grants('g/*', 'read') +
      grants('s/+', 'read') +
      grants('h/+/i*', 'read'),
  )
  for (const path of ['a/b/c', 'a//c', 'x/*/y', 'p+/q', 'g/', 'g/a/b', 's/', 's/t', 'h/a/i', 'h/a/ij/k'])
    assert.equal(allows(rules, path), true, path)
  for (const path of ['a/c', 'a/b/b/c', 'a/b/c/', 'x/1/y', 'pp/q', 'g', 's', 's/t/', 's/t/u', 'h/a/b/i', 'h/i'])
    assert.equal(allows(rules, path), false, path)
})

test('rules for everything, and for the empty path', () => {
  assert.equal(allows(acl(grants('*', 'read')), 'any/thing'), true)
  assert.equal(allows(acl(grants('+/*', 'read')), 'any/thing'), true)
  assert.equal(allows(acl(grants('', 'read')), 'a'), false)
  assert.equal(allows(acl(grants('', 'read')), ''), true)
})

test('one pattern in several policies: capabilities add up, a denial wins, in any order', () => {
  const [reading, writing, denying] = [grants('a/*', 'read'), grants('a/*', 'update', 'sudo'), grants('a/*', 'deny')]
  const both = acl(reading, writing)
  assert.ok(allows(both, 'a/b', 'read') && allows(both, 'a/b', 'update', { sudo: true }))
  for (const texts of [
    [reading, writing, denying],
    [denying, reading, writing],
    [reading, denying, writing],
  ]) {
    assert.equal(judge(acl(...texts), 'a/b').code, 'denied')
  }
  assert.ok(allows(acl(grants('a/*', 'deny'), grants('a/b', 'read')), 'a/b'), 'a denial of another pattern says nothing')
})

test('a rule without capabilities hides less specific ones', () => {
  assert.equal(judge(acl(grants('a/*', 'read') + grants('a/b'), grants('a/c', 'read')), 'a/b').code, 'capability_missing')
})

test('listings: a rule with or without the slash', () => {
  for (const pattern of ['kv/app/', 'kv/app', 'kv/*', 'kv/+', 'kv/app/*', 'kv/a*', '+/app']) {
    const rules = acl(grants(pattern, 'list', 'scan'))
    for (const path of ['kv/app/', 'kv/app']) assert.ok(allows(rules, path, 'list') && allows(rules, path, 'scan'), `${pattern} ${path}`)
  }
  assert.equal(allows(acl(grants('kv/app', 'read')), 'kv/app/'), false, 'only listings leave the slash out')
  assert.equal(judge(acl(grants('kv/app/', 'list') + grants('kv/app', 'deny')), 'kv/app/', 'list').rule?.pattern, 'kv/app/')
  assert.equal(allows(acl(grants('', 'list')), '', 'list'), true)
})

test('sudo is asked for besides the capability', () => {
  const rules = acl(grants('a', 'read') + grants('b', 'read', 'sudo') + grants('c', 'sudo'))
  assert.equal(judge(rules, 'a', 'read', { sudo: true }).code, 'sudo_missing')
  assert.equal(judge(rules, 'b', 'read', { sudo: true }).code, 'allowed')
  assert.equal(judge(rules, 'c', 'read', { sudo: true }).code, 'capability_missing')
  assert.equal(allows(rules, 'c', 'sudo'), true)
  assert.equal(allows(rules, 'a', 'sudo'), false)
})

test('root may everything, in its namespace', () => {
  assert.deepEqual(judge(compileAcl([], { isRoot: true }), 'any', 'delete', { sudo: true }), {
    allowed: true,
    isRoot: true,
    code: 'root',
    reason: 'policy "root"',
    rule: null,
    pageLimit: null,
    keysFilter: null,
  })
  const inside = compileAcl([], { isRoot: true, rootOf: 'team/' })
  assert.deepEqual([allows(inside, 'team/a'), allows(inside, 'other/a'), allows(inside, 'team')], [true, false, false])
  assert.equal(compileAcl([parsePolicy('root', grants('a', 'read'))]).isRoot, false, 'the name alone makes no root')
})

test('patterns stand in the namespace of their policy', () => {
  const rules = compileAcl([parsePolicy('p', `${grants('/a', 'read')}${grants('*', 'list')}`, { namespace: 'team/' })])
  assert.ok(allows(rules, 'team/a') && allows(rules, 'team/x/', 'list'))
  assert.ok(!allows(rules, 'a') && !allows(rules, 'x/', 'list'))
})

const parameterCases: readonly (readonly [rule: string, data: Record<string, Json> | null, code: string])[] = [
  ['allowed_parameters = { "a" = [] }', { a: 'anything' }, 'allowed'],
  ['allowed_parameters = { "a" = [] }', { A: { deep: [1] } }, 'allowed'],
  ['allowed_parameters = { "a" = [] }', { c: 1 }, 'parameter_not_allowed'],
  ['allowed_parameters = { "a" = [] }', null, 'allowed'],
  ['allowed_parameters = { "a" = [] }', {}, 'allowed'],
  ['allowed_parameters = { "b" = ["x", "y*", "*z"] }', { b: 'x' }, 'allowed'],
  ['allowed_parameters = { "b" = ["x", "y*", "*z"] }', { b: 'yes' }, 'allowed'],
  ['allowed_parameters = { "b" = ["x", "y*", "*z"] }', { b: 'fez' }, 'allowed'],
  ['allowed_parameters = { "b" = ["x", "y*", "*z"] }', { b: 'n' }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = ["x"] }', { b: ['x'] }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = ["*mid*"] }', { b: 'a mid b' }, 'allowed'],
  ['allowed_parameters = { "b" = ["*"] }', { b: 'a' }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = ["1"] }', { b: 1 }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = [1, true, 1.5] }', { b: 1 }, 'allowed'],
  ['allowed_parameters = { "b" = [1, true, 1.5] }', { b: true }, 'allowed'],
  ['allowed_parameters = { "b" = [1, true, 1.5] }', { b: '1' }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = [1] }', { b: new JsonNumber('1.0') }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = [["x", "y*"]] }', { b: ['x', 'y*'] }, 'allowed'],
  ['allowed_parameters = { "b" = [["x", "y*"]] }', { b: ['x', 'yes'] }, 'parameter_not_allowed'],
  ['allowed_parameters = { "b" = ["x"] }', { b: null }, 'parameter_not_allowed'],
  ['allowed_parameters = { "a" = ["1"] "*" = [] }', { b: 5 }, 'allowed'],
  ['allowed_parameters = { "a" = ["1"] "*" = [] }', { a: '2' }, 'parameter_not_allowed'],
  ['allowed_parameters = { "*" = ["x"] }', { b: 'y' }, 'parameter_not_allowed'],
  ['denied_parameters = { "*" = [] }', { a: 1 }, 'parameter_denied'],
  ['denied_parameters = { "*" = [] }', {}, 'allowed'],
  ['denied_parameters = { "bad" = [] "c" = ["z"] }', { a: 1 }, 'allowed'],
  ['denied_parameters = { "bad" = [] "c" = ["z"] }', { BAD: 1 }, 'parameter_denied'],
  ['denied_parameters = { "bad" = [] "c" = ["z"] }', { c: 'z' }, 'parameter_denied'],
  ['denied_parameters = { "bad" = [] "c" = ["z"] }', { c: 'y' }, 'allowed'],
  ['denied_parameters = { "a" = ["x"] } allowed_parameters = { "a" = [] }', { a: 'x' }, 'parameter_denied'],
  ['required_parameters = ["Need"]', { need: null }, 'allowed'],
  ['required_parameters = ["need"]', { other: 1 }, 'parameter_missing'],
  ['required_parameters = ["need"]', null, 'parameter_missing'],
  ['required_parameters = ["constructor"]', {}, 'parameter_missing'],
]
for (const [text, data, code] of parameterCases) {
  test(`parameters: ${text} against ${encodeJson(data)} is ${code}`, () => {
    assert.equal(judge(acl(`path "a" { capabilities = ["create"] ${text} }`), 'a', 'create', { data }).code, code)
  })
}

test('a denied value is denied in every guise that an engine would accept', () => {
  const rules = acl('path "a" { capabilities = ["update"] denied_parameters = { "p" = ["admin", "1", "x*"] "f" = [false] "n" = [1] } }')
  const guises: readonly Record<string, Json>[] = [
    { p: ['a', 'admin'] },
    { p: 'a, admin' },
    { p: 1 },
    { p: 'b,xyz' },
    { p: [['admin']] },
    { f: 'false' },
    { n: '1' },
    { n: new JsonNumber('1.0') },
    { n: [1] },
  ]
  for (const data of guises) assert.equal(judge(rules, 'a', 'update', { data }).code, 'parameter_denied')
  for (const data of [{ p: 'administrator' }, { p: ['user'] }, { f: true }, { n: 2 }, { p: { admin: 1 } }])
    assert.equal(judge(rules, 'a', 'update', { data }).code, 'allowed')
})

test('rules about fields do not concern listings and deletions', () => {
  const rules = acl('path "a/" { capabilities = ["list", "delete", "read"] required_parameters = ["x"] denied_parameters = { "*" = [] } }')
  assert.ok(allows(rules, 'a/', 'list') && allows(rules, 'a/', 'delete', { data: { y: 1 } }))
  assert.equal(judge(rules, 'a/', 'read', { data: { y: '1' } }).code, 'parameter_missing')
})

test('fields of one pattern in two policies are merged', () => {
  const rules = acl(
    'path "a" { capabilities = ["update"] allowed_parameters = { "x" = ["1"] "y" = [] "z" = ["1"] } required_parameters = ["x"] }',
    `path "a" {
      capabilities = ["create"]
      allowed_parameters = { "x" = ["2"] "y" = ["1"] "w" = ["1"] }
      denied_parameters = { "z" = ["9"] }
    }`,
  )
  for (const data of [{ x: '1' }, { x: '2', y: 'any', z: '1', w: '1' }]) assert.equal(judge(rules, 'a', 'update', { data }).code, 'allowed')
  assert.equal(judge(rules, 'a', 'create', { data: { y: '1' } }).code, 'parameter_missing')
  assert.equal(judge(rules, 'a', 'create', { data: { x: '3' } }).code, 'parameter_not_allowed')
  assert.equal(judge(rules, 'a', 'update', { data: { x: '1', z: '9' } }).code, 'parameter_denied')
})

test('wrapping lifetimes: either limit makes wrapping compulsory', () => {
  const rules = acl(
    'path "both" { policy = "read" min_wrapping_ttl = "1m" max_wrapping_ttl = "10m" }',
    'path "max" { policy = "read" max_wrapping_ttl = 600 }',
  )
  const codes = [null, 0, 30, 60, 600, 601].map((wrapTtl) => judge(rules, 'both', 'read', { wrapTtl }).code)
  assert.deepEqual(codes, ['wrapping_required', 'wrapping_required', 'wrapping_too_short', 'allowed', 'allowed', 'wrapping_too_long'])
  assert.equal(judge(rules, 'max').code, 'wrapping_required')
  assert.equal(judge(rules, 'max', 'read', { wrapTtl: 1 }).code, 'allowed')
})

test('wrapping lifetimes of two policies: the lower ones count', () => {
  const [a, b] = [
    'path "a" { policy = "read" min_wrapping_ttl = 10 max_wrapping_ttl = 100 }',
    'path "a" { policy = "read" min_wrapping_ttl = 20 max_wrapping_ttl = 50 }',
  ]
  assert.deepEqual(
    [9, 10, 50, 51].map((wrapTtl) => allows(acl(a, b), 'a', 'read', { wrapTtl })),
    [false, true, true, false],
  )
  assert.deepEqual(
    [20, 50, 100].map((wrapTtl) => allows(acl(grants('a', 'read'), b), 'a', 'read', { wrapTtl })),
    [true, true, false],
  )
})

test('pages: the limit of the rule, `max`, and zero', () => {
  const rules = acl(
    'path "a/" { capabilities = ["list"] pagination_limit = 10 }',
    'path "b/" { capabilities = ["list"] pagination_limit = 10 required_parameters = ["Limit"] }',
    'path "c/" { policy = "read" }',
  )
  const ask = (path: string, limit?: Json): readonly [string, number | null] => {
    const { code, pageLimit } = judge(rules, path, 'list', { data: limit === undefined ? null : { limit } })
    return [code, pageLimit]
  }
  assert.deepEqual(ask('a/'), ['allowed', 10])
  assert.deepEqual(ask('a/', 'max'), ['allowed', 10])
  assert.deepEqual(ask('a/', '0'), ['allowed', 10])
  assert.deepEqual(ask('a/', '10'), ['allowed', null])
  assert.deepEqual(ask('a/', 3), ['allowed', null])
  assert.deepEqual(ask('a/', '11'), ['limit_exceeded', null])
  assert.deepEqual(ask('a/', new JsonNumber('1e99')), ['limit_invalid', null])
  assert.deepEqual(ask('a/', '-1'), ['limit_invalid', null])
  assert.deepEqual(ask('a/', 'x'), ['limit_invalid', null])
  assert.deepEqual(ask('b/'), ['limit_required', null])
  assert.deepEqual(ask('b/', 'max'), ['allowed', 10])
  assert.deepEqual(ask('c/', 'max'), ['allowed', 0])
  assert.deepEqual(ask('c/', '1000'), ['allowed', null])
})

test('second factors and kinds of events are asked for, not ignored', () => {
  const rules = acl(
    'path "a" { policy = "read" mfa_methods = ["otp", "push"] }',
    'path "e/*" { capabilities = ["subscribe"] subscribe_event_types = ["kv*"] }',
    'path "f/*" { capabilities = ["subscribe"] }',
  )
  assert.equal(judge(rules, 'a').code, 'mfa_required')
  assert.equal(judge(rules, 'a', 'read', { mfaPassed: ['push'] }).reason, 'second factor "otp" required in rule "a" of policy "p0"')
  assert.equal(judge(rules, 'a', 'read', { mfaPassed: ['push', 'otp'] }).code, 'allowed')
  assert.equal(judge(rules, 'e/x', 'subscribe').code, 'event_type_not_allowed')
  assert.equal(judge(rules, 'e/x', 'subscribe', { eventType: 'kv-v2/data-write' }).code, 'allowed')
  assert.equal(judge(rules, 'f/x', 'subscribe').code, 'allowed')
})

test('expired rules do not count, and what they hid counts again', () => {
  const at = (seconds: number): Partial<Question> => ({ nowMs: seconds * 1000 })
  const rules = acl(
    'path "a/*" { policy = "read" } path "a/b" { policy = "deny" expiration = "100" } path "c" { policy = "read" expiration = "50" }',
    'path "c" { policy = "write" expiration = "200" }',
  )
  assert.deepEqual(
    [0, 99, 100].map((s) => allows(rules, 'a/b', 'read', at(s))),
    [false, false, true],
  )
  assert.deepEqual(
    [
      [0, 'read'],
      [60, 'read'],
      [60, 'update'],
      [200, 'update'],
      [10, 'read'],
    ].map(([s, c]) => allows(rules, 'c', c as 'read', at(s as number))),
    [true, true, true, false, true],
  )
  assert.deepEqual(rules.capabilities('c', 300_000), ['deny'])
  assert.deepEqual(
    compileAcl([parsePolicy('p', 'path "c" { policy = "read" expiration = "50" }')], { now: () => 60_000 }).capabilities('c'),
    ['deny'],
  )
})

test('a verdict names the rule and the policies', () => {
  const rules = compileAcl([
    parsePolicy('a', grants('secret/*', 'read')),
    parsePolicy('b', grants('secret/*', 'read', 'list')),
    parsePolicy('c', grants('x', 'deny')),
  ])
  assert.deepEqual(judge(rules, 'secret/s').rule, { policies: ['a', 'b'], pattern: 'secret/*', capabilities: ['list', 'read'] })
  assert.deepEqual(judge(rules, 'secret/s', 'list').rule?.policies, ['b'])
  assert.equal(judge(rules, 'secret/s').reason, 'allowed by rule "secret/*" of policies "a", "b"')
  assert.equal(judge(rules, 'secret/s', 'update').reason, 'capability "update" missing in rule "secret/*" of policies "a", "b"')
  assert.equal(judge(rules, 'x').reason, 'denied by rule "x" of policy "c"')
  const limited = acl('path "a" { policy = "write" allowed_parameters = { "x" = ["hidden"] } }')
  assert.equal(judge(limited, 'a', 'update', { data: { y: 'hunter2' } }).reason, 'parameter "y" not allowed in rule "a" of policy "p0"')
})

test('capabilities are sorted, and what nothing grants is deny', () => {
  const rules = acl(
    grants('secret/data/app', 'create', 'read', 'update', 'delete', 'patch') + grants('secret/metadata/*', 'list', 'read'),
    grants('secret/data/no', 'deny', 'read') + grants('sys/auth/*', 'sudo', 'read') + grants('a/+/c', 'read'),
  )
  const expected: readonly (readonly [string, readonly string[]])[] = [
    ['secret/data/app', ['create', 'delete', 'patch', 'read', 'update']],
    ['/secret/data/app', ['create', 'delete', 'patch', 'read', 'update']],
    ['secret/metadata/x', ['list', 'read']],
    ['secret/data/no', ['deny']],
    ['sys/auth/x', ['read', 'sudo']],
    ['a/b/c', ['read']],
    ['a/b/d', ['deny']],
    ['nowhere', ['deny']],
  ]
  for (const [path, names] of expected) assert.deepEqual(rules.capabilities(path, now), names)
  assert.deepEqual(compileAcl([], { isRoot: true }).capabilities('anything'), ['root'])
})

test('access to a mount: anything at or below it', () => {
  const has = (text: string, prefix = 'kv/app/'): boolean => acl(text).hasAnyAccess(prefix, now)
  for (const path of ['kv/app/x', 'kv/app/', 'kv/app', 'kv/*', 'kv/app/x/*', '+/app/x', '+/+/x/y', 'kv/+/*', '*', '+/a*'])
    assert.equal(has(grants(path, 'read')), true, path)
  for (const path of ['kv/apple', 'kv/apps/x', 'kv', '+/other/x', '+/b*', 'kv/app/x/../..'])
    assert.equal(has(grants(path, 'read'), path === 'kv/app/x/../..' ? 'x/' : 'kv/app/'), false, path)
  assert.equal(has(grants('kv/app/x', 'deny')), false)
  assert.equal(has(grants('kv/*', 'read') + grants('kv/app/*', 'deny')), false)
  assert.equal(has(grants('kv/app/*', 'deny') + grants('kv/app/x', 'read')), true)
  assert.equal(compileAcl([], { isRoot: true }).hasAnyAccess('x/'), true)
})

test('keys that the rule of the listing hides', () => {
  const rules = acl(
    `path "kv/metadata/*" {
      capabilities = ["list"]
      list_scan_response_keys_filter_path = "{{ .path | replace \\"metadata\\" \\"data\\" }}{{ .key }}"
    }`,
    'path "kv/data/a" { policy = "read" } path "kv/data/dir/" { policy = "read" }',
  )
  const verdict = judge(rules, 'kv/metadata/', 'list')
  assert.deepEqual(rules.visibleKeys(verdict, 'kv/metadata/', ['a', 'b', 'dir/', 'other/'], now), ['a', 'dir/'])
  assert.deepEqual(rules.visibleKeys({ ...verdict, keysFilter: null }, 'kv/metadata/', ['a', 'b'], now), ['a', 'b'])
})

test('the merged rules as consoles read them', () => {
  const rules = acl(
    `path "a" {
      capabilities = ["update", "read"]
      allowed_parameters = { "x" = ["1"] }
      required_parameters = ["x"]
      min_wrapping_ttl = 10
    }`,
    'path "b/*" { policy = "deny" } path "c/+/d" { policy = "read" }',
  )
  assert.deepEqual(JSON.parse(JSON.stringify(rules.resultant(now))), {
    root: false,
    exact_paths: {
      a: { capabilities: ['read', 'update'], min_wrapping_ttl: 10, allowed_parameters: { x: ['1'] }, required_parameters: ['x'] },
    },
    glob_paths: { 'b/': { capabilities: ['deny'] }, 'c/+/d': { capabilities: ['list', 'read'] } },
  })
  assert.deepEqual(compileAcl([], { isRoot: true }).resultant(), { root: true })
})
