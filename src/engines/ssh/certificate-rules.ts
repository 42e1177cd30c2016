/** What a role makes of a request for a certificate. Each function throws `bad_request` for what the role does not allow. */
import { createHash } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import type { Call, MountView } from '../../kit/operation.ts'
import { itemsOf, type CaRole } from './records.ts'

type Texts = Readonly<Record<string, string>>
type Fill = Call<unknown, unknown>['fillTemplate']

/** OpenSSH reads no certificate with more (`SSHKEY_CERT_MAX_PRINCIPALS`). */
const principalsMax = 256
/** Of everything in a certificate that the caller writes. sshd reads no key of more than 256 KiB. */
const textBytesMax = 65_536

export function checkType(role: CaRole, type: string): 'user' | 'host' {
  if (type !== 'user' && type !== 'host') throw badRequest("cert_type must be either 'user' or 'host'")
  if (!(type === 'user' ? role.allow_user_certificates : role.allow_host_certificates)) throw badRequest(`cert_type '${type}' is not allowed by role`)
  return type
}

/** Names may have been chosen by whom they name, so a comma in them makes no second principal; metadata of entities and groups are the operators'. */
const mayBePrincipal = (value: string, selector: string): boolean => !value.includes(',') || /^identity\.(?:entity|groups\.(?:ids|names)\.[^.]+)\.metadata\./.test(selector)

/** Templates that cannot be filled in for this caller allow nobody. */
const filledItems = (list: string, isTemplate: boolean, fill: Fill): string[] =>
  isTemplate ? itemsOf(list).flatMap((item) => itemsOf(fill(item, mayBePrincipal) ?? '')) : itemsOf(list)

function defaultUser(role: CaRole, fill: Fill): string {
  if (!role.default_user_template) return role.default_user
  const filled = fill(role.default_user, mayBePrincipal)
  if (filled === null) throw badRequest('default_user of the role is a template that cannot be filled in for this caller')
  return filled
}

export function principalsFor(role: CaRole, type: 'user' | 'host', asked: string | undefined, fill: Fill): readonly string[] {
  const isUser = type === 'user'
  const wanted = [...new Set(itemsOf(asked ?? (isUser ? defaultUser(role, fill) : '')))]
  // CVE-2024-7594: a certificate that names nobody lets its holder be anybody.
  if (wanted.length === 0 && role.allow_empty_principals) return []
  if (wanted.length === 0) throw badRequest('refusing to issue unsafe, globally-valid certificate with no principals specified; set valid_principals or default_user')
  if (wanted.length > principalsMax) throw badRequest(`valid_principals has more than ${principalsMax} names`)
  const list = isUser ? role.allowed_users : role.allowed_domains
  if (list === '*') return wanted
  const allowed = filledItems(list, isUser ? role.allowed_users_template : role.allowed_domains_template, fill)
  if (allowed.length === 0) throw badRequest('role is not configured to allow any principals')
  const isAllowed = isUser ? (name: string) => allowed.includes(name) : (name: string) => isHostWithin(role, allowed, name)
  const wrong = wanted.find((name) => !isAllowed(name))
  if (wrong !== undefined) throw badRequest(`${wrong} is not a valid value for valid_principals`)
  return wanted
}

const isHostWithin = (role: CaRole, domains: readonly string[], name: string): boolean =>
  domains.some((domain) => (role.allow_bare_domains && name === domain) || (role.allow_subdomains && name.endsWith(`.${domain}`)))

/** Seconds. A lifetime that is asked for is never cut: it is granted or refused. */
export function lifetimeFor(role: CaRole, asked: number | undefined, mount: Pick<MountView, 'defaultLeaseSeconds' | 'maxLeaseSeconds'>): number {
  const longest = role.max_ttl === 0 ? mount.maxLeaseSeconds : role.max_ttl
  const wanted = (asked ?? role.ttl) || mount.defaultLeaseSeconds
  if (wanted > longest && asked !== undefined) throw badRequest(`ttl is larger than maximum allowed ${longest}`)
  return Math.min(wanted, longest)
}

export interface KeyIdParts {
  readonly asked: string
  readonly role: string
  readonly displayName: string
  readonly blob: Uint8Array
}

export function keyIdFor(role: CaRole, { asked, role: name, displayName, blob }: KeyIdParts): string {
  if (asked !== '' && !role.allow_user_key_ids) throw badRequest('setting key_id is not allowed by role')
  if (asked !== '') return asked
  const format = role.key_id_format || (displayName === '' ? 'vault-{{public_key_hash}}' : 'vault-{{token_display_name}}-{{public_key_hash}}')
  const values = new Map([['token_display_name', displayName], ['role_name', name], ['public_key_hash', createHash('sha256').update(blob).digest('hex')]])
  return format.replace(/\{\{(\w+)\}\}/g, (whole, variable: string) => values.get(variable) ?? whole)
}

export function criticalOptionsFor(role: CaRole, asked: Texts): Texts {
  const names = Object.keys(asked)
  if (names.length === 0) return role.default_critical_options
  const allowed = itemsOf(role.allowed_critical_options)
  const wrong = allowed.length === 0 ? [] : names.filter((name) => !allowed.includes(name))
  if (wrong.length > 0) throw badRequest(`critical options not on allowed list: [${wrong.join(' ')}]`)
  return asked
}

/** `isPartial`: some of the defaults are templates, and the caller has no entity that could fill them in. */
export function extensionsFor(role: CaRole, asked: Texts, hasEntity: boolean, fill: Fill): { readonly extensions: Texts; readonly isPartial: boolean } {
  const names = Object.keys(asked)
  if (names.length > 0) {
    const allowed = itemsOf(role.allowed_extensions)
    const wrong = role.allowed_extensions === '*' ? [] : names.filter((name) => !allowed.includes(name))
    if (wrong.length > 0) throw badRequest(`extensions [${wrong.join(' ')}] are not on allowed list`)
    return { extensions: asked, isPartial: false }
  }
  if (!role.default_extensions_template) return { extensions: role.default_extensions, isPartial: false }
  const filled = Object.entries(role.default_extensions).map(([name, value]) => [name, fill(value, () => true)] as const)
  const missing = filled.find(([, value]) => value === null)
  if (missing !== undefined && hasEntity) throw badRequest(`default_extensions of the role: the template of ${JSON.stringify(missing[0])} cannot be filled in for this caller`)
  return { extensions: Object.fromEntries(filled.filter((pair): pair is [string, string] => pair[1] !== null)), isPartial: missing !== undefined }
}

/** Options and names together have to fit into what sshd reads. */
export function checkSize(keyId: string, principals: readonly string[], ...options: readonly Texts[]): void {
  const texts = [keyId, ...principals, ...options.flatMap((map) => Object.entries(map).flat())]
  if (texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > textBytesMax) {
    throw badRequest(`key_id, valid_principals, critical_options and extensions have more than ${textBytesMax} bytes`)
  }
}
