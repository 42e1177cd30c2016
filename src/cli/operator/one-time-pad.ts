/** The one-time pad under which a new root token travels: base64 of the exclusive or of token and pad. */
import { randomBytes } from 'node:crypto'
import { usageError } from '../failure.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Letters and digits, each equally likely. */
export function generatePad(length: number): string {
  let pad = ''
  const limit = 256 - (256 % alphabet.length)
  while (pad.length < length) {
    for (const byte of randomBytes(length)) if (byte < limit && pad.length < length) pad += alphabet[byte % alphabet.length]
  }
  return pad
}

/** Throws `Failure` (1) when pad and token do not fit. */
export function decodeToken(encoded: string, pad: string): string {
  const bytes = Buffer.from(encoded.trim(), 'base64')
  const key = Buffer.from(pad)
  if (bytes.length === 0 || bytes.length !== key.length) {
    const lengths = `${bytes.length} bytes, and the one-time password ${key.length}`
    throw usageError(`Error decoding root token: it has ${lengths}; they must be equal`)
  }
  return bytes.map((byte, i) => byte ^ (key[i] ?? 0)).toString()
}
