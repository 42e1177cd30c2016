/** OpenPGP packets (RFC 9580 §4.2) and the numbers inside them, read from a key that somebody sent: every length is checked. */

/** A key that cannot be used. The message says why, and goes to whoever sent the key. */
export class OpenPgpError extends Error {
  override readonly name = 'OpenPgpError'
}

export interface Packet {
  readonly tag: number
  readonly body: Buffer
}

/** Reads fields one after the other; throws `OpenPgpError` where there are fewer bytes than a field has. */
export class Reader {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.at
  }

  take(length: number): Buffer {
    if (length > this.left) throw new OpenPgpError('it ends too early')
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  number(length: 1 | 2 | 4): number {
    return this.take(length).readUIntBE(0, length)
  }

  /** A whole number of any size (§3.2), without leading zeros. */
  mpi(): Buffer {
    return this.take(Math.ceil(this.number(2) / 8))
  }

  /** What the next octet, or the octets that it announces, give as a length (§4.2.1). */
  length(): number {
    const first = this.number(1)
    if (first < 192) return first
    if (first < 224) return ((first - 192) << 8) + this.number(1) + 192
    if (first === 255) return this.number(4)
    throw new OpenPgpError('it comes in pieces of unknown length')
  }
}

/** Throws `OpenPgpError` for bytes that are no packets. */
export function readPackets(bytes: Buffer): Packet[] {
  const reader = new Reader(bytes)
  const packets: Packet[] = []
  while (reader.left > 0) {
    const head = reader.number(1)
    if ((head & 0x80) === 0) throw new OpenPgpError('it is no OpenPGP data in binary form')
    const isNew = (head & 0x40) !== 0
    const length = isNew ? reader.length() : oldLength(reader, head & 3)
    packets.push({ tag: isNew ? head & 0x3f : (head >> 2) & 0xf, body: reader.take(length) })
  }
  return packets
}

function oldLength(reader: Reader, kind: number): number {
  if (kind === 3) throw new OpenPgpError('it has a part of unknown length')
  return reader.number([1, 2, 4][kind] as 1 | 2 | 4)
}

export const packet = (tag: number, body: Uint8Array): Buffer => Buffer.concat([Buffer.from([0xc0 | tag, 0xff]), uint32(body.length), body])

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export function mpi(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0)
  const digits = start < 0 ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start))
  const bits = digits.length === 0 ? 0 : digits.length * 8 - (Math.clz32(digits[0] as number) - 24)
  return Buffer.concat([uint16(bits), digits])
}
