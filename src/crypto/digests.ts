/** Hash functions by the names that Vault's API gives them. */
import { createHash } from 'node:crypto'

/** A hash function: its name for OpenSSL, and what it yields. */
export interface Digest {
  readonly name: string
  readonly bytes: number
  /** What PKCS #1 (RFC 8017, section 9.2) puts in front of the hash: the DER of DigestInfo without the hash. */
  readonly infoPrefix: Buffer
}

// 2.16.840.1.101.3.4.2: the NIST arc of hash functions; the last number follows.
const nist = '06096086480165030402'
const digest = (name: string, bytes: number, oid: string): Digest => {
  const algorithm = Buffer.from(`${oid}0500`, 'hex')
  const inner = Buffer.concat([Buffer.from([0x30, algorithm.length]), algorithm, Buffer.from([0x04, bytes])])
  return Object.freeze({ name, bytes, infoPrefix: Buffer.concat([Buffer.from([0x30, inner.length + bytes]), inner]) })
}

/** SHA-1 and the SHA-2 and SHA-3 families. */
export const digests: ReadonlyMap<string, Digest> = new Map([
  ['sha1', digest('sha1', 20, '06052b0e03021a')],
  ['sha2-224', digest('sha224', 28, `${nist}04`)],
  ['sha2-256', digest('sha256', 32, `${nist}01`)],
  ['sha2-384', digest('sha384', 48, `${nist}02`)],
  ['sha2-512', digest('sha512', 64, `${nist}03`)],
  ['sha3-224', digest('sha3-224', 28, `${nist}07`)],
  ['sha3-256', digest('sha3-256', 32, `${nist}08`)],
  ['sha3-384', digest('sha3-384', 48, `${nist}09`)],
  ['sha3-512', digest('sha3-512', 64, `${nist}0a`)],
])

export const hashOf = (name: string, input: Uint8Array): Buffer => createHash(name).update(input).digest()
