/** Roles: who may get which certificates or passwords. */
import { rsaSignatures } from '../../crypto/ssh-certificate.ts'
import { parseCidr } from '../../kit/cidr.ts'
import { badRequest } from '../../kit/errors.ts'
import { integerList, nameTextWithAt, type ValuesOf } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { listPage, pageFields } from '../walk.ts'
import { itemsOf, roles, rolesFolder, zeroAddress, type CaRole, type OtpRole, type Role } from './records.ts'
import { roleFields } from './role-fields.ts'

const role = path('roles/{role}', { role: nameTextWithAt('Name of the role.') })
type Input = ValuesOf<typeof roleFields>

export const listRoles = path('roles').list({
  summary: 'List the roles.',
  input: pageFields,
  async handle({ input, store }) {
    const names = await listPage(store, rolesFolder, input)
    const found = await Promise.all(names.map((name) => roles.read(store, name)))
    return listed(names, Object.fromEntries(names.map((name, i) => [name, infoOf(found[i] ?? null)])))
  },
})

const infoOf = (found: Role | null): object => (found?.key_type === 'ca' ? { key_type: 'ca', issuer_ref: found.issuer_ref } : { key_type: found?.key_type ?? 'otp' })

export const readRole = role.read({ summary: 'Read a role.', handle: async ({ params, store }) => (await roles.read(store, params.role)) as Readonly<Record<string, unknown>> | null })

export const writeRole = role.write({
  summary: 'Create or replace a role.',
  input: roleFields,
  handle({ params, input, store }) {
    roles.write(store, parseRole(input), params.role)
    return null
  },
})

export const deleteRole = role.delete({
  summary: 'Delete a role.',
  async handle({ params, store }) {
    roles.remove(store, params.role)
    const zero = await zeroAddress.read(store)
    if (zero?.roles.includes(params.role) === true) zeroAddress.write(store, { roles: zero.roles.filter((name) => name !== params.role) })
    return null
  },
})

/** Throws `bad_request`. */
function parseRole(input: Input): Role {
  checkRanges('cidr_list', input.cidr_list)
  checkRanges('exclude_cidr_list', input.exclude_cidr_list)
  const type = input.key_type.toLowerCase()
  if (type === '') throw badRequest('missing key type')
  if (type === 'dynamic') throw badRequest('dynamic key type roles are no longer supported')
  if (type === 'otp') return otpRole(input)
  if (type === 'ca') return caRole(input)
  throw badRequest('invalid key type')
}

function checkRanges(field: string, written: string): void {
  for (const range of itemsOf(written)) {
    try {
      parseCidr(range)
    } catch (cause) {
      throw badRequest(`failed to validate ${field}: ${cause instanceof Error ? cause.message : 'not a range'}`, { cause })
    }
  }
}

function otpRole({ default_user, allowed_users, cidr_list, exclude_cidr_list, port }: Input): OtpRole {
  if (default_user === '') throw badRequest('missing default user')
  if (port < 0 || port > 65_535) throw badRequest('port must be between 1 and 65535')
  return { key_type: 'otp', default_user, allowed_users, cidr_list, exclude_cidr_list, port: port === 0 ? 22 : port }
}

function caRole(input: Input): CaRole {
  const { key_type: _type, cidr_list: _ranges, exclude_cidr_list: _excluded, port: _port, ...settings } = input
  const signer = input.algorithm_signer === '' ? 'default' : input.algorithm_signer
  const algorithm_signer = (['default', ...rsaSignatures] as const).find((known) => known === signer)
  if (algorithm_signer === undefined) throw badRequest('algorithm_signer is not one of default, ssh-rsa, rsa-sha2-256, rsa-sha2-512')
  if (!input.allow_user_certificates && !input.allow_host_certificates) {
    throw badRequest("Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'")
  }
  const allowed_user_key_lengths = parseLengths(input.allowed_user_key_lengths)
  if (input.ttl !== 0 && input.max_ttl !== 0 && input.ttl > input.max_ttl) throw badRequest('"ttl" value must be less than "max_ttl" when both are specified')
  return { ...settings, key_type: 'ca', algorithm_signer, allowed_user_key_lengths, issuer_ref: input.issuer_ref === '' ? 'default' : input.issuer_ref }
}

const lengths = integerList('')

function parseLengths(written: JsonObject): Record<string, readonly number[]> {
  const result = Object.create(null) as Record<string, readonly number[]>
  for (const [type, bits] of Object.entries(written)) {
    try {
      result[type] = bits === null ? [] : lengths.parse(bits)
    } catch (cause) {
      throw badRequest(`error processing allowed_user_key_lengths: ${JSON.stringify(type)} is not followed by a number of bits or a list of them`, { cause })
    }
  }
  return result
}
