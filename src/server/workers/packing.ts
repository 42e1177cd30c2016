/** Public keys inside of what is sent between processes, which Node would send as empty objects. Everything else goes as it is. */
import { createPublicKey, KeyObject } from 'node:crypto'

class Packed {
  readonly publicKey: Buffer
  constructor(key: KeyObject) {
    if (key.type !== 'public') throw new TypeError('only public keys are sent between processes')
    this.publicKey = key.export({ type: 'spki', format: 'der' })
  }
}

/** The name of the only field of what stands for a key on its way. */
const mark = 'publicKey'
const isPacked = (value: object): value is Packed => mark in value && Object.keys(value).length === 1 && value.publicKey instanceof Uint8Array

export const packed = (value: unknown): unknown => replaced(value, (found) => (found instanceof KeyObject ? new Packed(found) : null))

export const unpacked = (value: unknown): unknown =>
  replaced(value, (found) => (isPacked(found) ? createPublicKey({ key: Buffer.from(found.publicKey), type: 'spki', format: 'der' }) : null))

/** A copy in which objects are replaced where `by` gives something else. Bytes are not looked into. */
function replaced(value: unknown, by: (found: object) => object | null): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  const other = by(value)
  if (other !== null) return other
  if (Array.isArray(value)) return value.map((item) => replaced(item, by))
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, replaced(item, by)]))
}
