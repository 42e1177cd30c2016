/** What was read is kept, and is right as long as no commit of any process has changed it. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Write } from '../kit/store.ts'
import { bytes, readText } from './contract-parts.ts'
import { type LmdbStore, openLmdbStore } from './lmdb.ts'
import { seededRandom } from './seeded.ts'

const keys = Array.from({ length: 40 }, (_, index) => `k/${index}`)

async function withStores(body: (stores: readonly [LmdbStore, LmdbStore]) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-follow-'))
  const stores = [await openLmdbStore({ folder, rememberedCommits: 50 }), await openLmdbStore({ folder, rememberedCommits: 50 })] as const
  try {
    await body(stores)
  } finally {
    for (const store of stores) await store.close()
    await rm(folder, { recursive: true })
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

for (const seed of [1, 2, 3, 4]) {
  test(`two stores on one folder serve what was committed last, whoever changed it and however much (seed ${seed})`, () => withStores(async (stores) => {
    const random = seededRandom(seed)
    const model = new Map<string, string>()
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const change = async (store: LmdbStore, text: string): Promise<void> => {
      const chosen = new Set(Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(keys)))
      const writes = [...chosen].map((key): Write => {
        const kind = random()
        if (kind < 0.2) return { del: key }
        return kind < 0.6 ? { put: key, value: bytes(text) } : { merge: key, by: () => bytes(text) }
      })
      for (const [index, key] of [...chosen].entries()) {
        if ('del' in (writes[index] as Write)) model.delete(key)
        else model.set(key, text)
      }
      await store.commit([], writes)
    }
    for (let round = 0; round < 150; round += 1) {
      const kind = random()
      // Alone, in one transaction with others, and more transactions than are followed.
      const count = kind < 0.1 ? 30 : Math.floor(kind * 5)
      for (let i = 0; i < count; i += 1) await change(pick(stores), `${round} ${i}`)
      if (kind > 0.97) {
        const text = `whole ${round}`
        await pick(stores).replaceWhole(keys.slice(0, 20).map((key) => ({ key, value: bytes(text) })))
        model.clear()
        for (const key of keys.slice(0, 20)) model.set(key, text)
      }
      await nextTurn()
      for (const store of stores) for (const key of keys) if (random() < 0.5) assert.equal(await readText(store, key), model.get(key), `${key} in round ${round}`)
    }
  }))
}

test('what others change beside it leaves an entry as it is, and what changes itself is read anew', () => withStores(async ([one, other]) => {
  await one.commit([], [{ put: 'a', value: bytes('1') }])
  const first = await one.get('a')
  for (let i = 0; i < 5; i += 1) await other.commit([], [{ put: `b/${i}`, value: bytes('1') }])
  assert.equal(await one.get('a'), first)
  await other.commit([], [{ put: 'a', value: bytes('1') }])
  assert.notEqual(await one.get('a'), first)
  await other.commit([], [{ del: 'a' }])
  assert.equal(await one.get('a'), null)
}))
