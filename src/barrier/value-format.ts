/**
 * The sealed form of a value: [format 1][term 4][nonce 12][ciphertext][tag 16], AES-256-GCM, with format, term and key as additional data:
 * it opens only with the key of its term, and only for the place where it was written.
 */
import { aeadNonceLength, aeadOverhead, openAead, sealAead } from '../crypto/aead.ts'
import { type ApiError, internal } from '../kit/errors.ts'
import type { ActiveKey, Keyring } from './keyring.ts'

const formatVersion = 1
const headerLength = 5

/** Seals a value for its key. The encryption has been counted (`EncryptionMeter.take`). */
export function sealValue(active: ActiveKey, key: string, value: Uint8Array): Buffer {
  const sealed = sealAead(active.key, value, contextOf(formatVersion, active.term, key), headerLength)
  sealed[0] = formatVersion
  sealed.writeUInt32BE(active.term, 1)
  return sealed
}

/** The value again; null when its term is unknown here. Throws 'internal', naming the key, when it was not sealed for this key. */
export function openValue(keyring: Keyring, key: string, sealed: Uint8Array): Buffer | null {
  if (sealed.length < headerLength + aeadOverhead || sealed[0] !== formatVersion) throw tampered(key)
  const term = termOf(sealed)
  const dataKey = keyring.findKey(term)
  if (dataKey === null) return null
  const value = openAead(dataKey, sealed, contextOf(formatVersion, term, key), headerLength)
  if (value === null) throw tampered(key)
  return value
}

/** What is thrown, naming the physical key only, when the bytes there are not what was sealed for it. */
export const tampered = (key: string): ApiError =>
  internal(`the value at the physical key "${key}" cannot be opened: it was changed, moved, or sealed elsewhere`)

// Large enough for any key (`keyBytesMax`); used and done with between two awaits.
const contextSpace = Buffer.alloc(headerLength + 4_096)

function contextOf(format: number, term: number, key: string): Buffer {
  contextSpace[0] = format
  contextSpace.writeUInt32BE(term, 1)
  return contextSpace.subarray(0, headerLength + contextSpace.write(key, headerLength))
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)

/** The term of the key that sealed this. */
export const termOf = (sealed: Uint8Array): number => wordAt(sealed, 1) >>> 0

/** The nonce of a sealed value as three numbers, which compare faster than bytes. */
export type Nonce = readonly [number, number, number]

export function nonceOf(sealed: Uint8Array): Nonce {
  return [wordAt(sealed, headerLength), wordAt(sealed, headerLength + 4), wordAt(sealed, headerLength + 8)]
}

/**
 * Nonces are random and unique, so equal nonces mean that these bytes were once sealed from, or opened to, the value that the nonce was
 * kept with. Should somebody have changed the rest of them, that value is still the true one.
 */
export function isNonceOf(nonce: Nonce, sealed: Uint8Array): boolean {
  if (sealed.length < headerLength + aeadNonceLength) return false
  const [first, second, third] = nonceOf(sealed)
  return first === nonce[0] && second === nonce[1] && third === nonce[2]
}
