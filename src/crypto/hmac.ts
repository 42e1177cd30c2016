/**
 * HMAC-SHA256 of short values, many under one key. Node's `Hmac` is a stream with an object of OpenSSL behind it, which takes longer to make and to collect
 * than the two hashes that it consists of (RFC 2104, section 2): SHA-256(key ^ opad, SHA-256(key ^ ipad, value)).
 */
import { createHmac, hash } from 'node:crypto'

const blockBytes = 64
const digestBytes = 32
/** Bytes of the longest value that is hashed here; `Hmac` takes the others. */
const valueBytesMax = 4096
/** What a character of a text has at most in UTF-8, by the length that JavaScript gives it. */
const bytesPerCharacter = 3

// One for all, as nothing here waits. A value is in it only while it is hashed.
const inner = Buffer.alloc(blockBytes + valueBytesMax)
const outer = Buffer.alloc(blockBytes + digestBytes)

/** Texts are hashed as UTF-8. In hexadecimal. */
export type Hmac = (value: string | Uint8Array) => string

/** The function for a key, of which it keeps a copy. */
export function hmacOf(key: Uint8Array): Hmac {
  const block = Buffer.alloc(blockBytes)
  block.set(key.length > blockBytes ? hash('sha256', key, 'buffer') : key)
  const [innerPad, outerPad] = [block.map((byte) => byte ^ 0x36), block.map((byte) => byte ^ 0x5c)]
  return (value) => {
    if (value.length * (typeof value === 'string' ? bytesPerCharacter : 1) > valueBytesMax) return createHmac('sha256', block).update(value).digest('hex')
    inner.set(innerPad)
    outer.set(outerPad)
    const end = blockBytes + put(value)
    outer.write(hash('sha256', inner.subarray(0, end), 'binary'), blockBytes, 'binary')
    inner.fill(0, blockBytes, end)
    return hash('sha256', outer, 'hex')
  }
}

/** Answers how many bytes the value has. */
function put(value: string | Uint8Array): number {
  if (typeof value === 'string') return inner.write(value, blockBytes, 'utf8')
  inner.set(value, blockBytes)
  return value.length
}
