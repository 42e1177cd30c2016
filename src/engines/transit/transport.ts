/** Keys wrapped for transport, and the wrapping key of the mount. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { generateRsaKey } from '../../crypto/key-pairs.ts'
import { unwrapFromTransport, wrapForTransport } from '../../crypto/key-wrap.ts'
import { badRequest } from '../../kit/errors.ts'
import { path } from '../../kit/operation.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { isPostQuantum, type KeyType } from './key-types.ts'
import { privateKeyOf } from './material.ts'
import type { VersionRecord } from './records.ts'

const hashFunctions = new Set(['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512'])

/** The name of a hash function of OAEP for OpenSSL. */
export function parseHashFunction(written: string): string {
  if (!hashFunctions.has(written.toUpperCase())) throw badRequest(`unknown hash function: ${written.slice(0, 20)}`)
  return written.toLowerCase()
}

/** A version wrapped for whoever holds the RSA key `wrapping`: the bytes of symmetric keys, PKCS #8 of the others. */
export function wrapVersion(wrapping: KeyObject, type: KeyType, version: VersionRecord, hash: string): Buffer {
  if (version.secret === '') throw badRequest('a version of which only the public half is known cannot be exported')
  if (isPostQuantum(type)) throw badRequest(`there is no form in which keys of type ${type.name} are wrapped`)
  const target = type.family === 'ed25519'
    ? privateKeyOf(version, true).export({ format: 'der', type: 'pkcs8' })
    : Buffer.from(version.secret, 'base64')
  const wrapped = wrapForTransport(wrapping, target, hash)
  target.fill(0)
  return wrapped
}

interface WrappingKey {
  /** Base64 of PKCS #8. */
  readonly secret: string
}

const wrappingKeys = records<WrappingKey, []>(() => 'wrapping-key')
const wrappingBits = 4096

/** The key that keys are wrapped with on their way in: made when it is first asked for. */
async function wrappingKey(store: Transaction): Promise<KeyObject> {
  const found = await wrappingKeys.read(store)
  if (found !== null) return privateOf(found)
  const privateKey = await generateRsaKey(wrappingBits)
  wrappingKeys.write(store, { secret: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64') })
  return privateKey
}

const decoded = new WeakMap<WrappingKey, KeyObject>()
function privateOf(record: WrappingKey): KeyObject {
  const key = decoded.get(record) ?? createPrivateKey({ key: Buffer.from(record.secret, 'base64'), format: 'der', type: 'pkcs8' })
  decoded.set(record, key)
  return key
}

/** The key that was wrapped for this mount; throws a bad request when it was not. */
export async function unwrapForMount(store: Transaction, wrapped: Buffer, hash: string): Promise<Buffer> {
  if (wrapped.length <= wrappingBits / 8) throw badRequest('provided ciphertext is too short')
  // Where nobody has asked for the wrapping key yet, nothing can have been wrapped with it, and none is made for nothing.
  const found = await wrappingKeys.read(store)
  const target = found === null ? null : unwrapFromTransport(privateOf(found), wrapped, hash)
  if (target === null) throw badRequest('the ciphertext was not wrapped with the wrapping key of this mount and this hash function')
  return target
}

export const readWrappingKey = path('wrapping_key').read({
  summary: 'Show the public key with which keys are wrapped on their way in.',
  handle: async ({ store }) => ({ public_key: createPublicKey(await wrappingKey(store)).export({ format: 'pem', type: 'spki' }) }),
})
