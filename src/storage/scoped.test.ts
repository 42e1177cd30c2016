import assert from 'node:assert/strict'
import { test } from 'node:test'
import { storeContract } from './contract.ts'
import { bytes, readText } from './contract-parts.ts'
import { keyBytesMax } from './key.ts'
import { memoryStore } from './memory.ts'
import { scopedStore } from './scoped.ts'

const prefix = 'logical/0a1b/'

storeContract('scoped store', async (settings) => {
  const base = memoryStore(settings)
  return { store: scopedStore(base, prefix), longestKey: keyBytesMax - prefix.length, close: async () => {} }
})

storeContract('scoped store within a scoped store', async (settings) => {
  const store = scopedStore(scopedStore(memoryStore(settings), prefix), 'inner/')
  return { store, longestKey: keyBytesMax - prefix.length - 6, close: async () => {} }
})

test('a scope sees nothing of its neighbours, even of those whose prefix begins like its own', async () => {
  const base = memoryStore()
  const [one, other] = [scopedStore(base, 'm/'), scopedStore(base, 'm2/')]
  await one.commit([], [{ put: 'key', value: bytes('one') }])
  await other.commit([], [{ put: 'key', value: bytes('other') }, { put: '../m/key', value: bytes('escape') }])
  assert.deepEqual([await readText(one, 'key'), await one.list('')], ['one', ['key']])
  assert.deepEqual(await base.list(''), ['m/', 'm2/'])
})

test('a scope must end in "/"', () => {
  assert.throws(() => scopedStore(memoryStore(), 'm'), { code: 'internal' })
})
