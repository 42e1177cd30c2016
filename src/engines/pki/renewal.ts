/** Renewals that the certificate itself asks for (RFC 7030 §4.2.2): it must be one of this mount, valid and not revoked, and nothing may be asked for but the same. */
import { isDeepStrictEqual } from 'node:util'
import { DerError } from '../../crypto/der-reader.ts'
import { parseCertificate, serialText, type Certificate } from '../../crypto/x509/certificate.ts'
import { extensionIds, parseExtKeyUsage } from '../../crypto/x509/extensions.ts'
import { noNames, parseNames, type AlternativeNames } from '../../crypto/x509/general-names.ts'
import { parseName } from '../../crypto/x509/name.ts'
import type { Transaction } from '../../kit/store.ts'
import type { CheckedRequest } from './csr.ts'
import { findIssuerOf } from './registry.ts'
import { groupOf, revoked } from './revoked.ts'

interface RenewalCall {
  readonly store: Transaction
  readonly now: number
}

function findCertificate(der: Uint8Array): Certificate | null {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (error instanceof DerError) return null
    throw error
  }
}

/** Whether the mount made it, and it may speak for its holder now. That the client has its key was proven in the handshake. */
export async function isRenewable({ store, now }: RenewalCall, der: Uint8Array): Promise<boolean> {
  const certificate = findCertificate(der)
  if (certificate === null || certificate.notBefore > now || certificate.notAfter <= now || !isForClients(certificate)) return false
  const issuer = await findIssuerOf(store, certificate)
  if (issuer === null || issuer.record.revokedAt !== null) return false
  const record = await revoked.read(store, serialText(certificate.serial))
  return record === null || record.group !== groupOf(issuer)
}

/** What names its purposes must name that of clients, or any. */
function isForClients({ extensions }: Certificate): boolean {
  const usage = extensions.get(extensionIds.extKeyUsage)
  return usage === undefined || parseExtKeyUsage(usage.value).some((id) => id === '1.3.6.1.5.5.7.3.2' || id === '2.5.29.37.0')
}

/** Why a request is no renewal of the certificate that was shown, or null. */
export async function renewalRefusal(call: RenewalCall, der: Uint8Array | null, csr: CheckedRequest): Promise<string | null> {
  const certificate = der === null ? null : findCertificate(der)
  if (der === null || certificate === null || !(await isRenewable(call, der))) return 'a renewal needs a valid certificate of this mount'
  if (!isDeepStrictEqual(parseName(certificate.subject), csr.subject)) return 'the subject of the request is not that of the certificate'
  const named = certificate.extensions.get(extensionIds.alternativeNames)
  return areSameNames(named === undefined ? { ...noNames, unknown: 0 } : parseNames(named.value), csr.names) ? null : 'the alternative names of the request are not those of the certificate'
}

type Names = AlternativeNames & { readonly unknown: number }

/** Whatever their order and their encoding. Names of kinds that are not known here cannot be compared. */
function areSameNames(one: Names, other: Names): boolean {
  const sorted = ({ dns, email, ip, uri, other: others }: Names): unknown => [dns, email, ip, uri, others.map(({ oid, value }) => `${oid} ${value}`)].map((list) => list.toSorted())
  return one.unknown + other.unknown === 0 && isDeepStrictEqual(sorted(one), sorted(other))
}
