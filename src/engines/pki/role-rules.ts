/** What a role may say. */
import { isOid } from '../../crypto/der.ts'
import type { KeyType } from '../../crypto/x509/keys.ts'
import type { PolicyInformation } from '../../crypto/x509/extensions.ts'
import { formatCidr, parseCidr } from '../../kit/cidr.ts'
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson, type Json } from '../../kit/json.ts'
import { parseOtherNames } from './names.ts'
import type { Role } from './role-fields.ts'
import { parseDate } from './validity.ts'

const defaultBits: Readonly<Record<string, number>> = { rsa: 2048, ec: 256 }
const rsaBits: ReadonlySet<number> = new Set([2048, 3072, 4096, 8192])
const ecBits: ReadonlySet<number> = new Set([224, 256, 384, 521])
const hashBits: ReadonlySet<number> = new Set([256, 384, 512])

export interface KeyChoice {
  readonly type: KeyType | 'any'
  readonly bits: number
  /** 0 where the key decides. */
  readonly signatureBits: number
}

/** Fills in what was left open. Throws `bad_request`. */
export function checkKeyChoice(type: string, bits: number, signatureBits: number): KeyChoice {
  if (type !== 'rsa' && type !== 'ec' && type !== 'ed25519' && type !== 'any') throw badRequest(`unknown key type ${type}`)
  const chosen = type === 'any' || type === 'ed25519' ? 0 : bits === 0 ? (defaultBits[type] ?? 0) : bits
  if (type === 'rsa' && chosen < 2048) throw badRequest(`RSA keys < 2048 bits are unsafe and not supported: got ${chosen}`)
  if (type === 'rsa' && !rsaBits.has(chosen)) throw badRequest(`unsupported bit length for RSA key: ${chosen}`)
  if (type === 'ec' && !ecBits.has(chosen)) throw badRequest(`unsupported bit length for EC key: ${chosen}`)
  if (type !== 'rsa') return { type, bits: chosen, signatureBits: 0 }
  const hash = signatureBits === 0 ? 256 : signatureBits
  if (!hashBits.has(hash)) throw badRequest(`unsupported hash signature algorithm: ${hash}`)
  return { type, bits: chosen, signatureBits: hash }
}

/** The role as it is kept: defaults filled in, lists checked. Throws `bad_request` naming the field. */
export function normalizeRole(given: Role): Role {
  if (given.max_ttl > 0 && given.ttl > given.max_ttl) throw badRequest('"ttl" value must be less than "max_ttl" value')
  const key = checkKeyChoice(given.key_type, given.key_bits, given.signature_bits)
  checkLists(given)
  return {
    ...given,
    key_bits: key.bits,
    signature_bits: key.signatureBits,
    allowed_ip_sans_cidr: given.allowed_ip_sans_cidr.map((range) => formatCidr(parseCidr(range))),
    cn_validations: checkNameValidations(given.cn_validations),
    issuer_ref: given.issuer_ref === '' ? 'default' : given.issuer_ref,
    generate_lease: given.generate_lease && !given.no_store,
  }
}

function checkLists(role: Role): void {
  if (!(role.allowed_other_sans.length === 1 && role.allowed_other_sans[0] === '*')) checkOtherNames(role.allowed_other_sans)
  for (const id of role.ext_key_usage_oids) if (!isOid(id)) throw badRequest(`${JSON.stringify(id)} could not be parsed as a valid oid for an extended key usage`)
  for (const policy of role.policy_identifiers) parsePolicy(policy)
  if (!['permit', 'forbid', 'duration'].includes(role.not_before_bound)) throw badRequest('Unknown value for field `not_before_bound`. Possible values are `permit`, `duration` or `forbid`')
  if (!['permit', 'forbid', 'ttl-limited'].includes(role.not_after_bound) && parseDate(role.not_after_bound) === null)
    throw badRequest('Unknown value for field `not_after_bound`. Possible values are `permit`, `forbid`, `ttl-limited`, or an explicit timestamp.')
  if (role.serial_number_source !== 'json-csr' && role.serial_number_source !== 'json') throw badRequest('serial_number_source must be "json-csr" or "json"')
}

function checkOtherNames(names: readonly string[]): void {
  try {
    parseOtherNames(names)
  } catch (cause) {
    throw badRequest(`error parsing allowed_other_sans: ${cause instanceof Error ? cause.message : 'malformed'}`, { cause })
  }
}

const validations: ReadonlySet<string> = new Set(['email', 'hostname', 'disabled'])

function checkNameValidations(given: readonly string[]): readonly string[] {
  const wanted = given.map((name) => name.toLowerCase())
  for (const name of wanted) if (!validations.has(name)) throw badRequest(`cn_validations value incorrect: unknown type: \`${name}\``)
  if (new Set(wanted).size < wanted.length) throw badRequest('cn_validations value incorrect: a value is specified multiple times')
  if (wanted.includes('disabled') && wanted.length > 1) throw badRequest('cn_validations value incorrect: cannot specify `disabled` along with `email` or `hostname`')
  return wanted.length === 0 ? ['email', 'hostname'] : wanted
}

/** A policy from its object identifier or its JSON form. Throws `bad_request`. */
export function parsePolicy(written: string): PolicyInformation {
  if (isOid(written)) return { oid: written, cps: '', notice: '' }
  const parsed = findJson(written)
  const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
  const id = isJsonObject(parsed) ? textOf(parsed['oid']) : ''
  if (!isJsonObject(parsed) || !isOid(id)) throw badRequest(`policy identifier ${JSON.stringify(written)} is neither a valid OID nor a JSON policy identifier`)
  return { oid: id, cps: textOf(parsed['cps']), notice: textOf(parsed['notice']) }
}

function findJson(written: string): Json | undefined {
  try {
    return parseJson(written)
  } catch {
    return undefined
  }
}
