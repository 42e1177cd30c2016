/**
 * Reading DER (ITU-T X.690). Strict where ambiguity could be used against us: definite minimal lengths, nothing left over, a bound on
 * depth by construction (callers walk level by level). Whatever does not fit is a `DerError`, never anything else.
 */
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
class DerReader {
  readonly #bytes: Buffer
  #at = 0
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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
