/** Tar archives (POSIX ustar) of plain files, packed, and taken apart as they come. */

export interface TarFile {
  readonly name: string
  readonly bytes: Uint8Array
}

const block = 512
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** `seconds` is the time of change of all files, since 1970. */
export const packTar = (files: readonly TarFile[], seconds: number): Uint8Array =>
  joined([...files.flatMap((file) => packFile(file, seconds)), tarEnd])

export const tarEnd = new Uint8Array(2 * block)

export const packFile = ({ name, bytes }: TarFile, seconds: number): readonly Uint8Array[] => [header(name, bytes.length, seconds), bytes, new Uint8Array(padding(bytes.length))]

const padding = (length: number): number => (block - (length % block)) % block

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function header(name: string, size: number, seconds: number): Uint8Array {
  const bytes = new Uint8Array(block)
  const text = (value: string, at: number): void => bytes.set(encoder.encode(value), at)
  const octal = (value: number, at: number, length: number): void => text(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
  text(name.slice(0, 100), 0)
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(seconds, 136, 12)
  text('        ', 148)
  text('0', 156)
  text('ustar\x0000', 257)
  text(`${checksum(bytes).toString(8).padStart(6, '0')}\0 `, 148)
  return bytes
}

/** Of a header whose own place for it holds blanks. */
const checksum = (bytes: Uint8Array): number => bytes.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0)

/** Gives the files one after the other, each whole. Throws what `damaged` makes for an archive that is none, ends too early, goes on after its end, or holds a file of more than `fileMax` bytes. */
export async function* readTar(source: AsyncIterable<Uint8Array>, fileMax: number, damaged: (why: string) => Error): AsyncGenerator<TarFile> {
  const queue = new ByteQueue(source[Symbol.asyncIterator]())
  const take = async (length: number): Promise<Uint8Array> => {
    const bytes = await queue.take(length)
    if (bytes === null) throw damaged('it ends too early')
    return bytes
  }
  for (;;) {
    const head = await take(block)
    if (head.every((byte) => byte === 0)) break
    const file = parseHeader(head)
    if (file === null) throw damaged('it is not made of the parts that it should have')
    if (file.size > fileMax) throw damaged('a part of it is too large')
    const bytes = await take(file.size)
    await take(padding(file.size))
    yield { name: file.name, bytes }
  }
  if (!(await take(block)).every((byte) => byte === 0) || (await queue.take(1)) !== null) throw damaged('something follows after its end')
}

function parseHeader(head: Uint8Array): { readonly name: string; readonly size: number } | null {
  const text = (at: number, length: number): string => decoder.decode(head.subarray(at, at + length)).replace(/[\0 ].*$/s, '')
  const [size, sum] = [text(124, 12), text(148, 8)]
  if (!/^[0-7]+$/.test(size) || !/^[0-7]+$/.test(sum) || Number.parseInt(sum, 8) !== checksum(head) || text(156, 1) !== '0') return null
  return { name: text(0, 100), size: Number.parseInt(size, 8) }
}

class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>
  #parts: Uint8Array[] = []
  #length = 0

  constructor(source: AsyncIterator<Uint8Array>) {
    this.#source = source
  }

  /** So many bytes; null: there are fewer. */
  async take(length: number): Promise<Uint8Array | null> {
    while (this.#length < length) {
      const next = await this.#source.next()
      if (next.done === true) return null
      this.#parts.push(next.value)
      this.#length += next.value.length
    }
    const whole = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : joined(this.#parts)
    this.#parts = whole.length > length ? [whole.subarray(length)] : []
    this.#length -= length
    return whole.subarray(0, length)
  }
}
