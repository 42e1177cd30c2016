/**
 * The root key under a key that never leaves a token of PKCS #11. What is kept names the key, so that the wrapping key can be changed: an older one opens what it has
 * wrapped, and what is not wrapped by the key of the configuration is wrapped anew.
 */
import { TokenError } from '../../crypto/pkcs11/errors.ts'
import { wrapMechanisms, type KeyName, type WrapMechanism, type Wrapped, type WrapTerms } from '../../crypto/pkcs11/messages.ts'
import { hashes, type HashName } from '../../crypto/pkcs11/numbers.ts'
import type { Token } from '../../crypto/pkcs11/token.ts'
import { isJsonObject } from '../../kit/fields.ts'
import type { Json } from '../../kit/json.ts'
import { parseObject } from './remote.ts'
import { SealUnreachable, type Seal } from './seal.ts'

export interface Pkcs11Seal {
  readonly token: Pick<Token, 'call'>
  readonly terms: WrapTerms
}

const type = 'pkcs11'
const context = Buffer.from('coffer root key pkcs11 1')
const bytesMax = 64 * 1024

export function pkcs11Seal({ token, terms }: Pkcs11Seal): Seal {
  return Object.freeze({
    type,
    isAutomatic: true,
    async wrap(rootKey: Uint8Array) {
      return encode(await token.call('wrap', { terms, data: rootKey, context }).catch(unreachable))
    },
    async unwrap(wrapped: Uint8Array) {
      const decoded = decode(wrapped)
      if (decoded === null) return null
      checkAcceptable(decoded, terms)
      const opened = await token.call('unwrap', { wrapped: decoded, context }).catch((error: unknown) => {
        if (error instanceof TokenError && error.failure === 'foreign') return null
        return unreachable(error)
      })
      if (opened === null) return null
      const rootKey = Buffer.from(opened)
      opened.fill(0)
      return rootKey
    },
    isCurrent(wrapped: Uint8Array) {
      const decoded = decode(wrapped)
      return decoded !== null && isSame(decoded.key, terms.key) && (terms.mechanism === null || decoded.mechanism === terms.mechanism) && isMacCurrent(decoded, terms)
    },
  })
}

/**
 * What RSA has encrypted could be from anybody who knows the public key, and which key and way it is stands in the store: whoever can write there must not be able to turn a seal
 * that proves where its data come from into one that does not. So RSA counts only where the configuration says it, or means that very key.
 */
function checkAcceptable({ key, mechanism }: Wrapped, terms: WrapTerms): void {
  const isConfigured = terms.mechanism === null ? mechanism !== 'RSA_PKCS_OAEP' || isSame(key, terms.key) : mechanism === terms.mechanism
  if (isConfigured) return
  throw new SealUnreachable(`PKCS #11: the root key is wrapped by ${mechanism}, which is not what the configuration says: to change it, name both in two blocks`)
}

/** A token that is there without the key may be the wrong one: whoever has plugged it in can change that. */
function unreachable(error: unknown): never {
  if (error instanceof TokenError) throw new SealUnreachable(`PKCS #11: ${error.message}`)
  throw error
}

const isSame = (one: KeyName, other: KeyName): boolean => one.label === other.label && one.id === other.id
const isMacCurrent = ({ mechanism, macKey }: Wrapped, terms: WrapTerms): boolean => mechanism !== 'AES_CBC_PAD' || (macKey !== null && terms.macKey !== null && isSame(macKey, terms.macKey))

function encode({ key, mechanism, macKey, oaepHash, iv, ciphertext, mac }: Wrapped): Buffer {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  return Buffer.from(JSON.stringify({ key, mechanism, mac_key: macKey, oaep_hash: oaepHash, iv: base64(iv), ciphertext: base64(ciphertext), mac: base64(mac) }))
}

/** Null for what was not written by `encode`: whoever can write to the store could have put it there. */
function decode(wrapped: Uint8Array): Wrapped | null {
  const stored = wrapped.length > bytesMax ? null : parseObject(Buffer.from(wrapped).toString('utf8'))
  const key = keyIn(stored?.['key'])
  const macKey = keyIn(stored?.['mac_key'])
  const mechanism = wrapMechanisms.find((name): name is WrapMechanism => name === stored?.['mechanism'])
  const oaepHash = stored?.['oaep_hash']
  if (key === null || mechanism === undefined || typeof oaepHash !== 'string' || !Object.hasOwn(hashes, oaepHash)) return null
  const bytes = (name: string): Buffer => Buffer.from(String(stored?.[name] ?? ''), 'base64')
  return { key, mechanism, macKey, oaepHash: oaepHash as HashName, iv: bytes('iv'), ciphertext: bytes('ciphertext'), mac: bytes('mac') }
}

function keyIn(value: Json | undefined): KeyName | null {
  if (!isJsonObject(value)) return null
  const { label, id } = value
  return typeof label === 'string' && typeof id === 'string' && /^(?:[0-9a-f]{2})*$/.test(id) && label.length + id.length > 0 ? { label, id } : null
}
