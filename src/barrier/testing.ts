/** What the tests of the layers start from: an open keyring without a barrier around it. */
import { createKeyringContent } from './keyring-record.ts'
import { Keyring } from './keyring.ts'

/** A keyring that persists nothing and counts no encryptions. */
export function openTestKeyring(): Keyring {
  const keyring = new Keyring({ reload: async () => {}, reserve: async () => {}, fence: async () => ({ key: 'barrier/store', version: 0 }), follow: async () => false })
  keyring.load(createKeyringContent(0), 1, Number.POSITIVE_INFINITY)
  return keyring
}
