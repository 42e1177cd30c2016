/** The root key under a 32-byte key that is at hand: what the Shamir seal and the key-file seal have in common. */
import { aeadKeyLength, importAeadKey, openAead, sealAead } from '../../crypto/aead.ts'
import type { Seal } from './seal.ts'

/** A seal of this type whose key is `key` (copied; the caller wipes it). A key of another length than 32 bytes opens nothing. */
export function keyWrapSeal(type: string, isAutomatic: boolean, key: Uint8Array): Seal {
  const fits = key.length === aeadKeyLength
  const wrappingKey = importAeadKey(fits ? Buffer.from(key) : Buffer.alloc(aeadKeyLength))
  const context = Buffer.from(`coffer root key ${type} 1`)
  return Object.freeze({
    type,
    isAutomatic,
    async wrap(rootKey: Uint8Array) {
      if (!fits) throw new RangeError(`a key of ${key.length} bytes cannot wrap`)
      return sealAead(wrappingKey, rootKey, context)
    },
    unwrap: async (wrapped: Uint8Array) => (fits ? openAead(wrappingKey, wrapped, context) : null),
  })
}
