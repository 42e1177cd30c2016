import { memoryStore } from '../storage/memory.ts'
import { storeContract } from '../storage/contract.ts'
import { openTestKeyring, openTestTree } from './fixtures.ts'
import { sealedValues } from './values.ts'

storeContract('sealed values over memory', async (settings) => ({ store: sealedValues(memoryStore(settings), openTestKeyring()), close: async () => {} }))

const nothingHidden = { isHidden: () => false }
storeContract('sealed names over memory', async (settings) => ({ store: openTestTree(memoryStore(settings), nothingHidden), close: async () => {} }))
