/** Protection by a shared secret: password-based MAC (RFC 4211 §4.4, RFC 9481 §6.1.1). */
import { createHash, createHmac } from 'node:crypto'
import { integer, nothing, octetString, oid, sequence, tags } from '../der.ts'
import { DerError, readOid, readWhole, smallInteger } from '../der-reader.ts'

const passwordBasedMac = '1.2.840.113533.7.66.13'
const hashes: Readonly<Record<string, string>> = { '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256', '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512' }
const macs: Readonly<Record<string, string>> = { '1.3.6.1.5.5.8.1.2': 'sha1', '1.2.840.113549.2.7': 'sha1', '1.2.840.113549.2.9': 'sha256', '1.2.840.113549.2.10': 'sha384', '1.2.840.113549.2.11': 'sha512' }
/** Whoever sends a message makes the server count so far. */
const iterationsMin = 100
const iterationsMax = 5000

export interface PasswordMac {
  readonly salt: Buffer
  readonly hash: string
  readonly iterations: number
  readonly mac: string
}

/** Null for another kind of protection. Throws `DerError` for parameters that are malformed or not supported. */
export function parsePasswordMac(algorithm: Uint8Array): PasswordMac | null {
  const reader = readWhole(algorithm)
  if (readOid(reader) !== passwordBasedMac) return null
  const parameters = reader.enter()
  reader.end()
  const salt = parameters.next(tags.octetString).content
  const hash = hashes[readOid(parameters.enter())]
  const iterations = smallInteger(parameters.next(tags.integer).content)
  const mac = macs[readOid(parameters.enter())]
  parameters.end()
  if (hash === undefined || mac === undefined) throw new DerError('the algorithms of the MAC are not supported')
  if (salt.length < 8 || salt.length > 128 || iterations < iterationsMin || iterations > iterationsMax) throw new DerError(`a MAC needs a salt of 8 to 128 bytes and ${iterationsMin} to ${iterationsMax} iterations`)
  return { salt, hash, iterations, mac }
}

export function computeMac({ salt, hash, iterations, mac }: PasswordMac, secret: string, part: Uint8Array): Buffer {
  let key = createHash(hash).update(secret).update(salt).digest()
  for (let i = 1; i < iterations; i++) key = createHash(hash).update(key).digest()
  return createHmac(mac, key).update(part).digest()
}

/** What we protect with: SHA-256 in both places. */
export const newPasswordMac = (salt: Buffer): PasswordMac => ({ salt, hash: 'sha256', iterations: 1000, mac: 'sha256' })

/** AlgorithmIdentifier of a MAC of ours. */
export const writePasswordMac = ({ salt, iterations }: PasswordMac): Buffer =>
  sequence(oid(passwordBasedMac), sequence(octetString(salt), sequence(oid('2.16.840.1.101.3.4.2.1'), nothing), integer(iterations), sequence(oid('1.2.840.113549.2.9'), nothing)))
