/** Certificate requests of CMP (RFC 4211): templates, with the proof that whoever asks has the key. */
import { DerError, DerReader, integerBytes, readWhole, wholeBits } from '../der-reader.ts'
import { sequence, tagged, tags } from '../der.ts'
import { algorithmOf, isSignedBy } from '../x509/algorithms.ts'
import { extensionIds, parseExtensions } from '../x509/extensions.ts'
import { noNames, parseNames } from '../x509/general-names.ts'
import { importPublicKey } from '../x509/keys.ts'
import { parseName } from '../x509/name.ts'
import type { SigningRequest } from '../x509/request.ts'

export interface CertTemplate {
  /** Big-endian, without leading zeros. */
  readonly serial: Buffer | null
  /** DER names. */
  readonly issuer: Buffer | null
  readonly subject: Buffer | null
  readonly spki: Buffer | null
  /** SEQUENCE OF Extension. */
  readonly extensions: Buffer | null
}

export interface CertRequest {
  /** INTEGER, whole: it is sent back. */
  readonly id: Buffer
  /** `isSignatureValid` says whether possession of the key is proven. */
  readonly request: SigningRequest
}

const emptyName = sequence()

/** Tagged implicitly but for names, which are choices (RFC 4211 §5). Throws `DerError`. */
export function parseTemplate(content: Buffer): CertTemplate {
  const found = new Map<number, Buffer>()
  for (const { tag, content: value } of new DerReader(content).rest()) {
    if (found.has(tag & 0x1f)) throw new DerError('a part of the template occurs twice')
    found.set(tag & 0x1f, value)
  }
  const serial = found.get(1)
  const name = (n: number): Buffer | null => {
    const wrapped = found.get(n)
    if (wrapped === undefined) return null
    const reader = new DerReader(wrapped)
    const { whole } = reader.next(tags.sequence)
    reader.end()
    return whole
  }
  const sequenceOf = (n: number): Buffer | null => {
    const value = found.get(n)
    return value === undefined ? null : tagged(tags.sequence, value)
  }
  return { serial: serial === undefined ? null : trimmed(serial), issuer: name(3), subject: name(5), spki: sequenceOf(6), extensions: sequenceOf(9) }
}

const trimmed = (number: Buffer): Buffer => (number.length > 1 && number[0] === 0 ? number.subarray(1) : number)

/** The one request of a CertReqMessages. Throws `DerError` for none, several, or what is malformed. */
export function parseCertRequest(content: Buffer): CertRequest {
  const messages = readWhole(content)
  const message = messages.enter()
  messages.end()
  const certReq = message.next(tags.sequence)
  const proof = message.isAtEnd || message.nextTag === tags.sequence ? null : message.next()
  message.optional(tags.sequence)
  message.end()
  const reader = new DerReader(certReq.content)
  const id = reader.next(tags.integer).whole
  integerBytes(new DerReader(id))
  const template = parseTemplate(reader.next(tags.sequence).content)
  reader.optional(tags.sequence)
  reader.end()
  return { id, request: requestOf(template, certReq.whole, proof) }
}

function requestOf({ subject, spki, extensions }: CertTemplate, certReq: Buffer, proof: ReturnType<DerReader['next']> | null): SigningRequest {
  if (spki === null) throw new DerError('the template has no public key')
  const parsed = extensions === null ? new Map() : parseExtensions(readWhole(extensions))
  const names = parsed.get(extensionIds.alternativeNames)
  const publicKey = importPublicKey(spki)
  const signature = proof === null || proof.tag !== 0xa1 ? null : parseProof(proof.content)
  return {
    der: certReq, subjectDer: subject ?? emptyName, subject: parseName(subject ?? emptyName), spki, extensions: parsed,
    names: names === undefined ? { ...noNames, unknown: 0 } : parseNames(names.value), challengePassword: null, publicKey,
    async isSignatureValid() {
      const [algorithm, key] = [signature === null ? null : algorithmOf(signature.algorithm), await publicKey]
      return signature !== null && algorithm !== null && key !== null && isSignedBy(algorithm, key, certReq, signature.bytes)
    },
  }
}

/** POPOSigningKey without poposkInput: the signature is over the request itself (RFC 4211 §4.1). Null where it is over something else. */
function parseProof(content: Buffer): { readonly algorithm: Buffer; readonly bytes: Uint8Array } | null {
  const reader = new DerReader(content)
  if (reader.optional(0xa0) !== null) return null
  const algorithm = reader.next(tags.sequence).whole
  const bytes = wholeBits(reader.next(tags.bitString).content)
  reader.end()
  return { algorithm, bytes }
}

/** A certificate that was taken, or was not (RFC 4210 §5.3.18). */
export interface CertStatus {
  readonly hash: Buffer
  readonly isAccepted: boolean
}

/** The one status of a CertConfirmContent. Throws `DerError`. */
export function parseCertStatus(content: Buffer): CertStatus {
  const statuses = readWhole(content)
  const status = statuses.enter()
  statuses.end()
  const hash = status.next(tags.octetString).content
  status.next(tags.integer)
  const info = status.optional(tags.sequence)
  status.optional(0xa0)
  status.end()
  const code = info === null ? null : new DerReader(info.content).next(tags.integer).content
  return { hash, isAccepted: code === null || code.equals(Buffer.from([0])) || code.equals(Buffer.from([1])) }
}

/** The one certificate that a RevReqContent is about. Throws `DerError`. */
export function parseRevocation(content: Buffer): CertTemplate {
  const list = readWhole(content)
  const details = list.enter()
  list.end()
  return parseTemplate(details.next(tags.sequence).content)
}
