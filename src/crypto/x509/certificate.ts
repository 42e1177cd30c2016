/** X.509 certificates (RFC 5280 §4): written from parts that are encoded already, and read. */
import { createHash } from 'node:crypto'
import { bitString, explicit, integer, sequence, tags, time, unsigned } from '../der.ts'
import { DerError, type DerReader, integerBytes, readTime, readWhole, wholeBits } from '../der-reader.ts'
import { algorithmOf, isSignedBy, signBytes, type SignatureAlgorithm, type SigningKey } from './algorithms.ts'
import { extensionIds, parseAuthorityKeyId, parseBasicConstraints, parseExtensions, parseKeyId, parseKeyUsage, type ParsedExtension } from './extensions.ts'
import { findPublicKey } from './keys.ts'

const version3 = explicit(0, integer(2))

/** What a certificate says, each part as DER where nothing is named else. */
export interface CertificateParts {
  /** Big-endian. */
  readonly serial: Uint8Array
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  readonly spki: Uint8Array
  readonly extensions: readonly Uint8Array[]
}

/** A signer: the algorithm and the private key. */
export interface Signer {
  readonly algorithm: SignatureAlgorithm
  readonly key: SigningKey
}

/** 159 random bits, positive and never shorter than 20 bytes (RFC 5280 §4.1.2.2 allows at most 20; CA/B rules want 64 random bits at least). */
export function newSerial(random: (bytes: number) => Uint8Array): Buffer {
  const serial = Buffer.from(random(20))
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  return serial
}

export function writeCertificate(parts: CertificateParts, signer: Signer): Promise<Buffer> {
  const tbs = sequence(
    version3, unsigned(parts.serial), signer.algorithm.der, parts.issuer, sequence(time(parts.notBefore), time(parts.notAfter)), parts.subject, parts.spki,
    ...(parts.extensions.length === 0 ? [] : [explicit(3, sequence(...parts.extensions))]),
  )
  return signed(tbs, signer)
}

/** SEQUENCE of what is signed, the algorithm, and the signature: the outside of certificates, requests and lists. */
export async function signed(tbs: Uint8Array, { algorithm, key }: Signer): Promise<Buffer> {
  return sequence(tbs, algorithm.der, bitString(await signBytes(algorithm, key, tbs)))
}

export interface Certificate {
  readonly der: Buffer
  readonly tbs: Buffer
  /** Big-endian, without leading zeros. */
  readonly serial: Buffer
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly notBefore: number
  readonly notAfter: number
  readonly spki: Buffer
  readonly extensions: ReadonlyMap<string, ParsedExtension>
  /** AlgorithmIdentifier. */
  readonly algorithm: Buffer
  readonly signature: Buffer
}

/** Throws `DerError` for what is no certificate. */
export function parseCertificate(bytes: Uint8Array): Certificate {
  const { whole: der, tbs, algorithm, signature } = parseSigned(bytes)
  const reader = readWhole(tbs)
  const version = reader.optional(0xa0)
  const serial = trimZeros(integerBytes(reader))
  if (!reader.next(tags.sequence).whole.equals(algorithm)) throw new DerError('the two signature algorithms of a certificate differ')
  const issuer = reader.next(tags.sequence).whole
  const validity = reader.enter()
  const notBefore = readTime(validity.next())
  const notAfter = readTime(validity.next())
  validity.end()
  const subject = reader.next(tags.sequence).whole
  const spki = reader.next(tags.sequence).whole
  const extensions = readExtensions(reader)
  if (extensions.size > 0 && version === null) throw new DerError('a certificate of version 1 has extensions')
  return { der, tbs, serial, issuer, subject, notBefore, notAfter, spki, extensions, algorithm, signature }
}

function readExtensions(reader: DerReader): ReadonlyMap<string, ParsedExtension> {
  reader.optional(0xa1)
  reader.optional(0xa2)
  const list = reader.optional(0xa3)
  reader.end()
  return list === null ? new Map() : parseExtensions(readWhole(list.content))
}

const trimZeros = (bytes: Buffer): Buffer => (bytes.length > 1 && bytes[0] === 0 ? bytes.subarray(1) : bytes)

/** The three parts of something signed. */
export function parseSigned(bytes: Uint8Array): { readonly whole: Buffer; readonly tbs: Buffer; readonly algorithm: Buffer; readonly signature: Buffer } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const reader = readWhole(whole)
  const tbs = reader.next(tags.sequence).whole
  const algorithm = reader.next(tags.sequence).whole
  const signature = Buffer.from(wholeBits(reader.next(tags.bitString).content))
  reader.end()
  return { whole, tbs, algorithm, signature }
}

/** Whether the signature over `tbs` was made with the key of `spki`. False also for algorithms that are not supported. */
export function isSignedWith({ tbs, algorithm, signature }: Pick<Certificate, 'tbs' | 'algorithm' | 'signature'>, spki: Buffer): boolean {
  const known = algorithmOf(algorithm)
  const key = known === null ? null : findPublicKey(spki)
  return known !== null && key !== null && isSignedBy(known, key, tbs, signature)
}

/** Whether `issuer` made `child`: names agree and the signature is right. Validity in time is not looked at. */
export const isIssuedBy = (child: Certificate, issuer: Certificate): boolean => child.issuer.equals(issuer.subject) && isSignedWith(child, issuer.spki)
export const isSelfSigned = (certificate: Certificate): boolean => isIssuedBy(certificate, certificate)

/** Whether it may issue others: basic constraints say so, and key usage does not deny it. */
export function isCa({ extensions }: Certificate): boolean {
  const constraints = extensions.get(extensionIds.basicConstraints)
  return constraints !== undefined && parseBasicConstraints(constraints.value).isCa
}

/** Null: no limit, or no CA. */
export function pathLengthOf({ extensions }: Certificate): number | null {
  const constraints = extensions.get(extensionIds.basicConstraints)
  return constraints === undefined ? null : parseBasicConstraints(constraints.value).pathLength
}

/** The numbers of the bits of key usage; null where the certificate does not say. */
export function keyUsageOf({ extensions }: Certificate): number[] | null {
  const usage = extensions.get(extensionIds.keyUsage)
  return usage === undefined ? null : parseKeyUsage(usage.value)
}

export function subjectKeyIdOf({ extensions }: Certificate): Buffer | null {
  const found = extensions.get(extensionIds.subjectKeyId)
  return found === undefined ? null : parseKeyId(found.value)
}

export function authorityKeyIdOf({ extensions }: Certificate): Buffer | null {
  const found = extensions.get(extensionIds.authorityKeyId)
  return found === undefined ? null : parseAuthorityKeyId(found.value)
}

/** `3a:00:…`, as Vault shows serial numbers: a byte is two digits. */
export function serialText(serial: Uint8Array): string {
  let text = ''
  for (const byte of serial) text += digitsAfterColon[byte] ?? ''
  return text.slice(1)
}
const digitsAfterColon = Array.from({ length: 256 }, (_, byte) => `:${byte.toString(16).padStart(2, '0')}`)

export const fingerprint = (der: Uint8Array): string => createHash('sha256').update(der).digest('hex')
