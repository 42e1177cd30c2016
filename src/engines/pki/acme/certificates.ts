/** What ACME does with certificates that are there: revoking them (RFC 8555 §7.6), and saying when to renew them (RFC 9773). */
import { isEqualSecret } from '../../../crypto/keys.ts'
import { DerError } from '../../../crypto/der-reader.ts'
import { authorityKeyIdOf, parseCertificate, serialText, type Certificate } from '../../../crypto/x509/certificate.ts'
import { keyIdOf, spkiOf } from '../../../crypto/x509/keys.ts'
import type { Json } from '../../../kit/json.ts'
import type { Transaction } from '../../../kit/store.ts'
import { formatTime } from '../../../kit/time.ts'
import { findCertificate } from '../certificates.ts'
import { revokeCertificate } from '../revoke.ts'
import { revoked } from '../revoked.ts'
import { AcmeProblem, malformed } from './problem.ts'
import { owners } from './records.ts'
import { bodyOf, verifySigned, type AcmeAnswer, type Context, type Signed } from './scope.ts'

/** RFC 5280 §5.3.1, without those that mean something else than revoked. */
const reasons: ReadonlySet<number> = new Set([0, 1, 3, 4, 5, 9])

function readCertificate(raw: Json | undefined): Certificate {
  if (typeof raw !== 'string' || !/^[\w-]+$/.test(raw)) throw malformed('certificate is not base64url')
  try {
    return parseCertificate(Buffer.from(raw, 'base64url'))
  } catch (error) {
    if (error instanceof DerError) throw malformed('certificate could not be parsed')
    throw error
  }
}

export async function revokeByAcme(context: Context): Promise<AcmeAnswer> {
  const { store, now } = context.call
  const signed = await verifySigned(context, 'revoke-cert')
  const payload = bodyOf(signed.jws.payload)
  const certificate = readCertificate(payload['certificate'])
  const { reason } = payload
  if (reason !== undefined && (typeof reason !== 'number' || !reasons.has(reason))) throw new AcmeProblem('badRevocationReason', 'the reason is not one that is supported')
  const serial = serialText(certificate.serial)
  const kept = await findCertificate(store, serial)
  if (kept === null || !isEqualSecret(kept, certificate.der)) throw new AcmeProblem('malformed', 'the certificate was not issued here', 404)
  await checkRight(store, signed, certificate, serial)
  if ((await revoked.read(store, serial)) !== null) throw new AcmeProblem('alreadyRevoked', 'the certificate was revoked before')
  await revokeCertificate({ store, now }, certificate)
  return {}
}

/** The account that it was made for, or its own key. */
async function checkRight(store: Transaction, { account, key }: Signed, certificate: Certificate, serial: string): Promise<void> {
  const isOwner = account !== null && account.status === 'valid' && (await owners.read(store, serial))?.accountId === account.id
  const hasKey = account === null && keyIdOf(spkiOf(key.key)).equals(keyIdOf(certificate.spki))
  if (!isOwner && !hasKey) throw new AcmeProblem('unauthorized', 'the request was signed neither by the account of the certificate nor by its key')
}

const windowShare = 1 / 3
const retryAfterSeconds = 21_600

/** The last third of a certificate's life, or at once when it was revoked. */
export async function renewalInfo({ call }: Context, id: string): Promise<AcmeAnswer> {
  const [authority = '', number = ''] = id.split('.')
  const serial = serialText(trimmed(Buffer.from(number, 'base64url')))
  const der = await findCertificate(call.store, serial)
  const certificate = der === null ? null : parseCertificate(der)
  const isSame = certificate !== null && authorityKeyIdOf(certificate)?.toString('base64url') === authority.replaceAll('=', '')
  if (certificate === null || !isSame) throw new AcmeProblem('malformed', 'the certificate was not issued here', 404)
  const { notBefore, notAfter } = certificate
  const isRevoked = (await revoked.read(call.store, serial)) !== null
  const start = isRevoked ? call.now - 2000 : notAfter - (notAfter - notBefore) * windowShare
  const end = isRevoked ? call.now - 1000 : notAfter - ((notAfter - notBefore) * windowShare) / 2
  return { body: { suggestedWindow: { start: formatTime(Math.floor(start)), end: formatTime(Math.floor(end)) } }, headers: [['Retry-After', `${retryAfterSeconds}`]] }
}

const trimmed = (bytes: Buffer): Buffer => (bytes.length > 1 && bytes[0] === 0 ? bytes.subarray(1) : bytes)
