/** What certificates of CAs say, and the requests for them. */
import { authorityKeyId, basicConstraints, extKeyUsage, keyUsage, nameConstraints, subjectKeyId, type NameConstraints } from '../../crypto/x509/extensions.ts'
import type { KeyType } from '../../crypto/x509/keys.ts'
import { ipBytes, type AlternativeNames } from '../../crypto/x509/general-names.ts'
import { findAddress, formatAddress, parseCidr } from '../../kit/cidr.ts'
import { badRequest } from '../../kit/errors.ts'
import { nameExtensions, purposesOf, urlExtensions, usageBitsOf, type KeyIds } from './assemble.ts'
import { openRole } from './open-role.ts'
import type { AiaUrls } from './records.ts'
import type { Role } from './role-fields.ts'
import { encodable } from './rules.ts'

/** The fields of a request for a CA, as far as they are about its subject and signature. */
export interface CaInput {
  readonly ttl: number
  readonly organization: readonly string[]
  readonly ou: readonly string[]
  readonly country: readonly string[]
  readonly locality: readonly string[]
  readonly province: readonly string[]
  readonly street_address: readonly string[]
  readonly postal_code: readonly string[]
  readonly not_before_duration: number
}

/** The role that such a request amounts to: it decides everything itself. */
export function caRole(input: CaInput): Role {
  const { ttl, organization, ou, country, locality, province, street_address, postal_code, not_before_duration } = input
  return openRole({ ttl, organization, ou, country, locality, province, street_address, postal_code, not_before_duration })
}

export interface ConstraintInput {
  readonly permitted_dns_domains: readonly string[]
  readonly excluded_dns_domains: readonly string[]
  readonly permitted_ip_ranges: readonly string[]
  readonly excluded_ip_ranges: readonly string[]
  readonly permitted_email_addresses: readonly string[]
  readonly excluded_email_addresses: readonly string[]
  readonly permitted_uri_domains: readonly string[]
  readonly excluded_uri_domains: readonly string[]
}

/** Null where nothing is constrained. Throws `bad_request` for ranges that are none. */
export function constraintsOf(input: ConstraintInput): Buffer | null {
  const permitted = { dns: input.permitted_dns_domains, email: input.permitted_email_addresses, uri: input.permitted_uri_domains, ip: input.permitted_ip_ranges.map(rangeBytes) }
  const excluded = { dns: input.excluded_dns_domains, email: input.excluded_email_addresses, uri: input.excluded_uri_domains, ip: input.excluded_ip_ranges.map(rangeBytes) }
  const all = [permitted, excluded]
  checkDomains(all)
  const isEmpty = all.every(({ dns, email, uri, ip }) => dns.length + email.length + uri.length + ip.length === 0)
  return isEmpty ? null : nameConstraints(permitted, excluded)
}

function checkDomains(all: readonly NameConstraints[]): void {
  for (const name of all.flatMap(({ dns, email, uri }) => [...dns, ...email, ...uri])) {
    if (!/^[\x21-\x7e]+$/.test(name)) throw badRequest(`${JSON.stringify(name)} cannot stand in name constraints`)
  }
}

/** Address and mask (RFC 5280 §4.2.1.10). */
function rangeBytes(written: string): Buffer {
  const range = parseCidr(written)
  const address = ipBytes(formatAddress(range))
  const mask = Buffer.alloc(address.length)
  for (let bit = 0; bit < range.bits; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit % 8))
  for (const [i, byte] of mask.entries()) address[i] = (address[i] ?? 0) & byte
  return Buffer.concat([address, mask])
}

/** For authorities, to which no role's rules apply. Throws `bad_request` for addresses that are none, and for what no certificate can hold. */
export function checkNames(names: AlternativeNames): AlternativeNames {
  const bad = names.ip.find((address) => findAddress(address) === null || address.includes('%'))
  if (bad !== undefined) throw badRequest(`the value ${JSON.stringify(bad)} is not a valid IP address`)
  const refusal = encodable({ names })
  if (refusal !== null) throw badRequest(refusal)
  return names
}

export interface CaParts {
  readonly type: KeyType
  readonly ids: KeyIds
  readonly names: AlternativeNames
  readonly isSubjectEmpty: boolean
  readonly urls: AiaUrls
  /** Null: no limit. */
  readonly pathLength: number | null
  readonly constraints: Buffer | null
  /** Names beyond signing certificates and lists. */
  readonly keyUsage?: readonly string[] | undefined
  readonly extKeyUsage?: Pick<Role, 'ext_key_usage' | 'ext_key_usage_oids'> | undefined
}

const certSign = 5
const crlSign = 6

export function caExtensions(parts: CaParts): Buffer[] {
  const { ids, type } = parts
  const purposes = purposesOf({ server_flag: false, client_flag: false, code_signing_flag: false, email_protection_flag: false, ...(parts.extKeyUsage ?? { ext_key_usage: [], ext_key_usage_oids: [] }) })
  return [
    keyUsage([...usageBitsOf(parts.keyUsage ?? [], type), certSign, crlSign]),
    ...(purposes.length === 0 ? [] : [extKeyUsage(purposes)]),
    basicConstraints(true, parts.pathLength),
    subjectKeyId(ids.subject),
    ...(ids.authority === null ? [] : [authorityKeyId(ids.authority)]),
    ...nameExtensions(parts.names, parts.isSubjectEmpty),
    ...(parts.constraints === null ? [] : [parts.constraints]),
    ...urlExtensions(parts.urls),
  ]
}

export const pathLengthFrom = (given: number): number | null => (given < 0 ? null : given)

export const warnings = {
  noSubject: 'This issuer certificate was generated without a Subject; this makes it likely that issuing leaf certs with this certificate will cause TLS validation libraries to reject this certificate.',
  noAia: "This mount hasn't configured any authority information access (AIA) fields; this may make it harder for systems to find missing certificates in the chain or to validate revocation status of certificates. Consider updating /config/urls or the newly generated issuer with this information.",
  pathLengthZero: (which: string): string => `Max path length of the ${which} certificate is zero. This certificate cannot be used to issue intermediate CA certificates.`,
  outlivesIssuer: "The expiration time for the signed certificate is after the CA's expiration time. If the new certificate is not treated as a root, validation paths with the certificate past the issuing CA's expiration time will fail.",
} as const

export const hasNoUrls = (urls: AiaUrls): boolean => urls.issuing_certificates.length + urls.crl_distribution_points.length + urls.ocsp_servers.length === 0
