/** The data types of SSH (RFC 4251, section 5), in which its keys, signatures and certificates are written. */

/** Something that is not what it should be. The text says what, without quoting it. */
export class SshFormatError extends Error {
  override readonly name = 'SshFormatError'
}

/** Reads one value after the other; each throws `SshFormatError` where the bytes end too early. */
export class SshReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.#take(this.#bytes.length - this.#at)
  }

  uint32(): number {
    return this.#take(4).readUInt32BE()
  }

  bytes(): Buffer {
    return this.#take(this.uint32())
  }

  text(): string {
    return this.bytes().toString('utf8')
  }

  /** A number that is not negative, big-endian and without leading zeros. */
  mpint(): Buffer {
    const written = this.bytes()
    const [first = 0, second = 0x80] = written
    if (first >= 0x80) throw new SshFormatError('a number is negative')
    if (written.length > 0 && first === 0 && second < 0x80) throw new SshFormatError('a number is not written in its shortest form')
    return first === 0 ? written.subarray(1) : written
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new SshFormatError('there is more than belongs to it')
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new SshFormatError('it ends too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function sshUint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}

export const sshString = (value: Uint8Array | string): Buffer => {
  const bytes = Buffer.from(value as string)
  return Buffer.concat([sshUint32(bytes.length), bytes])
}

/** A number that is not negative, from its big-endian bytes. */
export function sshMpint(value: Uint8Array): Buffer {
  let start = 0
  while (start < value.length && value[start] === 0) start++
  const digits = value.subarray(start)
  return sshString((digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits)
}
