/** Writing DER (ITU-T X.690): each function gives the whole encoding, tag and length included, of one value. */

/** Universal tags that are read and written here; constructed ones with their bit set (X.690 §8.1.2). */
export const tags = {
  boolean: 0x01, integer: 0x02, bitString: 0x03, octetString: 0x04, null: 0x05, oid: 0x06, enumerated: 0x0a, utf8: 0x0c, sequence: 0x30, set: 0x31,
  numeric: 0x12, printable: 0x13, teletex: 0x14, ia5: 0x16, utcTime: 0x17, generalizedTime: 0x18, universal: 0x1c, bmp: 0x1e,
} as const

/** A value under any tag. `content` may come in pieces. */
export function tagged(tag: number, ...content: readonly Uint8Array[]): Buffer {
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
/** SET OF: the encodings in ascending order (X.690 §11.6). */
export const setOf = (...content: readonly Uint8Array[]): Buffer => tagged(tags.set, ...content.toSorted(Buffer.compare))
export const octetString = (content: Uint8Array): Buffer => tagged(tags.octetString, content)
/** A BIT STRING of whole bytes. */
export const bitString = (content: Uint8Array): Buffer => tagged(tags.bitString, noUnusedBits, content)
export const boolean = (value: boolean): Buffer => tagged(tags.boolean, Uint8Array.of(value ? 0xff : 0))
export const nothing = Buffer.from([tags.null, 0])
export const utf8 = (text: string): Buffer => tagged(tags.utf8, Buffer.from(text))
export const ia5 = (text: string): Buffer => tagged(tags.ia5, Buffer.from(text, 'latin1'))
export const printable = (text: string): Buffer => tagged(tags.printable, Buffer.from(text, 'latin1'))
/** `[n]` with the value inside (X.680 §31). */
export const explicit = (n: number, ...content: readonly Uint8Array[]): Buffer => tagged(0xa0 | n, ...content)
/** `[n] IMPLICIT` of a primitive type. */
export const implicit = (n: number, content: Uint8Array): Buffer => tagged(0x80 | n, content)

const noUnusedBits = Uint8Array.of(0)

/** A BIT STRING of named bits: bit 0 is the first; zeros at the end are left out (X.690 §11.2.2). */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(-1, ...bits)
  const content = new Uint8Array(1 + Math.ceil((highest + 1) / 8))
  content[0] = highest < 0 ? 0 : 7 - (highest % 8)
  for (const bit of bits) content[1 + (bit >> 3)] = (content[1 + (bit >> 3)] ?? 0) | (0x80 >> (bit % 8))
  return tagged(tags.bitString, content)
}

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

export const enumerated = (value: number): Buffer => tagged(tags.enumerated, Uint8Array.of(value))

/** Object identifiers from their dotted form; throws an `Error` for what is none. */
export function oid(dotted: string): Buffer {
  if (!isOid(dotted)) throw new Error(`"${dotted}" is no object identifier`)
  const [first = 0n, second = 0n, ...rest] = dotted.split('.').map(BigInt)
  return tagged(tags.oid, Uint8Array.from([first * 40n + second, ...rest].flatMap(base128)))
}

/** Whether a text is the dotted form of an object identifier: two arcs or more, the first 0 to 2, the second below 40 under 0 and 1. */
export function isOid(dotted: string): boolean {
  if (dotted.length > 256 || !/^[0-2](?:\.(?:0|[1-9]\d{0,38}))+$/.test(dotted)) return false
  return dotted.startsWith('2') || Number(dotted.split('.')[1]) < 40
}

function base128(arc: bigint): number[] {
  const digits = [Number(arc & 0x7fn)]
  for (let rest = arc >> 7n; rest > 0n; rest >>= 7n) digits.unshift(Number(rest & 0x7fn) | 0x80)
  return digits
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 §4.1.2.5). Seconds; fractions are cut. */
export function time(milliseconds: number): Buffer {
  const digits = timeDigits(milliseconds)
  const year = Number(digits.slice(0, 4))
  return year >= 1950 && year < 2050 ? tagged(tags.utcTime, Buffer.from(digits.slice(2), 'latin1')) : generalizedTime(milliseconds)
}

export const generalizedTime = (milliseconds: number): Buffer => tagged(tags.generalizedTime, Buffer.from(timeDigits(milliseconds), 'latin1'))

function timeDigits(milliseconds: number): string {
  const at = new Date(milliseconds)
  const year = at.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) throw new RangeError('a time is before the year 0 or after the year 9999')
  const [month, day, hour, minute, second] = [at.getUTCMonth() + 1, at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
  return `${String(year).padStart(4, '0')}${twoDigits(month)}${twoDigits(day)}${twoDigits(hour)}${twoDigits(minute)}${twoDigits(second)}Z`
}

const twoDigits = (value: number): string => (value < 10 ? `0${value}` : `${value}`)
