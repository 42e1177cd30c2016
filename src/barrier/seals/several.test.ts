/** Several seals as one, over a barrier: any of them opens the store, and copies come and go while it is open. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../storage/memory.ts'
import { Barrier } from '../barrier.ts'
import { initializeBarrier } from '../initialization.ts'
import { keyFileSeal } from './key-file.ts'
import { keyWrapSeal } from './key-wrap.ts'
import { SealUnreachable, type Seal } from './seal.ts'
import { copiesIn, severalSeals, type NamedSeal } from './several.ts'
import { unsealBySeal } from './unsealing.ts'

const none = { secretShares: 0, secretThreshold: 0, recoveryShares: 0, recoveryThreshold: 0 }

/** A seal of a service that can be switched off. */
function service(name: string, byte: number, type = 'remote'): NamedSeal & { isDown: boolean; asked: number } {
  const inner = keyWrapSeal(type, true, Buffer.alloc(32, byte))
  const made = { name, isDown: false, asked: 0, seal: inner as Seal }
  const reach = async <T>(work: () => Promise<T>): Promise<T> => {
    made.asked++
    if (made.isDown) throw new SealUnreachable(`${name} does not answer`)
    return await work()
  }
  made.seal = { ...inner, wrap: (key) => reach(() => inner.wrap(key)), unwrap: (wrapped) => reach(() => inner.unwrap(wrapped)) }
  return made
}

async function createUnder(...seals: readonly NamedSeal[]) {
  const store = memoryStore()
  const barrier = new Barrier(store, { now: () => 0 })
  await initializeBarrier(barrier, none, severalSeals(seals), async () => {})
  const opens = async (...by: readonly NamedSeal[]): Promise<Barrier> => {
    const fresh = new Barrier(store, { now: () => 0 })
    await unsealBySeal(fresh, severalSeals(by))
    return fresh
  }
  const reseal = async (open: Barrier, ...to: readonly NamedSeal[]) => {
    let missing: readonly string[] = []
    const several = severalSeals(to)
    const changed = await open.reseal(several.type, async (rootKey, wrapped) => {
      const made = await several.rewrap(rootKey, wrapped)
      missing = made.missing
      return made.wrapped
    })
    return { changed, missing }
  }
  const names = async () => copiesIn((await barrier.readSeal())?.wrapped ?? new Uint8Array()).map(({ name }) => name)
  return { store, barrier, opens, reseal, names }
}

test('any of the seals opens the store, the first that can is asked and no other', async () => {
  const [a, b] = [service('a', 1), service('b', 2)]
  const { opens } = await createUnder(a, b)
  a.asked = b.asked = 0
  await opens(a, b)
  assert.deepEqual([a.asked, b.asked], [1, 0])
  a.isDown = true
  await opens(a, b)
  await opens(b)
  b.isDown = true
  await assert.rejects(opens(a, b), (error) => error instanceof SealUnreachable && error.message === 'a does not answer')
})

test('a new store is not begun while one of its seals has no copy', async () => {
  const [a, b] = [service('a', 1), service('b', 2)]
  b.isDown = true
  await assert.rejects(createUnder(a, b), SealUnreachable)
})

test('a seal that does not know the store is told from one that cannot be reached', async () => {
  const { opens } = await createUnder(service('a', 1))
  await assert.rejects(opens(service('a', 3)), { code: 'bad_request', message: /belongs to another store/ })
  await assert.rejects(opens(service('b', 1)), { code: 'bad_request' })
})

test('a store moves from one seal to another: both configured for a while, then the new one alone', async () => {
  const [old, next] = [service('old', 1), service('next', 2, 'other')]
  const { opens, reseal, names } = await createUnder(old)
  const open = await opens(next, old)
  assert.deepEqual(await reseal(open, next, old), { changed: true, missing: [] })
  assert.deepEqual(await names(), ['next', 'old'])
  assert.deepEqual(await reseal(open, next, old), { changed: false, missing: [] }, 'nothing is written again')
  old.isDown = true
  const later = await opens(next)
  assert.deepEqual(await reseal(later, next), { changed: true, missing: [] })
  assert.deepEqual(await names(), ['next'])
  await opens(next)
})

test('a seal that cannot be reached keeps its copy, gets a new one later, and the last copy is never given up', async () => {
  const [a, b] = [service('a', 1), service('b', 2)]
  const { opens, reseal, names } = await createUnder(a)
  const open = await opens(a)
  b.isDown = true
  assert.deepEqual(await reseal(open, a, b), { changed: false, missing: ['b'] })
  assert.deepEqual(await reseal(open, b), { changed: false, missing: ['b'] }, 'the only copy stays')
  assert.deepEqual(await names(), ['a'])
  b.isDown = false
  a.isDown = true
  assert.deepEqual(await reseal(open, a, b), { changed: true, missing: [] })
  assert.deepEqual(await names(), ['a', 'b'])
})

test('a copy that was wrapped by an older key is replaced, and kept while the new one cannot be had', async () => {
  const seal = service('a', 1)
  const { opens, reseal, barrier } = await createUnder(seal)
  const before = copiesIn((await barrier.readSeal())?.wrapped ?? new Uint8Array())[0]?.wrapped
  const open = await opens(seal)
  const outdated: NamedSeal = { name: 'a', seal: { ...seal.seal, isCurrent: (wrapped) => !Buffer.from(wrapped).equals(before ?? Buffer.alloc(0)) } }
  seal.isDown = true
  assert.deepEqual(await reseal(open, outdated), { changed: false, missing: ['a'] })
  seal.isDown = false
  assert.deepEqual(await reseal(open, outdated), { changed: true, missing: [] })
  assert.deepEqual(await reseal(open, outdated), { changed: false, missing: [] })
  await opens(seal)
})

test('a key file alone is kept as it always was, and joins others under any name', async () => {
  const file = (name: string): NamedSeal => ({ name, seal: keyFileSeal(Buffer.alloc(32, 5)) })
  const { barrier, opens, reseal, names } = await createUnder(file('keyfile'))
  assert.ok(await keyFileSeal(Buffer.alloc(32, 5)).unwrap((await barrier.readSeal())?.wrapped ?? new Uint8Array()))
  const open = await opens(file('disk'), service('a', 1))
  await reseal(open, service('a', 1), file('disk'))
  assert.deepEqual(await names(), ['a', 'disk'])
  await opens(file('disk'))
  await opens(service('a', 1))
})

test('two seals of one name, and none, are refused; a damaged record opens nothing', async () => {
  assert.throws(() => severalSeals([service('a', 1), service('a', 2)]), { code: 'bad_request' })
  assert.throws(() => severalSeals([]), { code: 'bad_request' })
  for (const text of ['coffer seals 1\n', 'coffer seals 1\n{}', 'coffer seals 1\n[{}]', 'coffer seals 1\n[null]']) assert.deepEqual(copiesIn(Buffer.from(text)), [])
})
