/** Signed data with one signer and signed attributes (RFC 5652 §5), as SCEP has it. */
import { createHash, sign as signWith, verify as verifyWith, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { explicit, integer, nothing, octetString, oid, sequence, setOf, tagged, tags } from '../der.ts'
import { DerError, DerReader, readOid, readWhole } from '../der-reader.ts'

const signedDataType = oid('1.2.840.113549.1.7.2')
const dataType = oid('1.2.840.113549.1.7.1')
const contentTypeAttribute = '1.2.840.113549.1.9.3'
const messageDigestAttribute = '1.2.840.113549.1.9.4'

export type CmsDigest = 'sha1' | 'sha256' | 'sha384' | 'sha512'

const digests: Readonly<Record<string, CmsDigest>> = {
  '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256', '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512',
}
const digestIds: ReadonlyMap<CmsDigest, string> = new Map(Object.entries(digests).map(([id, name]) => [name, id]))

export interface SignedData {
  /** What was signed; null where nothing stands there. */
  readonly content: Buffer | null
  /** DER. */
  readonly certificates: readonly Buffer[]
  readonly digest: CmsDigest
  /** IssuerAndSerialNumber: the DER name, and the number without leading zeros. */
  readonly issuer: Buffer
  readonly serial: Buffer
  /** By type: the first value of each. */
  readonly attributes: ReadonlyMap<string, { readonly tag: number; readonly content: Buffer }>
  /** The attributes as they are signed: a SET in the order of DER, whatever order they were sent in (RFC 5652 §5.4). */
  readonly signedPart: Buffer
  readonly signature: Buffer
}

const certificatesMax = 20
const attributesMax = 50

/** The content of a ContentInfo of one type. Throws `DerError`. */
export function readContentInfo(der: Uint8Array, type: string): DerReader {
  const info = readWhole(der)
  if (readOid(info) !== type) throw new DerError('the content is of another type')
  const content = new DerReader(info.next(0xa0).content)
  info.end()
  const inner = content.enter()
  content.end()
  return inner
}

/** Throws `DerError` for what is no such message, or has another number of signers. Nothing is verified. */
export function parseSignedData(der: Uint8Array): SignedData {
  const reader = readContentInfo(der, '1.2.840.113549.1.7.2')
  reader.next(tags.integer)
  reader.next(tags.set)
  const encapsulated = reader.enter()
  readOid(encapsulated)
  const wrapped = encapsulated.optional(0xa0)
  encapsulated.end()
  const certificates = new DerReader(reader.optional(0xa0)?.content ?? Buffer.alloc(0)).rest().map(({ whole }) => whole)
  if (certificates.length > certificatesMax) throw new DerError('there are too many certificates')
  reader.optional(0xa1)
  const signers = reader.enter(tags.set)
  reader.end()
  const signer = signers.enter()
  signers.end()
  return { content: wrapped === null ? null : soleValue(wrapped.content, tags.octetString), certificates, ...parseSigner(signer) }
}

function soleValue(bytes: Buffer, tag: number): Buffer {
  const reader = new DerReader(bytes)
  const { content } = reader.next(tag)
  reader.end()
  return content
}

function parseSigner(signer: DerReader): Omit<SignedData, 'content' | 'certificates'> {
  signer.next(tags.integer)
  const sid = signer.enter()
  const issuer = sid.next(tags.sequence).whole
  const serial = sid.next(tags.integer).content
  sid.end()
  const digest = digests[readOid(signer.enter())]
  if (digest === undefined) throw new DerError('the digest algorithm is not supported')
  const attributes = signer.next(0xa0).content
  signer.next(tags.sequence)
  const signature = signer.next(tags.octetString).content
  signer.optional(0xa1)
  signer.end()
  return { digest, issuer, serial: serial.length > 1 && serial[0] === 0 ? serial.subarray(1) : serial, attributes: parseAttributes(attributes), signedPart: setOf(...new DerReader(attributes).rest().map(({ whole }) => whole)), signature }
}

function parseAttributes(content: Buffer): SignedData['attributes'] {
  const found = new Map<string, { readonly tag: number; readonly content: Buffer }>()
  const reader = new DerReader(content)
  while (!reader.isAtEnd) {
    const attribute = reader.enter()
    const id = readOid(attribute)
    const value = attribute.enter(tags.set).next()
    attribute.end()
    if (found.has(id) || found.size >= attributesMax) throw new DerError('an attribute occurs twice, or there are too many')
    found.set(id, value)
  }
  return found
}

/** Whether the holder of `key` signed these attributes, and they name the content. RSA (PKCS #1) and ECDSA. */
export function isSignedDataBy(signed: SignedData, key: KeyObject): boolean {
  const named = signed.attributes.get(messageDigestAttribute)
  const actual = createHash(signed.digest).update(signed.content ?? Buffer.alloc(0)).digest()
  if (named === undefined || named.tag !== tags.octetString || !named.content.equals(actual)) return false
  if (key.asymmetricKeyType !== 'rsa' && key.asymmetricKeyType !== 'ec') return false
  try {
    return verifyWith(signed.digest, signed.signedPart, key, signed.signature)
  } catch {
    return false
  }
}

export interface Attribute {
  readonly type: string
  /** DER. */
  readonly value: Uint8Array
}

export interface SignedDataParts {
  readonly content: Uint8Array | null
  readonly certificates: readonly Uint8Array[]
  /** DER name and big-endian number of the signer's certificate. */
  readonly issuer: Uint8Array
  readonly serial: Uint8Array
  readonly digest: CmsDigest
  readonly attributes: readonly Attribute[]
  /** RSA, PKCS #1. */
  readonly key: KeyObject
}

const rsaEncryption = sequence(oid('1.2.840.113549.1.1.1'), nothing)

const signInPool = promisify(signWith)

/** Adds content type and message digest to the attributes, and signs in the thread pool. */
export async function writeSignedData({ content, certificates, issuer, serial, digest, attributes, key }: SignedDataParts): Promise<Buffer> {
  const algorithm = sequence(oid(digestIds.get(digest) ?? ''), nothing)
  const own: readonly Attribute[] = [
    { type: contentTypeAttribute, value: dataType },
    { type: messageDigestAttribute, value: octetString(createHash(digest).update(content ?? Buffer.alloc(0)).digest()) },
  ]
  const set = setOf(...[...own, ...attributes].map(({ type, value }) => sequence(oid(type), setOf(value))))
  const signer = sequence(
    integer(1), sequence(issuer, tagged(tags.integer, (serial[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), serial]) : serial)), algorithm,
    tagged(0xa0, new DerReader(set).next().content), rsaEncryption, octetString((await signInPool(digest, set, key)) as Buffer),
  )
  const encapsulated = content === null ? sequence(dataType) : sequence(dataType, explicit(0, octetString(content)))
  return sequence(signedDataType, explicit(0, sequence(integer(1), setOf(algorithm), encapsulated, ...(certificates.length === 0 ? [] : [tagged(0xa0, ...certificates)]), setOf(signer))))
}
