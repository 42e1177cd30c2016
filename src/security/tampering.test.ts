/** Promise 5: what was changed or moved in the store is never served, and never taken for something else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysUnder } from '../core/check/findings.ts'
import { checkState } from '../core/check/state.ts'
import { seededRandom } from '../storage/seeded.ts'
import type { Store } from '../kit/store.ts'
import { copyOf } from './testing/failing-store.ts'
import { askAll, filled, type Subject } from './testing/subject.ts'

const random = seededRandom(5)
const below = (limit: number): number => Math.floor(random() * limit)

/** Nothing is hidden either: in the place of a record is another, and none is missing. Resolves with how many reads were refused. */
async function refusals(subject: Subject, store: Store, what: string): Promise<number> {
  const { refused, hidden } = await askAll(subject, store, what)
  assert.equal(hidden, 0, what)
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
  let refused = 0
  for (const [kind, members] of kinds) {
    for (let round = 0; round < 4 && members.length > 1; round++) {
      const one = members[below(members.length)] as string
      const other = members.filter((key) => key !== one)[below(members.length - 1)] as string
      const store = await copyOf(subject.server.store)
      const [first, second] = [await store.get(one), await store.get(other)]
      assert.ok(first !== null && second !== null)
      await store.commit([], [{ put: one, value: second.value }, { put: other, value: first.value }])
      refused += await refusals(subject, store, `swapped in ${kind}`)
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
    refused += await refusals(subject, store, `${other} over ${one}`)
  }
  assert.ok(refused > 100, `${refused} reads were refused`)
  await subject.server.close()
})

test('a record with any bit changed, cut short or made longer is refused', async () => {
  const subject = await filled()
  const keys = await keysOf(subject.server.store)
  let refused = 0
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
    refused += await refusals(subject, store, `change ${round % changes.length} of ${key}`)
  }
  assert.ok(refused > 100, `${refused} reads were refused`)
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
  assert.ok((await refusals(subject, store, 'from another server')) > 0)
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
  for (const { verb, path, token, data } of reads) {
    const answer = await server.request(verb, path, { token })
    if (answer.status === 200) assert.equal(JSON.stringify(answer.data), data, path)
  }
  await server.close()
})
