/** Signatures by which the owner of a key says what its parts are for (RFC 9580 §5.2), version 4. */
import { createHash, verify } from 'node:crypto'
import { OpenPgpError, Reader, uint32 } from './packets.ts'
import { algorithms, hashNames, type PublicKey } from './public-key.ts'

export const signatureTypes = { certifications: [0x10, 0x11, 0x12, 0x13], subkey: 0x18, direct: 0x1f, keyRevocation: 0x20, subkeyRevocation: 0x28, certificationRevocation: 0x30 } as const

export interface Signature {
  readonly type: number
  readonly algorithm: number
  readonly hash: string | null
  /** Seconds since 1970. */
  readonly createdAt: number
  /** Seconds after its own making at which the signature ends; 0: never. */
  readonly lifetime: number
  /** Seconds after the making of the key at which the key ends; 0: never. */
  readonly keyLifetime: number
  /** Null: nothing is said. */
  readonly keyFlags: number | null
  /** What it signs besides its subject. */
  readonly signed: Buffer
  readonly numbers: readonly Buffer[]
}

/** Null for versions and forms that are not known here: such a signature says nothing. */
export function readSignature(body: Buffer): Signature | null {
  const reader = new Reader(body)
  if (reader.number(1) !== 4) return null
  const [type, algorithm, hashId] = [reader.number(1), reader.number(1), reader.number(1)]
  const hashed = readSubpackets(reader.take(reader.number(2)))
  if (hashed === null) return null
  const signed = body.subarray(0, reader.at)
  reader.take(reader.number(2)) // What is not signed says nothing.
  reader.take(2)
  const numbers: Buffer[] = []
  while (reader.left > 0) numbers.push(reader.mpi())
  const time = (kind: number): number => (hashed.get(kind)?.length === 4 ? (hashed.get(kind) as Buffer).readUInt32BE() : 0)
  return {
    type, algorithm, hash: hashNames.get(hashId) ?? null, createdAt: time(2), lifetime: time(3), keyLifetime: time(9), keyFlags: hashed.get(27)?.[0] ?? null, signed, numbers,
  }
}

/** Kinds of RFC 9580 §5.2.3.7 whose meaning bears on nothing here, or is read. */
const understood = new Set([2, 3, 4, 7, 9, 11, 16, 21, 22, 23, 24, 25, 26, 27, 28, 30, 33, 34, 39])

/** Null: there is something that must be understood (§5.2.3.7, the highest bit) and is not. */
function readSubpackets(bytes: Buffer): Map<number, Buffer> | null {
  const reader = new Reader(bytes)
  const found = new Map<number, Buffer>()
  while (reader.left > 0) {
    const content = reader.take(reader.length())
    const head = content[0] ?? 0
    if (head >= 0x80 && !understood.has(head & 0x7f)) return null
    found.set(head & 0x7f, content.subarray(1))
  }
  return found
}

/** Whether `by` signed this `subject` (§5.2.4), and the signature holds at `now` (seconds since 1970). */
export function isSignedBy({ key, algorithm }: PublicKey, signature: Signature, subject: Buffer, now: number): boolean {
  const { hash, signed, numbers, createdAt, lifetime } = signature
  if (key === null || hash === null || signature.algorithm !== algorithm) return false
  if (createdAt > now || (lifetime > 0 && createdAt + lifetime <= now)) return false
  const data = Buffer.concat([subject, signed, Buffer.from([4, 0xff]), uint32(signed.length)])
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = numbers
  if (algorithm === algorithms.rsa || algorithm === algorithms.rsaSign) {
    const size = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
    return verify(hash, data, key, padded(first, size))
  }
  if (algorithm === algorithms.eddsa) return verify(null, createHash(hash).update(data).digest(), key, Buffer.concat([padded(first, 32), padded(second, 32)]))
  const size = coordinateBytes.get(key.asymmetricKeyDetails?.namedCurve ?? '') ?? 0
  return verify(hash, data, { key, dsaEncoding: 'ieee-p1363' }, Buffer.concat([padded(first, size), padded(second, size)]))
}

const coordinateBytes: ReadonlyMap<string, number> = new Map([['prime256v1', 32], ['secp384r1', 48], ['secp521r1', 66]])

function padded(number: Buffer, size: number): Buffer {
  if (number.length > size) throw new OpenPgpError('a signature is longer than its key')
  return Buffer.concat([Buffer.alloc(size - number.length), number])
}
