/** The two forms of ECDSA signatures: the DER of Dss-Sig-Value (RFC 3279, section 2.2.3), and r and s side by side (IEEE P1363). */
import { DerError, integerBytes, readWhole } from '../../crypto/der-reader.ts'
import { sequence, unsigned } from '../../crypto/der.ts'
import { badRequest } from '../../kit/errors.ts'

/** DER out of r and s side by side. */
export const plainToDss = (plain: Uint8Array): Buffer =>
  sequence(unsigned(plain.subarray(0, plain.length / 2)), unsigned(plain.subarray(plain.length / 2)))

/** r and s of `size` bytes each out of DER; null when a number is negative or too large, which no signature is. Throws for malformed DER. */
export function dssToPlain(der: Uint8Array, size: number): Buffer | null {
  const [r, s] = readPair(der).map((content) => leftPadded(content, size))
  return r == null || s == null ? null : Buffer.concat([r, s])
}

function readPair(der: Uint8Array): Buffer[] {
  try {
    const reader = readWhole(der)
    const pair = [integerBytes(reader), integerBytes(reader)]
    reader.end()
    return pair
  } catch (error) {
    if (error instanceof DerError) throw badRequest('supplied signature is invalid')
    throw error
  }
}

function leftPadded(content: Buffer, size: number): Buffer | null {
  const [first = 0] = content
  const digits = first === 0 ? content.subarray(1) : content
  return first >= 0x80 || digits.length > size ? null : Buffer.concat([Buffer.alloc(size - digits.length), digits])
}
