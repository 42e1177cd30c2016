/** Writing DER (ITU-T X.690): each function gives the whole encoding, tag and length included, of one value. */

/** Universal tags that are read and written here; constructed ones with their bit set (X.690 §8.1.2). */
export const tags = {
  integer: 0x02, bitString: 0x03, null: 0x05, oid: 0x06, sequence: 0x30,
} as const

/** A value under any tag. `content` may come in pieces. */
function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of content) length += part.length
  const head = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : length < 0x1000000 ? 5 : 6
  const out = Buffer.allocUnsafe(head + length)
  out[0] = tag
  if (head === 2) out[1] = length
  else {
    out[1] = 0x80 | (head - 2)
    out.writeUIntBE(length, 2, head - 2)
  }
  let at = head
  for (const part of content) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => tagged(tags.sequence, ...content)
/** A BIT STRING of whole bytes. */
export const bitString = (content: Uint8Array): Buffer => tagged(tags.bitString, noUnusedBits, content)
export const nothing = Buffer.from([tags.null, 0])
/** `[n]` with the value inside (X.680 §31). */
export const explicit = (n: number, ...content: readonly Uint8Array[]): Buffer => tagged(0xa0 | n, ...content)
const noUnusedBits = Uint8Array.of(0)

/** An INTEGER out of an unsigned big-endian number: zeros in front are taken away, one is put there where the sign bit would be set. */
export function unsigned(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const trimmed = bytes.subarray(start)
  if (trimmed.length === 0) return tagged(tags.integer, Uint8Array.of(0))
  return (trimmed[0] ?? 0) & 0x80 ? tagged(tags.integer, Uint8Array.of(0), trimmed) : tagged(tags.integer, trimmed)
}

/** An INTEGER that is not negative. */
export function integer(value: number | bigint): Buffer {
  const hex = value.toString(16)
  return unsigned(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'))
}

/** Object identifiers from their dotted form; throws an `Error` for what is none. */
export function oid(dotted: string): Buffer {
  if (!isOid(dotted)) throw new Error(`"${dotted}" is no object identifier`)
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt)
  return tagged(tags.oid, Uint8Array.from([first * 40n + second, ...rest].flatMap(base128)))
}

/** Whether a text is the dotted form of an object identifier: two arcs or more, the first 0 to 2, the second below 40 under 0 and 1. */
function isOid(dotted: string): boolean {
  if (dotted.length > 256 || !/^[0-2](?:\.(?:0|[1-9]\d{0,38}))+$/.test(dotted)) return false
  return dotted.startsWith('2') || Number(dotted.split('.')[1]) < 40
}

function base128(arc: bigint): number[] {
  const digits = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 0x7fn) | 0x80)
  return digits
}
