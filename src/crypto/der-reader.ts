/**
 * Reading DER (ITU-T X.690). Strict where ambiguity could be used against us: definite minimal lengths, nothing left over, a bound on
 * depth by construction (callers walk level by level). Whatever does not fit is a `DerError`, never anything else.
 */
import { isAscii } from 'node:buffer'
import { tags } from './der.ts'

/** Malformed input. The text says what was expected, never what stood there. */
export class DerError extends Error {
  override readonly name = 'DerError'
}

export interface Tlv {
  readonly tag: number
  readonly content: Buffer
  /** Tag, length and content. */
  readonly whole: Buffer
}

/** Reads one value after the other out of bytes that it does not copy. */
export class DerReader {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }
  /** The tag of the next value, or -1 at the end. */
  get nextTag(): number {
    return this.#bytes[this.#at] ?? -1
  }
  next(tag?: number): Tlv {
    const start = this.#at
    const found = this.#bytes[start]
    if (found === undefined) throw new DerError('the data ends too early')
    if (tag !== undefined && found !== tag) throw new DerError(`expected the tag ${tag}, found ${found}`)
    if ((found & 0x1f) === 0x1f) throw new DerError('tags of several bytes are not supported')
    const { length, head } = this.#lengthAt(start + 1)
    const from = start + 1 + head
    if (from + length > this.#bytes.length) throw new DerError('the data ends too early')
    this.#at = from + length
    return { tag: found, content: this.#bytes.subarray(from, this.#at), whole: this.#bytes.subarray(start, this.#at) }
  }
  /** The next value if it has this tag, or null. */
  optional(tag: number): Tlv | null {
    return this.nextTag === tag ? this.next(tag) : null
  }
  /** A reader for the content of the next value. */
  enter(tag: number = tags.sequence): DerReader {
    return new DerReader(this.next(tag).content)
  }
  end(): void {
    if (!this.isAtEnd) throw new DerError('there is data after the end')
  }
  /** What is left, value by value. */
  rest(): Tlv[] {
    const values: Tlv[] = []
    while (!this.isAtEnd) values.push(this.next())
    return values
  }
  #lengthAt(at: number): { readonly length: number; readonly head: number } {
    const first = this.#bytes[at]
    if (first === undefined) throw new DerError('the data ends too early')
    if (first < 0x80) return { length: first, head: 1 }
    const size = first & 0x7f
    if (size === 0 || size > 4 || at + size >= this.#bytes.length) throw new DerError('a length is malformed')
    const length = this.#bytes.readUIntBE(at + 1, size)
    if (length < 0x80 || (size > 1 && length < 2 ** (8 * (size - 1)))) throw new DerError('a length is longer than needed')
    return { length, head: 1 + size }
  }
}

/** One value that fills the bytes, and a reader for what is in it. */
export function readWhole(bytes: Uint8Array, tag: number = tags.sequence): DerReader {
  const outer = new DerReader(bytes)
  const inner = outer.enter(tag)
  outer.end()
  return inner
}

/** Identifiers that were read before, by the characters of their bytes. */
const oidTexts = new Map<string, string>()

/** The dotted form of the content of an OBJECT IDENTIFIER. */
export function oidText(content: Buffer): string {
  if (content.length > 16) return arcsText(content)
  const key = content.toString('latin1')
  let known = oidTexts.get(key)
  if (known === undefined) {
    known = arcsText(content)
    if (oidTexts.size < 200) oidTexts.set(key, known)
  }
  return known
}

function arcsText(content: Uint8Array): string {
  const arcs: bigint[] = []
  let arc = 0n
  let open = false
  for (const byte of content) {
    if (!open && byte === 0x80) throw new DerError('an object identifier is malformed')
    arc = (arc << 7n) | BigInt(byte & 0x7f)
    if (arc > 1n << 128n) throw new DerError('an object identifier is too long')
    open = (byte & 0x80) !== 0
    if (open) continue
    arcs.push(arc)
    arc = 0n
  }
  const [joint, ...rest] = arcs
  if (open || joint === undefined || arcs.length > 64) throw new DerError('an object identifier is malformed')
  const first = joint < 40n ? 0n : joint < 80n ? 1n : 2n
  return [first, joint - first * 40n, ...rest].join('.')
}

export const readOid = (reader: DerReader): string => oidText(reader.next(tags.oid).content)

/** The content of an INTEGER as it stands: two's complement, minimal. */
export function integerBytes(reader: DerReader): Buffer {
  const { content } = reader.next(tags.integer)
  const [first, second] = content
  if (first === undefined) throw new DerError('an integer is empty')
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) throw new DerError('an integer is longer than needed')
  return content
}

/** An INTEGER from 0 to 2^31-1. */
export function smallInteger(content: Uint8Array): number {
  if (content.length === 0 || content.length > 4 || (content[0] ?? 0) >= 0x80) throw new DerError('an integer is out of range')
  return content.reduce((value, byte) => value * 256 + byte, 0)
}

export function readBoolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerError('a truth value is malformed')
  return content[0] === 0xff
}

/** The bytes of a BIT STRING that has no unused bits. */
export function wholeBits(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw new DerError('a bit string does not consist of whole bytes')
  return content.subarray(1)
}

/** The numbers of the bits that are set. */
export function bitNumbers(content: Uint8Array): number[] {
  const unused = content[0] ?? 8
  if (unused > 7 || (content.length === 1 && unused > 0)) throw new DerError('a bit string is malformed')
  const bits: number[] = []
  for (let i = 0; i < (content.length - 1) * 8 - unused; i++) if ((content[1 + (i >> 3)] ?? 0) & (0x80 >> (i % 8))) bits.push(i)
  return bits
}

const timeShape = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/

/** UTCTime or GeneralizedTime in the one form that RFC 5280 allows; milliseconds since 1970. */
export function readTime({ tag, content }: Tlv): number {
  const written = content.toString('latin1')
  const century = tag === tags.utcTime ? (Number(written.slice(0, 2)) < 50 ? '20' : '19') : ''
  const parts = tag === tags.utcTime || tag === tags.generalizedTime ? timeShape.exec(century + written) : null
  if (parts === null) throw new DerError('a time is malformed')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number)
  const value = new Date(0)
  value.setUTCFullYear(year, month - 1, day)
  value.setUTCHours(hour, minute, second)
  if (value.getUTCMonth() !== month - 1 || value.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) throw new DerError('a time is malformed')
  return value.getTime()
}

/** Texts of the string types that occur in names. Throws for those that are no text. */
export function readText({ tag, content }: Tlv): string {
  if (tag === tags.utf8) return decodeUtf8(content)
  if (tag === tags.bmp) return Buffer.from(content).swap16().toString('utf16le')
  if (latin.has(tag)) return content.toString('latin1')
  throw new DerError('expected a text')
}

const latin: ReadonlySet<number> = new Set([tags.printable, tags.ia5, tags.numeric, tags.teletex])
const utf8Decoder = new TextDecoder('utf-8', { fatal: true })
function decodeUtf8(content: Buffer): string {
  if (isAscii(content)) return content.toString('latin1')
  try {
    return utf8Decoder.decode(content)
  } catch {
    throw new DerError('a text is not valid UTF-8')
  }
}
