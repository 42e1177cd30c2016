/** Published flaws of Vault and OpenBao in the evaluation of policies, each as a test that fails if it were ours. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileAcl, type Acl, type Question } from './acl.ts'
import { defaultPolicy, immutablePolicies, responseWrappingPolicy, unassignablePolicies } from './builtin.ts'
import { parsePolicy } from './parse.ts'
import type { IdentityView } from './template.ts'

const acl = (text: string, identity: IdentityView | null = null): Acl => compileAcl([parsePolicy('p', text)], { identity })
const allows = (rules: Acl, path: string, capability: Question['capability'] = 'read'): boolean =>
  rules.judge({ path, capability, sudo: false, data: null, wrapTtl: null, nowMs: 0 }).allowed

test('HCSEC-2026-43 and Vault 2.2.2: paths are compared with case; names that ignore case are folded before they are judged', () => {
  // A decision, as recorded of Vault-compatible servers: paths of secrets keep their case everywhere, in storage as in rules, so that
  // `EXAMPLE` is another secret than `example`.
  const rules = acl(
    `path "secret/data/*" { policy = "read" }
     path "secret/data/example" { policy = "deny" }
     path "sys/policies/acl/admin" { policy = "deny" }`,
  )
  assert.equal(allows(rules, 'secret/data/example'), false)
  assert.equal(allows(rules, 'secret/data/EXAMPLE'), true)
  // Where the name is folded when it is stored, the caller judges the folded path.
  assert.equal(allows(rules, 'sys/policies/acl/Admin'.toLowerCase()), false)
})

test('CVE-2026-63131 (GHSA-xp3c-3jw3-4vcr): a listing with a slash does not take a broader grant before a specific denial', () => {
  for (const [grant, deny, folder] of [
    ['kv/*', 'kv/private/*', 'kv/private/'],
    ['kv/+', 'kv/+/*', 'kv/private/'],
    ['kv/*', 'kv/private/', 'kv/private/'],
    ['kv/*', 'kv/private', 'kv/private/'],
    ['kv/priv*', 'kv/private/*', 'kv/private/'],
    ['k*', 'kv/+/*', 'kv/private/'],
  ] as const) {
    for (const order of [
      [grant, deny],
      [deny, grant],
    ]) {
      const rules = acl(
        order.map((pattern) => `path "${pattern}" { capabilities = ["${pattern === deny ? 'deny' : 'list", "scan'}"] }`).join('\n'),
      )
      for (const capability of ['list', 'scan'] as const) {
        assert.equal(allows(rules, folder, capability), false, `${grant} against ${deny}`)
        assert.equal(allows(rules, folder.slice(0, -1), capability), false, `${grant} against ${deny}, asked without the slash`)
      }
    }
  }
})

test('CVE-2026-3605: a path that is not in its canonical form finds no rule', () => {
  const rules = acl(
    'path "kv/*" { capabilities = ["read", "delete", "list"] } path "+/*" { policy = "write" } path "../x" { policy = "write" }',
  )
  for (const path of ['kv/../sys/raw', 'kv/..', '..', '../x', './kv/a', 'kv/./a', 'kv/.', '/kv/a', '//kv/a', 'kv/a/../../b', '.']) {
    for (const capability of ['read', 'delete', 'list'] as const) assert.equal(allows(rules, path, capability), false, path)
  }
  for (const path of ['kv/a..b', 'kv/.hidden', 'kv/...', 'kv/a.', 'kv/http://x', 'kv/..a']) assert.equal(allows(rules, path), true, path)
})

const named = (name: string): IdentityView => ({
  entity: {
    id: 'id',
    name,
    metadata: { m: name },
    aliases: [{ id: name, name, mountAccessor: 'up', metadata: { m: name }, customMetadata: { m: name } }],
  },
  groups: [{ id: 'g', name, namespace: '', metadata: { m: name } }],
})

test('GHSA-59w7-v8rr-pr4p: what somebody calls themselves widens no rule', () => {
  const selectors = [
    'entity.name',
    'entity.metadata.m',
    'entity.aliases.up.name',
    'entity.aliases.up.id',
    'entity.aliases.up.metadata.m',
    'entity.aliases.up.custom_metadata.m',
    'groups.ids.g.name',
    'groups.ids.g.metadata.m',
  ]
  for (const selector of selectors) {
    for (const pattern of [`kv/{{identity.${selector}}}`, `kv/{{identity.${selector}}}/x`, `{{identity.${selector}}}`]) {
      for (const name of ['*', '+', 'a*', '*a', 'a+b', '+*', 'a/b', '/', '../x', 'a/+', '']) {
        const rules = acl(`path "${pattern}" { policy = "sudo" }`, named(name))
        for (const path of ['kv/other', 'kv/other/x', 'kv/a/b', 'kv/ab', 'other', 'kv/*', 'kv/+', `kv/${name}`])
          assert.equal(allows(rules, path), false, `${pattern} with ${name} on ${path}`)
      }
      assert.equal(allows(acl(`path "${pattern}" { policy = "sudo" }`, named('ann')), pattern.replace(/\{\{.*\}\}/, 'ann')), true)
    }
  }
})

test('GHSA-59w7-v8rr-pr4p: nor does it switch a denial off', () => {
  for (const name of ['a*', '+', 'a/b', 'x+']) {
    const rules = acl('path "kv/*" { policy = "read" } path "kv/home/{{identity.entity.name}}" { policy = "deny" }', named(name))
    assert.equal(allows(rules, `kv/home/${name}`), false, name)
  }
})

test('CVE-2021-43998: of several aliases at one mount none stands for the caller', () => {
  const alias = { id: 'a', metadata: {}, customMetadata: {}, mountAccessor: 'up' }
  const view: IdentityView = {
    entity: {
      id: 'e',
      name: 'n',
      metadata: {},
      aliases: [
        { ...alias, name: 'first' },
        { ...alias, name: 'second' },
      ],
    },
    groups: [],
  }
  const rules = acl('path "kv/{{identity.entity.aliases.up.name}}" { policy = "read" }', view)
  assert.deepEqual([allows(rules, 'kv/first'), allows(rules, 'kv/second')], [false, false])
})

test('CVE-2025-5999: a policy that is only called root is not root', () => {
  for (const name of ['root', 'Root', ' root ', 'ROOT', 'r\u043eot', 'root\u200b']) {
    const rules = compileAcl([parsePolicy(name, 'path "a" { policy = "read" }')])
    assert.equal(rules.isRoot, false)
    assert.equal(allows(rules, 'sys/raw', 'delete'), false)
  }
})

test('a segment of a path is never a wildcard', () => {
  const rules = acl('path "kv/secret" { policy = "read" } path "kv/a/*" { policy = "read" }')
  for (const path of ['kv/+', 'kv/*', '*', '+/secret', 'kv/a*']) assert.equal(allows(rules, path), false, path)
})

test('names of fields that every object has are not taken for fields of the request', () => {
  const rules = acl(
    'path "a" { policy = "write" required_parameters = ["toString"] } path "b" { policy = "write" allowed_parameters = { "x" = [] } }',
  )
  const ask = (path: string, data: Record<string, string>): boolean =>
    rules.judge({ path, capability: 'update', sudo: false, data, wrapTtl: null, nowMs: 0 }).allowed
  assert.equal(ask('a', { x: '1' }), false)
  assert.equal(ask('b', { constructor: '1' }), false)
  assert.equal(ask('b', JSON.parse('{"__proto__":"1"}') as Record<string, string>), false)
})

test('the built-in policies parse without warnings, and default lets a token see to itself only', () => {
  assert.deepEqual(parsePolicy('response-wrapping', responseWrappingPolicy).warnings, [])
  const policy = parsePolicy('default', defaultPolicy)
  assert.deepEqual(policy.warnings, [])
  const rules = compileAcl([policy], { identity: named('ann') })
  const granted: readonly (readonly [string, Question['capability']])[] = [
    ['auth/token/lookup-self', 'read'],
    ['auth/token/renew-self', 'update'],
    ['auth/token/revoke-self', 'update'],
    ['sys/capabilities-self', 'update'],
    ['sys/internal/ui/resultant-acl', 'read'],
    ['identity/entity/id/id', 'read'],
    ['identity/entity/name/ann', 'read'],
    ['sys/leases/lookup', 'update'],
    ['sys/leases/renew', 'update'],
    ['cubbyhole/x', 'create'],
    ['cubbyhole/', 'list'],
    ['sys/wrapping/wrap', 'update'],
    ['sys/wrapping/lookup', 'update'],
    ['sys/wrapping/unwrap', 'update'],
    ['sys/tools/hash', 'update'],
    ['sys/tools/hash/sha2-256', 'update'],
    ['identity/oidc/provider/default/authorize', 'read'],
    ['identity/oidc/provider/default/authorize', 'update'],
  ]
  for (const [path, capability] of granted) assert.equal(allows(rules, path, capability), true, path)
  for (const path of [
    'auth/token/create',
    'sys/mounts',
    'secret/data/x',
    'sys/leases/revoke',
    'sys/capabilities',
    'identity/entity/id/other',
    'auth/token/lookup',
  ]) {
    for (const capability of ['read', 'update', 'create', 'delete', 'list', 'sudo'] as const)
      assert.equal(allows(rules, path, capability), false, path)
  }
  assert.ok(immutablePolicies.has('root') && immutablePolicies.has('response-wrapping') && !immutablePolicies.has('default'))
  assert.ok(unassignablePolicies.has('response-wrapping') && unassignablePolicies.has('control-group'))
})
