import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import type { Store } from '../../kit/store.ts'
import { serveHarness, type ServeHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'
import type { Acl } from './acl.ts'
import type { IdentityView } from './template.ts'

let server: ServeHarness
/** While set, reads of policies answer what they found only when it resolves. */
let gate: Promise<void> | null = null

beforeEach(async () => {
  const memory = memoryStore()
  const store: Store = {
    ...memory,
    async get(key) {
      const held = key.startsWith('t/') ? gate : null
      const entry = await memory.get(key)
      await held
      return entry
    },
  }
  server = await serveHarness({ store })
})
afterEach(() => server.close())

const write = (name: string, policy: string): Promise<unknown> => server.ok('write', `sys/policies/acl/${name}`, { data: { policy } })
const view = (id: string, name = id): IdentityView => ({ entity: { id, name, metadata: {}, aliases: [] }, groups: [] })
const mayRead = (acl: Acl, path: string): boolean => acl.judge({ path, capability: 'read', sudo: false, data: null, wrapTtl: null, nowMs: server.clock.now() }).allowed
const templated = 'path "kv/{{identity.entity.name}}" { capabilities = ["read"] }'

test('policies without templates are compiled once for everybody', async () => {
  await write('plain', 'path "kv/*" { capabilities = ["read"] }')
  const { policies } = server.core
  const acl = await policies.aclOf(['plain'])
  assert.equal(await policies.aclOf(['plain'], view('a')), acl)
  assert.equal(await policies.aclOf(['plain'], view('b')), acl)
})

test('templated policies are compiled once for each entity at each version of it, and once for all who have none', async () => {
  await write('own', templated)
  const { policies } = server.core
  const [a, b] = [view('a'), view('b')]
  const ofA = await policies.aclOf(['own'], a)
  assert.ok(mayRead(ofA, 'kv/a') && !mayRead(ofA, 'kv/b'))
  assert.ok(mayRead(await policies.aclOf(['own'], b), 'kv/b'))
  assert.equal(await policies.aclOf(['own'], a), ofA)
  const renamed = await policies.aclOf(['own'], view('a', 'new'))
  assert.ok(mayRead(renamed, 'kv/new') && !mayRead(renamed, 'kv/a'))
  const ofNobody = await policies.aclOf(['own'])
  assert.equal(await policies.aclOf(['own']), ofNobody)
  assert.ok(!mayRead(ofNobody, 'kv/a'))
})

test('two sets of policies never share what was compiled for an entity', async () => {
  await write('own', templated)
  await write('more', 'path "kv/more" { capabilities = ["read"] }')
  const { policies } = server.core
  const [one, two] = await Promise.all([policies.aclOf(['own'], view('a')), policies.aclOf(['more', 'own'], view('a'))])
  assert.deepEqual([mayRead(one, 'kv/more'), mayRead(two, 'kv/more')], [false, true])
})

test('a changed policy holds at once, also for templates', async () => {
  await write('own', templated)
  const identity = view('a')
  const { policies } = server.core
  assert.ok(mayRead(await policies.aclOf(['own'], identity), 'kv/a'))
  await write('own', 'path "kv/x{{identity.entity.name}}" { capabilities = ["read"] }')
  const acl = await policies.aclOf(['own'], identity)
  assert.deepEqual([mayRead(acl, 'kv/a'), mayRead(acl, 'kv/xa')], [false, true])
})

test('what was being compiled while a policy changed is not used after the change', async () => {
  await write('late', 'path "kv/*" { capabilities = ["read"] }')
  const { policies } = server.core
  policies.forget()
  let release = (): void => undefined
  gate = new Promise((resolve) => (release = resolve))
  const early = policies.aclOf(['late'])
  await new Promise((resolve) => setImmediate(resolve))
  gate = null
  await write('late', 'path "kv/*" { capabilities = ["deny"] }')
  assert.ok(!mayRead(await policies.aclOf(['late']), 'kv/a'))
  release()
  await early
  assert.ok(!mayRead(await policies.aclOf(['late']), 'kv/a'))
})

test('rules end at their time for what was compiled before it', async () => {
  const end = new Date(server.clock.now() + 60_000).toISOString()
  await write('ending', `path "kv/{{identity.entity.name}}" { capabilities = ["read"] expiration = "${end}" }`)
  const acl = await server.core.policies.aclOf(['ending'], view('a'))
  assert.deepEqual(acl.capabilities('kv/a'), ['read'])
  server.clock.advance(61)
  assert.deepEqual(acl.capabilities('kv/a'), ['deny'])
})
