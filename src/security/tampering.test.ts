/** Promise 5: what was changed or moved in the store is never served, and never taken for something else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysUnder } from '../core/check/findings.ts'
import { checkState } from '../core/check/state.ts'
import { serveHarness, type ServeHarness } from '../request/testing/serve-harness.ts'
import { seededRandom } from '../storage/seeded.ts'
import type { Store } from '../kit/store.ts'
import { copyOf } from './testing/failing-store.ts'
import { clientToken } from './testing/wire.ts'

const random = seededRandom(5)
const below = (limit: number): number => Math.floor(random() * limit)

interface Subject {
  readonly server: ServeHarness
  /** What each reads, and what it is. */
  readonly reads: readonly (readonly [verb: 'read' | 'list', path: string, token: string, data: string])[]
}

async function filled(): Promise<Subject> {
  const server = await serveHarness()
  await server.ok('write', 'sys/mounts/kv1', { data: { type: 'kv' } })
  await server.ok('write', 'sys/mounts/kv2', { data: { type: 'kv', options: { version: '2' } } })
  const weak = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['default'], ttl: '1h' } }))
  const strong = clientToken(await server.ok('write', 'auth/token/create', { data: { policies: ['root'], ttl: '1h' } }))
  for (let i = 0; i < 6; i++) {
    await server.ok('write', `kv1/secret-${i}`, { data: { value: `kv1 value ${i}` } })
    await server.ok('write', `kv2/data/secret-${i}`, { data: { data: { value: `kv2 value ${i}` } } })
    await server.ok('write', `cubbyhole/secret-${i}`, { token: i % 2 === 0 ? weak : strong, data: { value: `cubbyhole value ${i}` } })
    await server.ok('write', `sys/policies/acl/policy-${i}`, { data: { policy: `path "a-${i}" { policy = "read" }` } })
  }
  const paths: (readonly ['read' | 'list', string, string])[] = [
    ['read', 'auth/token/lookup-self', weak], ['read', 'auth/token/lookup-self', strong], ['list', 'kv1/', strong],
    ['list', 'kv2/metadata/', strong], ['read', 'sys/mounts', strong], ['read', 'sys/mounts', weak],
  ]
  for (let i = 0; i < 6; i++) paths.push(
    ['read', `kv1/secret-${i}`, strong], ['read', `kv2/data/secret-${i}`, strong],
    ['read', `cubbyhole/secret-${i}`, i % 2 === 0 ? weak : strong], ['read', `sys/policies/acl/policy-${i}`, strong],
    ['read', `kv1/secret-${i}`, weak]
  )
  const reads: Subject['reads'][number][] = []
  for (const [verb, path, token] of paths) reads.push([
    verb, path, token, JSON.stringify((await server.request(verb, path, { token })).data),
  ])
  return { server, reads }
}

/** Asks a process that has opened nothing yet. Whatever answers must be what it was; everything else must be an error. */
async function askAll({ server, reads }: Subject, store: Store, what: string): Promise<number> {
  const victim = await server.sibling({ store }).catch(() => null)
  if (victim === null) return reads.length
  let refused = 0
  for (const [verb, path, token, data] of reads) {
    const answer = await victim.request(verb, path, { token })
    if (answer.status === 200) assert.equal(JSON.stringify(answer.data), data, `${what}: ${verb} ${path}`)
    else refused += 1
  }
  await victim.close()
  return refused
}

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const key of keysUnder(store, '')) keys.push(key)
  return keys
}

test('a record that is put in the place of another is refused, for every kind of record', async () => {
  const subject = await filled()
  const keys = await keysOf(subject.server.store)
  const kindOf = (key: string): string => key.replace(/[^/]*$/, '').replace(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{40,64}/g, '*')
  const kinds = new Map<string, string[]>()
  for (const key of keys) kinds.set(kindOf(key), [...(kinds.get(kindOf(key)) ?? []), key])
  let refusals = 0
  for (const [kind, members] of kinds) {
    for (let round = 0; round < 4 && members.length > 1; round++) {
      const one = members[below(members.length)] as string
      const other = members.filter((key) => key !== one)[below(members.length - 1)] as string
      const store = await copyOf(subject.server.store)
      const [first, second] = [await store.get(one), await store.get(other)]
      assert.ok(first !== null && second !== null)
      await store.commit([], [{ put: one, value: second.value }, { put: other, value: first.value }])
      refusals += await askAll(subject, store, `swapped in ${kind}`)
      const checked = await subject.server.sibling({ store }).catch(() => null)
      if (checked !== null) {
        assert.notDeepEqual(await checkState(checked.core), [], `the check finds what was swapped in ${kind}`)
        await checked.close()
      }
    }
  }
  // Swapped between kinds and trees, too.
  for (let round = 0; round < 60; round++) {
    const [one, other] = [keys[below(keys.length)] as string, keys[below(keys.length)] as string]
    const store = await copyOf(subject.server.store)
    await store.commit([], [{ put: one, value: (await store.get(other))?.value ?? Buffer.alloc(0) }])
    refusals += await askAll(subject, store, `${other} over ${one}`)
  }
  assert.ok(refusals > 100, `${refusals} reads were refused`)
  await subject.server.close()
})

test('a record with any bit changed, cut short or made longer is refused', async () => {
  const subject = await filled()
  const keys = await keysOf(subject.server.store)
  let refusals = 0
  for (let round = 0; round < 250; round++) {
    const key = keys[round % keys.length] as string
    const store = await copyOf(subject.server.store)
    const value = Buffer.from((await store.get(key))?.value ?? Buffer.alloc(0))
    const at = below(value.length)
    const changes: readonly (() => Buffer)[] = [
      () => Buffer.from(value.map((byte, i) => (i === at ? byte ^ (1 << below(8)) : byte))), () => value.subarray(0, at),
      () => Buffer.concat([value, Buffer.from([0])]), () => Buffer.alloc(value.length), () => Buffer.alloc(0),
    ]
    await store.commit([], [{ put: key, value: (changes[round % changes.length] as () => Buffer)() }])
    refusals += await askAll(subject, store, `change ${round % changes.length} of ${key}`)
  }
  assert.ok(refusals > 100, `${refusals} reads were refused`)
  await subject.server.close()
})

test('what another server sealed is refused, although it is well sealed', async () => {
  const [subject, stranger] = [await filled(), await filled()]
  const theirs = await keysOf(stranger.server.store)
  const store = await copyOf(subject.server.store)
  const ours = new Set(await keysOf(store))
  const shared = theirs.filter((key) => ours.has(key) && key !== 'barrier/seal' && key !== 'barrier/keyring')
  assert.ok(shared.length > 0)
  for (const key of shared) await store.commit([], [{ put: key, value: (await stranger.server.store.get(key))?.value ?? Buffer.alloc(0) }])
  assert.ok((await askAll(subject, store, 'from another server')) > 0)
  await Promise.all([subject.server.close(), stranger.server.close()])
})

test('a running server does not serve what is changed under it either', async () => {
  const subject = await filled()
  const { server, reads } = subject
  for (const key of await keysOf(server.store)) {
    if (!key.startsWith('t/')) continue
    const value = Buffer.from((await server.store.get(key))?.value ?? Buffer.alloc(0))
    value.writeUInt8(value.readUInt8(8) ^ 1, 8)
    await server.store.commit([], [{ put: key, value }])
  }
  for (const [verb, path, token, data] of reads) {
    const answer = await server.request(verb, path, { token })
    if (answer.status === 200) assert.equal(JSON.stringify(answer.data), data, path)
  }
  await server.close()
})
