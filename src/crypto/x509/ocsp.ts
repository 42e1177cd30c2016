/** OCSP (RFC 6960): requests read, responses written and signed by the issuer itself. */
import { createHash } from 'node:crypto'
import { bitString, enumerated, explicit, generalizedTime, implicit, octetString, oid, sequence, tagged, tags } from '../der.ts'
import { DerError, DerReader, integerBytes, readOid, readWhole, type Tlv } from '../der-reader.ts'
import { signBytes } from './algorithms.ts'
import type { Signer } from './certificate.ts'
import { extension, extensionIds, parseExtensions } from './extensions.ts'
import { publicBits } from './keys.ts'

/** Which certificate is asked about: its issuer by hashes, and its serial number. */
export interface CertificateId {
  /** The whole CertID, to be repeated in the response. */
  readonly der: Buffer
  /** Name for node:crypto; null for hashes that are not known. */
  readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512' | null
  readonly issuerNameHash: Buffer
  readonly issuerKeyHash: Buffer
  /** Big-endian. */
  readonly serial: Buffer
}

export interface OcspRequest {
  readonly ids: readonly CertificateId[]
  /** The value of the nonce extension, encoded; null without one. */
  readonly nonce: Buffer | null
}

const hashes: Readonly<Record<string, CertificateId['hash']>> = {
  '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256', '2.16.840.1.101.3.4.2.2': 'sha384', '2.16.840.1.101.3.4.2.3': 'sha512',
}
const idsMax = 100
const nonceMax = 130 // RFC 9654: up to 128 bytes, in an OCTET STRING

/** Throws `DerError` for what is no request. */
export function parseOcspRequest(bytes: Uint8Array): OcspRequest {
  const outer = readWhole(bytes)
  const tbs = outer.enter()
  tbs.optional(0xa0)
  tbs.optional(0xa1)
  const ids = tbs.enter().rest().map(parseId)
  const tail = tbs.optional(0xa2)
  tbs.end()
  if (ids.length === 0 || ids.length > idsMax) throw new DerError('a request asks about nothing, or about too much')
  const nonce = tail === null ? null : (parseExtensions(readWhole(tail.content)).get(extensionIds.ocspNonce)?.value ?? null)
  if (nonce !== null && nonce.length > nonceMax) throw new DerError('a nonce is too long')
  return { ids, nonce }
}

function parseId(request: Tlv): CertificateId {
  const { whole } = new DerReader(request.content).next(tags.sequence)
  const reader = readWhole(whole)
  const algorithm = reader.enter()
  const hash = hashes[readOid(algorithm)] ?? null
  const issuerNameHash = reader.next(tags.octetString).content
  const issuerKeyHash = reader.next(tags.octetString).content
  const serial = integerBytes(reader)
  reader.end()
  return { der: whole, hash, issuerNameHash, issuerKeyHash, serial: serial.length > 1 && serial[0] === 0 ? serial.subarray(1) : serial }
}

/** Whether the id names this issuer. */
export function isIssuerOf({ hash, issuerNameHash, issuerKeyHash }: CertificateId, subject: Uint8Array, spki: Uint8Array): boolean {
  if (hash === null) return false
  const digest = (bytes: Uint8Array): Buffer => createHash(hash).update(bytes).digest()
  return digest(subject).equals(issuerNameHash) && digest(publicBits(spki)).equals(issuerKeyHash)
}

export type OcspStatus = 'good' | 'unknown' | { readonly revokedAt: number }

export interface OcspAnswers {
  readonly statuses: readonly { readonly id: CertificateId; readonly status: OcspStatus }[]
  readonly nonce: Buffer | null
  /** SHA-1 of the responder's public key. */
  readonly responderKeyHash: Uint8Array
  readonly now: number
  readonly nextUpdate: number | null
}

function statusDer(status: OcspStatus): Buffer {
  if (status === 'good') return implicit(0, new Uint8Array())
  return status === 'unknown' ? implicit(2, new Uint8Array()) : tagged(0xa1, generalizedTime(status.revokedAt))
}

const basicType = oid('1.3.6.1.5.5.7.48.1.1')

/** A successful response. */
export async function writeOcspResponse(answers: OcspAnswers, { algorithm, key }: Signer): Promise<Buffer> {
  const produced = generalizedTime(answers.now)
  const next = answers.nextUpdate === null ? [] : [explicit(0, generalizedTime(answers.nextUpdate))]
  const single = answers.statuses.map(({ id, status }) => sequence(id.der, statusDer(status), produced, ...next))
  const nonce = answers.nonce === null ? [] : [explicit(1, sequence(extension(extensionIds.ocspNonce, answers.nonce)))]
  const data = sequence(explicit(2, octetString(answers.responderKeyHash)), produced, sequence(...single), ...nonce)
  const basic = sequence(data, algorithm.der, bitString(await signBytes(algorithm, key, data)))
  return sequence(enumerated(0), explicit(0, sequence(basicType, octetString(basic))))
}

/** A refusal (RFC 6960 §4.2.1), which is not signed. */
export const ocspRefusals = {
  malformedRequest: sequence(enumerated(1)), internalError: sequence(enumerated(2)), tryLater: sequence(enumerated(3)), unauthorized: sequence(enumerated(6)),
} as const

/** The number that a response begins with: 0 is success. For tests and clients. */
export const ocspStatusOf = (response: Uint8Array): number => readWhole(response).next(tags.enumerated).content[0] ?? -1
