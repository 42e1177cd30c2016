/** The messages of SCEP (RFC 8894 §3): signed data around enveloped data around a request or certificates. */
import type { KeyObject } from 'node:crypto'
import { DerError } from '../../../crypto/der-reader.ts'
import { octetString, printable, tags } from '../../../crypto/der.ts'
import { isSignedDataBy, parseSignedData, writeSignedData, type Attribute, type SignedData } from '../../../crypto/cms/signed-data.ts'
import { parseCertificate, type Certificate } from '../../../crypto/x509/certificate.ts'
import { findPublicKey } from '../../../crypto/x509/keys.ts'

const attributeIds = {
  messageType: '2.16.840.1.113733.1.9.2', pkiStatus: '2.16.840.1.113733.1.9.3', failInfo: '2.16.840.1.113733.1.9.4', senderNonce: '2.16.840.1.113733.1.9.5',
  recipientNonce: '2.16.840.1.113733.1.9.6', transactionId: '2.16.840.1.113733.1.9.7',
} as const

/** RFC 8894 §3.2.1.2. */
export const messageTypes = { certRep: '3', renewalReq: '17', pkcsReq: '19', certPoll: '20' } as const
/** RFC 8894 §3.2.1.4. */
export const failures = { badAlg: '0', badMessageCheck: '1', badRequest: '2', badTime: '3', badCertId: '4' } as const
export type Failure = keyof typeof failures

export interface PkiMessage {
  readonly type: string
  readonly transactionId: string
  readonly senderNonce: Buffer
  readonly signed: SignedData
  /** Whose key signed, as the message says it; not trusted for anything but that. */
  readonly signer: Certificate
  readonly signerKey: KeyObject
}

/** Throws `DerError` for what is no such message, or is not signed by the certificate that it names. */
export function parsePkiMessage(der: Uint8Array): PkiMessage {
  const signed = parseSignedData(der)
  const signer = signed.certificates.map(parseCertificate).find(({ issuer, serial }) => issuer.equals(signed.issuer) && serial.equals(signed.serial))
  const signerKey = signer === undefined ? null : findPublicKey(signer.spki)
  if (signer === undefined || signerKey === null) throw new DerError('the certificate of the signer is not in the message')
  if (!isSignedDataBy(signed, signerKey)) throw new DerError('the signature of the message is not valid')
  const transactionId = textOf(signed, attributeIds.transactionId)
  const nonce = signed.attributes.get(attributeIds.senderNonce)
  if (nonce === undefined || nonce.tag !== tags.octetString || nonce.content.length > 64) throw new DerError('the nonce of the sender is missing')
  return { type: textOf(signed, attributeIds.messageType), transactionId, senderNonce: nonce.content, signed, signer, signerKey }
}

function textOf({ attributes }: SignedData, id: string): string {
  const value = attributes.get(id)
  if (value === undefined || (value.tag !== tags.printable && value.tag !== tags.utf8) || value.content.length > 256) throw new DerError('an attribute of the message is missing')
  const text = value.content.toString('latin1')
  if (!/^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text)) throw new DerError('an attribute of the message is no PrintableString')
  return text
}

export interface Responder {
  readonly issuer: Certificate
  readonly key: KeyObject
}

/** The answer to a message: what is enclosed, or why nothing is. */
export function writeCertRep({ transactionId, senderNonce, signed }: PkiMessage, { issuer, key }: Responder, nonce: Uint8Array, result: { readonly envelope: Buffer } | { readonly failure: Failure }): Promise<Buffer> {
  const outcome: Attribute[] = 'failure' in result
    ? [{ type: attributeIds.pkiStatus, value: printable('2') }, { type: attributeIds.failInfo, value: printable(failures[result.failure]) }]
    : [{ type: attributeIds.pkiStatus, value: printable('0') }]
  return writeSignedData({
    content: 'failure' in result ? null : result.envelope,
    certificates: [issuer.der],
    issuer: issuer.issuer, serial: issuer.serial, key,
    digest: signed.digest === 'sha1' ? 'sha256' : signed.digest,
    attributes: [
      { type: attributeIds.messageType, value: printable(messageTypes.certRep) }, { type: attributeIds.transactionId, value: printable(transactionId) },
      { type: attributeIds.senderNonce, value: octetString(nonce) }, { type: attributeIds.recipientNonce, value: octetString(senderNonce) }, ...outcome,
    ],
  })
}
