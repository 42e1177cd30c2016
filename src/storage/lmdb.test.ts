import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeContract } from './contract.ts'
import { openLmdbStore } from './lmdb.ts'

storeContract('LMDB store', async (settings) => {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-lmdb-'))
  let store = await openLmdbStore({ folder, ...settings })
  return {
    store,
    reopen: async () => {
      await store.close()
      store = await openLmdbStore({ folder, ...settings })
      return store
    },
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
})
