/** Names as roles see them: what is a host name, what matches a pattern, which name a role allows. */
import { domainToASCII } from 'node:url'
import { isOid } from '../../crypto/der.ts'
import type { OtherName } from '../../crypto/x509/general-names.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Role } from './role-fields.ts'

const labelMax = 63
const nameMax = 253

/** A name in the form that certificates hold (RFC 5890); throws `bad_request` for labels that are empty or too long. */
export function toAscii(name: string): string {
  if (isHostname(name)) return name
  const ascii = /^[\0-\x7f]*$/.test(name) ? name : domainToASCII(name)
  const labels = ascii.replace(/\.$/, '').split('.')
  const bad = labels.find((label) => label === '' || label.length > labelMax)
  if (ascii === '' || bad !== undefined || ascii.length > nameMax + 1) throw badRequest(`idna: invalid label ${JSON.stringify(bad ?? name)}`)
  return ascii
}

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const labelShape = new RegExp(`^${label}$`)
const hostnameShape = new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*\\.?$`)

const isLabel = (text: string): boolean => labelShape.test(text)

/** Labels of letters, digits and inner hyphens; the first may be a `*`, and a dot may stand at the end. */
export const isHostname = (name: string): boolean => name.length <= nameMax + 1 && hostnameShape.test(name)

/** Whether a text fits a pattern in which each `*` stands for anything, also nothing. Linear in the length of both. */
export function matchesGlob(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === text
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= text.length - last.length
}

/** `OID;UTF8:TEXT` for each. Throws `Error`s that say what is missing. */
export function parseOtherNames(written: readonly string[]): OtherName[] {
  return written.map((one) => {
    const semicolon = one.indexOf(';')
    if (semicolon < 0) throw new Error(`expected a semicolon in other SAN ${JSON.stringify(one)}`)
    const typed = one.slice(semicolon + 1)
    const colon = typed.indexOf(':')
    if (colon < 0) throw new Error(`expected a colon in other SAN ${JSON.stringify(one)}`)
    if (!/^utf-?8$/i.test(typed.slice(0, colon))) throw new Error(`only utf8 other SANs are supported; found non-supported type in other SAN ${JSON.stringify(one)}`)
    const oid = one.slice(0, semicolon)
    if (!isOid(oid)) throw new Error(`${JSON.stringify(oid)} in other SAN is no object identifier`)
    return { oid, value: typed.slice(colon + 1) }
  })
}

/** A name cut into what is judged: the host part, and whether it had a wildcard or was an address. */
interface Cut {
  readonly host: string
  readonly isEmail: boolean
  readonly wildcard: string | null
}

function cut(name: string): Cut | null {
  const parts = name.split('@')
  if (parts.length > 2) return null
  const isEmail = parts.length === 2
  const host = parts.at(-1) ?? ''
  if (!host.includes('*')) return { host, isEmail, wildcard: null }
  const dot = host.indexOf('.')
  const label = dot < 0 ? host : host.slice(0, dot)
  const rest = dot < 0 ? '' : host.slice(dot + 1)
  // RFC 6125 §6.4.3: one wildcard, in the first label. In an address it would mean nothing.
  return isEmail || label.split('*').length !== 2 || rest.includes('*') ? null : { host: rest, isEmail, wildcard: label }
}

function isWellFormed({ host, wildcard }: Cut): boolean {
  if (host !== '' && !isConvertible(host)) return false
  return wildcard === null || wildcard === '*' || wildcard.split('*').every((part) => part === '' || isLabel(part))
}

function isConvertible(host: string): boolean {
  try {
    return isHostname(toAscii(host))
  } catch {
    return false
  }
}

/** What a role's rules are asked with. */
export interface NameContext {
  readonly displayName: string
  /** Fills identity templates, or null: see `Call.fillTemplate`. */
  readonly fill: (text: string) => string | null
}

/** Whether a role allows a DNS name or an e-mail address. */
export function isNameAllowed(role: Role, context: NameContext, name: string): boolean {
  const parts = cut(name)
  if (parts === null) return false
  if (parts.wildcard !== null && !role.allow_wildcard_certificates) return false
  if (role.enforce_hostnames && !isWellFormed(parts)) return false
  if (role.allow_any_name) return true
  return isLocalAllowed(role, parts) || isDisplayNameAllowed(role, context, name, parts) || isDomainAllowed(role, context, name, parts)
}

const isBelow = ({ host, wildcard }: Cut, domain: string): boolean => host.endsWith(`.${domain}`) || (wildcard !== null && host === domain)

const isLocalAllowed = (role: Role, parts: Cut): boolean =>
  role.allow_localhost && ['localhost', 'localdomain'].some((local) => (parts.host === local && parts.wildcard === null) || (role.allow_subdomains && isBelow(parts, local)))

function isDisplayNameAllowed(role: Role, { displayName }: NameContext, name: string, parts: Cut): boolean {
  if (!role.allow_token_displayname || displayName === '') return false
  if (name === displayName) return true
  const shown = displayName.split('@')
  return role.allow_subdomains && (isBelow(parts, displayName) || (parts.isEmail && shown.length === 2 && parts.host.endsWith(`.${shown[1]}`)))
}

function isDomainAllowed(role: Role, { fill }: NameContext, name: string, parts: Cut): boolean {
  return role.allowed_domains.some((written) => {
    const domain = role.allowed_domains_template && written.includes('{{') ? fill(written) : written
    if (domain === null || domain === '') return false
    const isSame = (text: string): boolean => text.toLowerCase() === domain.toLowerCase()
    if (role.allow_bare_domains && (isSame(name) || (parts.isEmail && isSame(parts.host)))) return true
    if (role.allow_subdomains && (isBelow(parts, domain) || (parts.wildcard !== null && isSame(parts.host)))) return true
    return role.allow_glob_domains && domain.includes('*') && matchesGlob(domain, name)
  })
}

/** Whether a role allows a common name: see `cn_validations`. */
export function isCommonNameAllowed(role: Role, context: NameContext, name: string): boolean {
  if (role.cn_validations.includes('disabled')) return true
  return isNameAllowed(role, context, name) && role.cn_validations.includes(name.includes('@') ? 'email' : 'hostname')
}

/** Whether a role allows a URI. */
export const isUriAllowed = (role: Role, { fill }: NameContext, uri: string): boolean =>
  role.allowed_uri_sans.some((written) => {
    const pattern = role.allowed_uri_sans_template && written.includes('{{') ? fill(written) : written
    return pattern !== null && matchesGlob(pattern, uri)
  })
