/** HKDF-SHA256 (RFC 5869) in its two steps, so that the first is done once for each key. Node's own refuses an `info` of more than 1024 bytes. */
import { createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const hashLength = 32
const outputMax = 255 * hashLength

/** The pseudorandom key of `secret`; without a salt, as many zeros as the hash is long stand for it. */
export function hkdfExtract(secret: Uint8Array | KeyObject, salt: Uint8Array = new Uint8Array(hashLength)): KeyObject {
  const bytes = createHmac('sha256', salt).update(secret instanceof Uint8Array ? secret : secret.export()).digest()
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/** `length` bytes, at most 8160, that only this pseudorandom key and `info` yield. */
export function hkdfExpand(pseudorandom: KeyObject, info: Uint8Array, length: number): Buffer {
  if (length > outputMax) throw new RangeError('HKDF-SHA256 yields at most 8160 bytes')
  const output = Buffer.alloc(Math.ceil(length / hashLength) * hashLength)
  let block: Uint8Array = new Uint8Array(0)
  for (let offset = 0, count = 1; offset < length; offset += hashLength, count++) {
    block = createHmac('sha256', pseudorandom).update(block).update(info).update(Uint8Array.of(count)).digest()
    output.set(block, offset)
  }
  return output.subarray(0, length)
}
