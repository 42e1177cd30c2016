/** The messages of the Certificate Management Protocol (RFC 4210 §5.1, RFC 9810): header, body, protection. */
import { bitString, explicit, generalizedTime, integer, octetString, oid, sequence, nothing, tags } from '../der.ts'
import { DerError, DerReader, readOid, readTime, readWhole, smallInteger, wholeBits } from '../der-reader.ts'

/** Tags of PKIBody that are known here (RFC 4210 §5.1.2). */
export const bodies = { ir: 0, ip: 1, cr: 2, cp: 3, p10cr: 4, kur: 7, kup: 8, rr: 11, rp: 12, pkiconf: 19, error: 23, certConf: 24 } as const
export type BodyName = keyof typeof bodies

export interface CmpMessage {
  readonly version: number
  /** GeneralNames, whole. */
  readonly sender: Buffer
  readonly recipient: Buffer
  /** Milliseconds since 1970. */
  readonly time: number | null
  /** AlgorithmIdentifier. */
  readonly protectionAlgorithm: Buffer | null
  readonly senderKeyId: Buffer | null
  readonly transactionId: Buffer
  readonly senderNonce: Buffer
  readonly recipientNonce: Buffer | null
  /** The client goes without confirming (RFC 4210 §5.1.1.1). */
  readonly wantsImplicitConfirm: boolean
  /** The number of the choice. */
  readonly body: number
  readonly content: Buffer
  /** What is protected: header and body. */
  readonly protectedPart: Buffer
  readonly protection: Buffer | null
  /** DER. */
  readonly certificates: readonly Buffer[]
}

const certificatesMax = 20
const nonceMax = 64
const implicitConfirm = '1.3.6.1.5.5.7.4.13'

/** Throws `DerError` for what is no such message. Nothing is verified. */
export function parseCmpMessage(der: Uint8Array): CmpMessage {
  const reader = readWhole(der)
  const header = reader.next(tags.sequence)
  const body = reader.next()
  if ((body.tag & 0xe0) !== 0xa0) throw new DerError('the body of the message is malformed')
  const protection = reader.optional(0xa0)
  const extra = reader.optional(0xa1)
  reader.end()
  const certificates = extra === null ? [] : readWhole(extra.content).rest().map(({ whole }) => whole)
  if (certificates.length > certificatesMax) throw new DerError('there are too many certificates')
  return {
    ...parseHeader(new DerReader(header.content)), body: body.tag & 0x1f, content: body.content, protectedPart: sequence(header.whole, body.whole), certificates,
    protection: protection === null ? null : Buffer.from(wholeBits(sole(protection.content, tags.bitString))),
  }
}

function sole(bytes: Buffer, tag: number): Buffer {
  const reader = new DerReader(bytes)
  const { content } = reader.next(tag)
  reader.end()
  return content
}

type Header = Pick<CmpMessage, 'version' | 'sender' | 'recipient' | 'time' | 'protectionAlgorithm' | 'senderKeyId' | 'transactionId' | 'senderNonce' | 'recipientNonce' | 'wantsImplicitConfirm'>

function parseHeader(header: DerReader): Header {
  const version = smallInteger(header.next(tags.integer).content)
  const sender = header.next().whole
  const recipient = header.next().whole
  const time = header.optional(0xa0)
  const algorithm = header.optional(0xa1)
  const senderKeyId = bytesOf(header, 0xa2, 256)
  bytesOf(header, 0xa3, 256)
  const transactionId = bytesOf(header, 0xa4, nonceMax)
  const senderNonce = bytesOf(header, 0xa5, nonceMax)
  const recipientNonce = bytesOf(header, 0xa6, nonceMax)
  header.optional(0xa7)
  const info = header.optional(0xa8)
  header.end()
  if (transactionId === null || senderNonce === null) throw new DerError('a message needs a transaction and a nonce')
  return {
    version, sender, recipient, time: time === null ? null : readTime(new DerReader(time.content).next()), protectionAlgorithm: algorithm?.content ?? null,
    senderKeyId, transactionId, senderNonce, recipientNonce, wantsImplicitConfirm: info !== null && hasImplicitConfirm(info.content),
  }
}

function bytesOf(header: DerReader, tag: number, most: number): Buffer | null {
  const found = header.optional(tag)
  const bytes = found === null ? null : sole(found.content, tags.octetString)
  if (bytes !== null && bytes.length > most) throw new DerError('a value of the header is too long')
  return bytes
}

const hasImplicitConfirm = (info: Buffer): boolean => readWhole(info).rest().some(({ content }) => readOid(new DerReader(content)) === implicitConfirm)

export interface CmpAnswer {
  readonly to: CmpMessage
  /** DER name of the sender. */
  readonly sender: Uint8Array
  readonly now: number
  readonly nonce: Uint8Array
  readonly body: BodyName
  /** What stands inside the tag of the choice. */
  readonly content: Uint8Array
  readonly isConfirmed: boolean
  readonly certificates: readonly Uint8Array[]
}

export interface Protector {
  /** AlgorithmIdentifier. */
  readonly algorithm: Uint8Array
  readonly keyId: Uint8Array
  readonly protect: (part: Uint8Array) => Uint8Array | Promise<Uint8Array>
}

export async function writeCmpMessage({ to, sender, now, nonce, body, content, isConfirmed, certificates }: CmpAnswer, protector: Protector): Promise<Buffer> {
  const header = sequence(
    integer(to.version), explicit(4, sender), to.sender, explicit(0, generalizedTime(now)), explicit(1, protector.algorithm), explicit(2, octetString(protector.keyId)),
    explicit(4, octetString(to.transactionId)), explicit(5, octetString(nonce)), explicit(6, octetString(to.senderNonce)),
    ...(isConfirmed ? [explicit(8, sequence(sequence(oid(implicitConfirm), nothing)))] : []),
  )
  const written = explicit(bodies[body], content)
  const protection = await protector.protect(sequence(header, written))
  return sequence(header, written, explicit(0, bitString(protection)), ...(certificates.length === 0 ? [] : [explicit(1, sequence(...certificates))]))
}
