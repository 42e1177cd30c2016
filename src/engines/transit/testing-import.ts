/** Keys wrapped for a mount, as clients wrap them. The wrapping key is made once for all tests, because making one takes seconds. */
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { wrapForTransport } from '../../crypto/key-wrap.ts'
import type { JsonObject } from '../../kit/json.ts'
import type { Store } from '../../kit/store.ts'
import type { Harness } from '../testing/harness.ts'

const pair = generateKeyPairSync('rsa', { modulusLength: 4096 })
const record = { secret: pair.privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64') }

/** The ciphertext of `key` for a mount with the prepared wrapping key. */
export const wrappedKey = (key: Uint8Array, hash = 'sha256'): string => wrapForTransport(createPublicKey(pair.privateKey), key, hash).toString('base64')

const prepareWrapping = async (store: Store): Promise<unknown> =>
  store.commit([], [{ put: 'wrapping-key', value: new TextEncoder().encode(JSON.stringify(record)) }])

/** Imports a key: the bytes of a symmetric one, or PKCS #8. */
export function importPrivate(store: Store, send: Harness['send']) {
  const prepared = prepareWrapping(store)
  return async (name: string, type: string, key: Uint8Array, more: JsonObject = {}): Promise<void> => {
    await prepared
    const answer = await send('POST', `keys/${name}/import`, { type, ciphertext: wrappedKey(key), ...more })
    assert.equal(answer.status, 204, `${name}: ${String(answer.errors)}`)
  }
}
