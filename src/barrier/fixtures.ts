/** What the tests of the barrier start from: an open keyring without a barrier around it, and layers over a store. */
import type { Store } from '../kit/store.ts'
import type { LayeredStore } from '../storage/layered.ts'
import { createKeyringContent } from './keyring-record.ts'
import { Keyring } from './keyring.ts'
import { type NamesOptions, sealedNames } from './names.ts'
import { sealedValues } from './values.ts'

/** A keyring that persists nothing and counts no encryptions. */
export function openTestKeyring(): Keyring {
  const keyring = new Keyring({ reload: async () => {}, reserve: async () => {} })
  keyring.load(createKeyringContent(0), 1, Number.POSITIVE_INFINITY)
  return keyring
}

/** A tree over sealed values over `base`. */
export function openTestTree(base: Store, options: NamesOptions = {}): LayeredStore {
  const keyring = openTestKeyring()
  return sealedNames(sealedValues(base, keyring), 'tree', () => keyring.subkey('names'), options)
}
