/**
 * Second phase of a certificate: what the role says about what is wanted. The rules are one list, and issuing, signing and ACME all go through
 * it: a rule that held for one way in only would be none (GHSA-g892-9cqj-39fh).
 */
import { isIP } from 'node:net'
import { isAddressWithin, parseCidr } from '../../kit/cidr.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Wanted } from './collect.ts'
import { isCommonNameAllowed, isNameAllowed, isUriAllowed, matchesGlob, parseOtherNames, type NameContext } from './names.ts'
import type { Role } from './role-fields.ts'

/** Why a certificate is refused, or null. */
type Rule = (wanted: Wanted, role: Role, context: NameContext) => string | null

const commonName: Rule = ({ commonName: name }, role, context) =>
  name === '' || isCommonNameAllowed(role, context, name) ? null : `common name ${name} not allowed by this role`

const serialNumber: Rule = ({ serialNumber: number }, role) =>
  number === '' || role.allowed_serial_numbers.some((pattern) => matchesGlob(pattern, number)) ? null : `serial_number ${number} not allowed by this role`

const dnsNames: Rule = ({ names }, role, context) => {
  const bad = names.dns.find((name) => !isNameAllowed(role, context, name))
  return bad === undefined ? null : `subject alternate name ${bad} not allowed by this role`
}

const emailAddresses: Rule = ({ names }, role, context) => {
  const bad = names.email.find((name) => !isNameAllowed(role, context, name))
  return bad === undefined ? null : `email address ${bad} not allowed by this role`
}

const otherNames: Rule = ({ names }, role) => {
  if (role.allowed_other_sans.length === 1 && role.allowed_other_sans[0] === '*') return null
  const allowed = parseOtherNames(role.allowed_other_sans)
  for (const { oid, value } of names.other) {
    const patterns = allowed.filter((pattern) => pattern.oid === oid)
    if (patterns.length === 0) return `other SAN OID ${oid} not allowed by this role`
    if (!patterns.some((pattern) => matchesGlob(pattern.value, value))) return `other SAN ${value} not allowed for OID ${oid} by this role`
  }
  return null
}

const ipAddresses: Rule = ({ names, source }, role) => {
  if (names.ip.length === 0) return null
  if (!role.allow_ip_sans) return `IP Subject Alternative Names are not allowed in this role, but was provided ${source === 'csr' ? 'some via CSR' : `[${names.ip.join(' ')}]`}`
  const malformed = names.ip.find((address) => isIP(address) === 0 || address.includes('%'))
  if (malformed !== undefined) return `the value ${JSON.stringify(malformed)} is not a valid IP address`
  const ranges = role.allowed_ip_sans_cidr.map(parseCidr)
  const outside = ranges.length === 0 ? undefined : names.ip.find((address) => !isAddressWithin(ranges, address))
  return outside === undefined ? null : `the IP address ${JSON.stringify(outside)} is not allowed in this role`
}

const uris: Rule = ({ names, source }, role, context) => {
  if (names.uri.length === 0) return null
  const by = source === 'csr' ? 'via CSR' : 'via the API'
  if (role.allowed_uri_sans.length === 0) return `URI Subject Alternative Names are not allowed in this role, but were provided ${by}`
  if (names.uri.some((uri) => !isUriAllowed(role, context, uri))) return `URI Subject Alternative Names were provided ${by} which are not valid for this role`
  const bad = names.uri.find((uri) => !/^[\x21-\x7e]+$/.test(uri) || !URL.canParse(uri))
  return bad === undefined ? null : `the provided URI Subject Alternative Name ${JSON.stringify(bad)} is not a valid URI`
}

const userIds: Rule = ({ userIds: ids }, role) => {
  const isAllowed = (id: string): boolean => role.allowed_user_ids.some((pattern) => pattern.toLowerCase() === id.toLowerCase() || matchesGlob(pattern, id))
  const bad = ids.find((id) => !isAllowed(id))
  return bad === undefined ? null : `user_id ${bad} is not allowed by this role`
}

/** Names, addresses and URIs are 7-bit inside certificates (RFC 5280 §4.2.1.6); others would be cut or changed. */
export const encodable = ({ names }: Pick<Wanted, 'names'>): string | null => {
  const bad = [...names.dns, ...names.email, ...names.uri].find((name) => !/^[\x21-\x7e]+$/.test(name))
  return bad === undefined ? null : `the name ${JSON.stringify(bad)} has characters that a certificate cannot hold`
}

const rules: readonly Rule[] = Object.freeze([commonName, serialNumber, dnsNames, emailAddresses, otherNames, ipAddresses, uris, userIds, encodable])

/** Throws `bad_request` with the first refusal. */
export function checkWanted(wanted: Wanted, role: Role, context: NameContext): void {
  for (const rule of rules) {
    const refusal = rule(wanted, role, context)
    if (refusal !== null) throw badRequest(refusal)
  }
}
