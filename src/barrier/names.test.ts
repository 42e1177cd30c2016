import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeContract } from '../storage/contract.ts'
import { openLmdbStore } from '../storage/lmdb.ts'
import { memoryStore } from '../storage/memory.ts'
import { openTestKeyring } from './testing.ts'
import { sealedNames } from './names.ts'
import { sealedValues } from './values.ts'

// The contract's odd keys begin with dots, too: nothing is hidden here.
const options = { isHidden: () => false, pageNames: 16 }

storeContract('sealed values over memory', async (settings) => {
  const store = sealedValues(memoryStore(settings), openTestKeyring())
  return { store, close: async () => {} }
})

storeContract('sealed names over memory', async (settings) => {
  const keyring = openTestKeyring()
  const store = sealedNames(sealedValues(memoryStore(settings), keyring), 'tree', () => keyring.subkey('names'), options)
  return { store, close: async () => {} }
})

storeContract('sealed names over LMDB', async (settings) => {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-names-'))
  const keyring = openTestKeyring()
  let store = await openLmdbStore({ folder, ...settings })
  const openTree = () => sealedNames(sealedValues(store, keyring), 'tree', () => keyring.subkey('names'), options)
  return {
    store: openTree(),
    reopen: async () => {
      await store.close()
      store = await openLmdbStore({ folder, ...settings })
      return openTree()
    },
    close: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
})
