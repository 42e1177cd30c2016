/** A tar archive of a few small files (POSIX ustar). */

export interface TarFile {
  readonly name: string
  readonly bytes: Uint8Array
}

const block = 512

/** `seconds` is the time of change of all files, since 1970. */
export function packTar(files: readonly TarFile[], seconds: number): Buffer {
  const parts = files.flatMap(({ name, bytes }) => [header(name, bytes.length, seconds), Buffer.from(bytes), padding(bytes.length)])
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

const padding = (length: number): Buffer => Buffer.alloc((block - (length % block)) % block)

function header(name: string, size: number, seconds: number): Buffer {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, at: number, length: number): number => bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
  bytes.write(name, 0, 100)
  octal(0o600, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(size, 124, 12)
  octal(seconds, 136, 12)
  bytes.write('        ', 148)
  bytes.write('0', 156)
  bytes.write('ustar\x0000', 257)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return bytes
}
