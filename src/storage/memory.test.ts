import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storeContract } from './contract.ts'
import { memoryStore } from './memory.ts'

storeContract('memory store', async (settings) => ({ store: memoryStore(settings), close: async () => {} }), { whole: true })

test('a page out of 100,000 siblings does not read them all', async () => {
  const store = memoryStore()
  const names = Array.from({ length: 100_000 }, (_, index) => `n${String(index).padStart(6, '0')}`)
  await store.commit([], names.map((name) => ({ put: `many/${name}`, value: new Uint8Array() })))
  const timeOf = async (count: number): Promise<number> => {
    const start = performance.now()
    for (let index = 0; index < count; index += 1) {
      const after = names[(index * 7_919) % 99_000] as string
      assert.equal((await store.list('many/', { after, limit: 10 })).length, 10)
    }
    return performance.now() - start
  }
  await timeOf(100)
  // Reading all 100,000 takes some 10 ms each; a page takes some 10 us.
  assert.ok((await timeOf(500)) < 1_000)
})
