/** Policies: every key of a rule, in HCL and JSON, and every refusal with its text. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ApiError } from '../../kit/errors.ts'
import { namesOf } from './capabilities.ts'
import { parsePolicy, type Policy } from './parse.ts'

const refusal = (text: string): string => {
  try {
    parsePolicy('p', text)
  } catch (error) {
    assert.ok(error instanceof ApiError && error.code === 'bad_request', String(error))
    assert.match(error.message, /^failed to parse policy: /)
    return error.message.slice('failed to parse policy: '.length)
  }
  throw new assert.AssertionError({ message: `accepted: ${text}` })
}

const rule = (body: string): Policy['rules'][number] => {
  const [first] = parsePolicy('p', `path "a" { ${body} }`).rules
  assert.ok(first)
  return first
}

test('capabilities, old policies, and deny that takes all others away', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['capabilities = ["read"]', ['read']],
    [
      'capabilities = ["update", "create", "read", "patch", "delete", "list", "sudo", "scan", "subscribe", "recover"]',
      ['create', 'delete', 'list', 'patch', 'read', 'recover', 'scan', 'subscribe', 'sudo', 'update'],
    ],
    ['capabilities = ["read", "deny"]', ['deny']],
    ['capabilities = []', ['deny']],
    ['', ['deny']],
    ['policy = "read"', ['list', 'read']],
    ['policy = "write"', ['create', 'delete', 'list', 'read', 'update']],
    ['policy = "sudo"', ['create', 'delete', 'list', 'read', 'sudo', 'update']],
    ['policy = "deny" capabilities = ["read"]', ['deny']],
    ['policy = "read" capabilities = ["sudo"]', ['list', 'read', 'sudo']],
  ]
  for (const [body, names] of cases) assert.deepEqual(namesOf(rule(body).granted), names, body)
  assert.equal(rule('capabilities = ["deny"]').isDeny, true)
  assert.equal(rule('capabilities = []').isDeny, false)
})

test('all keys of a rule', () => {
  const parsed = rule(`
    comment = "why"
    capabilities = ["create", "list"]
    allowed_parameters = { "A" = [] "b" = ["x", 1, true, 1.5] }
    denied_parameters = { "*" = [] }
    required_parameters = ["need"]
    min_wrapping_ttl = "1m"
    max_wrapping_ttl = 600
    mfa_methods = ["otp"]
    pagination_limit = 100
    expiration = "2030-01-02T03:04:05Z"
    list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}"
    subscribe_event_types = ["kv*"]`)
  assert.deepEqual(
    [...parsed.parameters.allowed],
    [
      ['a', []],
      ['b', ['x', 1, true, 1.5]],
    ],
  )
  assert.deepEqual([...parsed.parameters.denied], [['*', []]])
  assert.deepEqual(parsed.parameters.required, ['need'])
  assert.deepEqual([parsed.minWrapTtl, parsed.maxWrapTtl, parsed.pageLimit], [60, 600, 100])
  assert.equal(parsed.expiresAt, Date.UTC(2030, 0, 2, 3, 4, 5))
  assert.deepEqual([parsed.mfaMethods, parsed.eventTypes, parsed.comment], [['otp'], ['kv*'], 'why'])
  assert.equal(parsed.keysFilter?.('a/', 'k'), 'a/k')
  assert.ok(Object.isFrozen(parsed))
})

test('expirations are RFC 3339 or seconds since 1970', () => {
  const cases: readonly (readonly [string, number | null])[] = [
    ['"2030-01-02T03:04:05.5+01:00"', Date.UTC(2030, 0, 2, 2, 4, 5, 500)],
    ['"1893456000"', 1893456000000],
    ['1893456000', 1893456000000],
    ['""', null],
  ]
  for (const [text, time] of cases) assert.equal(rule(`expiration = ${text}`).expiresAt, time)
  for (const text of ['"soon"', '"2030-01-02"', '"2030-13-02T03:04:05Z"', '-5'])
    assert.match(refusal(`path "a" { expiration = ${text} }`), /invalid expiration time/)
})

test('JSON in every shape gives the same rules', () => {
  const hcl = parsePolicy('p', 'path "a" { capabilities = ["read"] } path "b/*" { policy = "write" allowed_parameters = { "x" = ["1"] } }')
  const shapes = [
    '{"path":{"a":{"capabilities":["read"]},"b/*":{"policy":"write","allowed_parameters":{"x":["1"]}}}}',
    ' {"path":[{"a":{"capabilities":["read"]}},{"b/*":{"policy":"write","allowed_parameters":{"x":["1"]}}}]}',
    '{"path":{"a":[{"capabilities":["read"]}]},"path":{"b/*":{"policy":"write","allowed_parameters":{"x":["1"]}}}}',
    '{"name":"n","path":{"a":{"capabilities":["read"]},"b/*":{"policy":"write","allowed_parameters":{"x":["1"]}}}}',
  ]
  for (const text of shapes) assert.deepEqual(parsePolicy('p', text), hcl)
})

test('in JSON a path that is there twice counts twice', () => {
  const { rules } = parsePolicy('p', '{"path":{"a":{"capabilities":["deny"]},"a":{"capabilities":["read"]}}}')
  assert.deepEqual(
    rules.map((r) => r.isDeny),
    [true, false],
  )
})

test('a leading slash does not count', () => {
  assert.equal(parsePolicy('p', 'path "/a/b" {}').rules[0]?.pattern, 'a/b')
})

test('no rules are no mistake', () => {
  for (const text of ['', '# nothing', 'name = "x"', '{}']) assert.deepEqual(parsePolicy('p', text).rules, [])
})

test('refusals that clients know, word for word', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['path "a" { capabilities = ["fly"] }', 'path "a": invalid capability "fly"'],
    ['path "a" { policy = "admin" }', 'path "a": invalid policy "admin"'],
    ['path "a" { colour = "red" }', '1 error occurred:\n\t* path "a": invalid key "colour" on line 1\n\n'],
    [
      'path "a" {\n colour = "red"\n size = 1 }',
      '2 errors occurred:\n\t* path "a": invalid key "colour" on line 2\n\t* path "a": invalid key "size" on line 3\n\n',
    ],
    ['paths "a" {}', '1 error occurred:\n\t* invalid key "paths" on line 1\n\n'],
    ['path "a/+*" {}', 'path "a/+*": invalid use of wildcards (\'+*\' is forbidden)'],
    ['path "a" { min_wrapping_ttl = "2h" max_wrapping_ttl = "1h" }', 'max_wrapping_ttl cannot be less than min_wrapping_ttl'],
    ['path "a{{b" {}', 'failed to validate policy templating: unbalanced templating characters'],
    ['path "a}}b" {}', 'failed to validate policy templating: unbalanced templating characters'],
    ['path "{{a}} }}" {}', 'failed to validate policy templating: unbalanced templating characters'],
    ['this is not a policy', "At 1:21: key 'this is not a policy' expected start of object ('{') or assignment ('=')"],
    [
      'path "a" { capabilities = ["read"] list_scan_response_keys_filter_path = "{{ .key }}" }',
      'list_scan_response_keys_filter_path needs to be used on a path with the list capability',
    ],
    [
      'path "a" { capabilities = ["list"] list_scan_response_keys_filter_path = "{{ .path }}" }',
      'list_scan_response_keys_filter_path resulted in same path for two different keys',
    ],
  ]
  for (const [text, message] of cases) assert.equal(refusal(text), message)
})

test('what would grant more if it were left out is refused', () => {
  assert.match(refusal('path "a" { capabilities = ["read"] control_group = { factor "x" {} } }'), /control_group is not supported/)
  assert.match(
    refusal('path "a" { capabilities = ["list"] list_scan_response_keys_filter_path = "{{ .key | trimPrefix \\"a\\" }}" }'),
    /only \{\{ \.path \}\}/,
  )
  assert.match(refusal('path "a" { capabilities = ["read"] capabilities = ["deny"] }'), /"capabilities" is set twice/)
})

test('values of the wrong type are refused with the name of their key', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['capabilities = "read"', /"capabilities" must be a list of texts/],
    ['capabilities = [1]', /"capabilities" must be a list of texts/],
    ['policy = true', /"policy" must be a text/],
    ['allowed_parameters = ["a"]', /"allowed_parameters" must be an object of lists/],
    ['allowed_parameters = { a = "x" }', /"allowed_parameters" must be an object of lists/],
    ['denied_parameters = { a = [] A = [1] }', /each name once/],
    ['required_parameters = "a"', /"required_parameters" must be a list/],
    ['min_wrapping_ttl = "soon"', /error parsing min_wrapping_ttl/],
    ['max_wrapping_ttl = "-1h"', /cannot be negative/],
    ['min_wrapping_ttl = [1]', /must be a text/],
    ['pagination_limit = -1', /whole number/],
    ['pagination_limit = 1.5', /whole number/],
    ['expiration = true', /must be a text/],
    ['comment "x" {}', /no label/],
  ]
  for (const [body, message] of cases) assert.match(refusal(`path "a" { ${body} }`), message, body)
})

test('blocks of the wrong shape are refused', () => {
  for (const text of [
    'path {}',
    'path = "a"',
    'path "a" "b" {}',
    'path { "a" { capabilities = [] } }',
    '{"path":"a"}',
    '{"path":{"a":"b"}}',
    '{"path":[1]}',
    '{"path":{"a":[1]}}',
    '[]',
  ])
    refusal(text)
})

test('wildcards in the wrong place are accepted as characters, with a warning', () => {
  const warned = (path: string): number => parsePolicy('p', `path "${path}" {}`).warnings.length
  for (const path of ['a/*/b', 'a/**', 'a+/b', 'a/+b/*']) assert.equal(warned(path), 1, path)
  for (const path of ['a/*', '*', '+', '+/a', 'a/+/b*', '{{identity.entity.id}}/*', '']) assert.equal(warned(path), 0, path)
})

test('a template that can never be filled in is accepted with a warning', () => {
  for (const selector of ['identity.entity.nam', 'identity.entity.metadata', 'time.now', 'identity.groups.names.x', '']) {
    const policy = parsePolicy('p', `path "a/{{${selector}}}" {}`)
    assert.equal(policy.warnings.length, 1, selector)
    assert.equal(policy.isTemplated, true)
  }
})

test('the filter of keys knows replace, with quotes inside', () => {
  const filter = rule(
    'capabilities = ["list"] list_scan_response_keys_filter_path = "{{ .path | replace \\"metadata/\\" \\"data/\\" }}{{ .key }}"',
  ).keysFilter
  assert.equal(filter?.('kv/metadata/x/', 'one'), 'kv/data/x/one')
  assert.equal(rule('capabilities = ["scan"] list_scan_response_keys_filter_path = "x/{{.key}}"').keysFilter?.('p/', '$&'), 'x/$&')
})

test('any text is parsed or refused with bad_request', () => {
  const pieces = fc.constantFrom(
    'path ',
    '"a"',
    '"a/*"',
    '"+/b"',
    '"{{identity.entity.id}}"',
    ' { ',
    ' } ',
    'capabilities',
    'policy',
    ' = ',
    '["read"]',
    '["deny", "list"]',
    '"write"',
    'allowed_parameters',
    '{ "x" = ["y"] }',
    'min_wrapping_ttl',
    '"1h"',
    'expiration',
    '"2030-01-01T00:00:00Z"',
    'pagination_limit',
    '5',
    '\n',
    '# c\n',
    '{"path":',
    '{"a":',
    '{"capabilities":["read"]}',
    '}',
    'null',
    ',',
    'comment',
  )
  let accepted = 0
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
      try {
        parsePolicy('p', parts.join(''))
        accepted++
      } catch (error) {
        assert.ok(error instanceof ApiError && error.code === 'bad_request', String(error))
      }
    }),
    { seed: 20261121, numRuns: Number(process.env['FUZZ_RUNS'] ?? 2000) },
  )
  assert.ok(accepted > 20, `only ${accepted} accepted`)
})
