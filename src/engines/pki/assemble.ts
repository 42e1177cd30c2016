/** Third phase of a certificate: its subject and extensions, out of what was wanted and judged. */
import {
  alternativeNames, authorityInfoAccess, authorityKeyId, basicConstraints, certificatePolicies, crlDistributionPoints, extKeyUsage, extKeyUsages, freshestCrl, keyUsage,
  keyUsages, subjectKeyId,
} from '../../crypto/x509/extensions.ts'
import { isEmptyNames, type AlternativeNames } from '../../crypto/x509/general-names.ts'
import type { KeyType } from '../../crypto/x509/keys.ts'
import { attributeTypes, writeName, type Attribute } from '../../crypto/x509/name.ts'
import type { Wanted } from './collect.ts'
import type { AiaUrls } from './records.ts'
import type { Role } from './role-fields.ts'
import { parsePolicy } from './role-rules.ts'

type SubjectRole = Pick<Role, 'country' | 'organization' | 'ou' | 'locality' | 'province' | 'street_address' | 'postal_code'>

/** DER of the subject. Several values of one kind stand in one set, in the order of Go's names: clients compare these bytes. */
export function subjectOf(role: SubjectRole, { commonName, serialNumber, userIds }: Pick<Wanted, 'commonName' | 'serialNumber' | 'userIds'>): Buffer {
  const set = (type: string, values: readonly string[]): Attribute[] => (values.length === 0 ? [] : [...new Set(values)].map((value) => ({ type, value })))
  const single = (type: string, value: string): Attribute[] => (value === '' ? [] : [{ type, value }])
  const sets = [
    set(attributeTypes.country, role.country),
    set(attributeTypes.organization, role.organization),
    set(attributeTypes.organizationalUnit, role.ou),
    set(attributeTypes.locality, role.locality),
    set(attributeTypes.province, role.province),
    set(attributeTypes.streetAddress, role.street_address),
    set(attributeTypes.postalCode, role.postal_code),
    single(attributeTypes.commonName, commonName),
    single(attributeTypes.serialNumber, serialNumber),
    ...userIds.map((id) => single(attributeTypes.userId, id)),
  ]
  return writeName(sets.filter((attributes) => attributes.length > 0))
}

const usageBits: ReadonlyMap<string, number> = new Map(keyUsages.map((name, bit) => [name.toLowerCase(), bit]))
/** What keys of a type cannot do: RFC 3279 §2.3.1 for RSA, RFC 8813 §3 for elliptic curves, RFC 8410 §5 for Ed25519. */
const impossible: Readonly<Record<KeyType, readonly number[]>> = { rsa: [4, 7, 8], ec: [2, 3], ed25519: [2, 3, 4, 7, 8] }

/** Numbers of the bits; names that are not known do not count, nor what the key could not do anyway. */
export const usageBitsOf = (names: readonly string[], type: KeyType): number[] =>
  names.flatMap((name) => usageBits.get(name.trim().toLowerCase().replace(/^keyusage/, '')) ?? []).filter((bit) => !impossible[type].includes(bit))

type PurposeRole = Pick<Role, 'server_flag' | 'client_flag' | 'code_signing_flag' | 'email_protection_flag' | 'ext_key_usage' | 'ext_key_usage_oids'>

/** Object identifiers of the purposes, each once. */
export function purposesOf(role: PurposeRole): string[] {
  const flags = [
    role.server_flag && 'serverauth', role.client_flag && 'clientauth', role.code_signing_flag && 'codesigning', role.email_protection_flag && 'emailprotection',
  ].filter((name) => name !== false)
  const named = [...flags, ...role.ext_key_usage].flatMap((name) => namedPurpose(name) ?? [])
  return [...new Set([...named, ...role.ext_key_usage_oids])]
}

function namedPurpose(name: string): string | null {
  const key = name.trim().toLowerCase().replace(/^extkeyusage/, '')
  return Object.hasOwn(extKeyUsages, key) ? (extKeyUsages[key] ?? null) : null
}

export interface KeyIds {
  readonly subject: Uint8Array
  /** Null where there is no issuer. */
  readonly authority: Uint8Array | null
}

/** AIA, distribution points, delta distribution points: those that are set. */
export function urlExtensions(urls: AiaUrls): Buffer[] {
  return [
    ...(urls.ocsp_servers.length + urls.issuing_certificates.length === 0 ? [] : [authorityInfoAccess(urls.ocsp_servers, urls.issuing_certificates)]),
    ...(urls.crl_distribution_points.length === 0 ? [] : [crlDistributionPoints(urls.crl_distribution_points)]),
    ...(urls.delta_crl_distribution_points.length === 0 ? [] : [freshestCrl(urls.delta_crl_distribution_points)]),
  ]
}

export const nameExtensions = (names: AlternativeNames, isSubjectEmpty: boolean): Buffer[] => (isEmptyNames(names) ? [] : [alternativeNames(names, isSubjectEmpty)])

const idExtensions = ({ subject, authority }: KeyIds): Buffer[] => [subjectKeyId(subject), ...(authority === null ? [] : [authorityKeyId(authority)])]

/** What a role says of every certificate for keys of one type: encoded once for as long as the role stays the same. */
const roleBlocks = new WeakMap<Role, Partial<Record<KeyType, readonly Buffer[]>>>()

function roleExtensions(role: Role, type: KeyType): readonly Buffer[] {
  const known = roleBlocks.get(role)?.[type]
  if (known !== undefined) return known
  const bits = usageBitsOf(role.key_usage, type)
  const purposes = purposesOf(role)
  const made = [
    ...(bits.length === 0 ? [] : [keyUsage(bits)]),
    ...(purposes.length === 0 ? [] : [extKeyUsage(purposes)]),
    ...(role.basic_constraints_valid_for_non_ca ? [basicConstraints(false, null)] : []),
    ...(role.policy_identifiers.length === 0 ? [] : [certificatePolicies(role.policy_identifiers.map(parsePolicy))]),
  ]
  roleBlocks.set(role, { ...roleBlocks.get(role), [type]: made })
  return made
}

/** Extensions of a leaf. */
export function leafExtensions(role: Role, type: KeyType, ids: KeyIds, names: AlternativeNames, isSubjectEmpty: boolean, urls: AiaUrls): Buffer[] {
  return [...roleExtensions(role, type), ...idExtensions(ids), ...nameExtensions(names, isSubjectEmpty), ...urlExtensions(urls)]
}
