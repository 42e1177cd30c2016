/** What can be said of a role: its fields, what a write of some of them makes of it, and how it is shown. */
import { badRequest } from '../../kit/errors.ts'
import { deprecated, duration, flag, integer, list, optional, text, type Fields, type ValuesOf } from '../../kit/fields.ts'
import type { Data } from '../../kit/result.ts'
import { changedTokenSettings, oldTokenFields, shownTokenSettings, tokenFields } from '../../kit/token-fields.ts'
import { checkRanges } from './ranges.ts'
import type { Role } from './records.ts'

export const roleFields = {
  bind_secret_id: optional(flag('Whether a login needs a secret id. Default: true.')),
  secret_id_bound_cidrs: optional(list('Ranges of addresses that logins may come from.')),
  bound_cidr_list: optional(deprecated(list('Old name of secret_id_bound_cidrs.'))),
  secret_id_num_uses: optional(integer('How often a secret id can be used; 0: any number.')),
  secret_id_ttl: optional(duration('How long a secret id lives; 0: for ever.')),
  ...tokenFields,
  policies: oldTokenFields.policies,
  period: oldTokenFields.period,
} satisfies Fields

export const creationFields = {
  role_id: optional(text('The id that the role logs in with. Default: a random one.')),
  local_secret_ids: optional(flag('Secret ids stay on this cluster. Can only be set when the role is made.')),
} satisfies Fields

export type RoleInput = ValuesOf<typeof roleFields>

/** The role after a write that names some of the fields. Throws `bad_request` naming the one at fault. */
export function changedRole(before: Role, input: RoleInput, maxLeaseSeconds: number): Role {
  const ranges = input.secret_id_bound_cidrs ?? input.bound_cidr_list
  const role: Role = {
    ...before,
    token: changedTokenSettings(before.token, input),
    bindSecretId: input.bind_secret_id ?? before.bindSecretId,
    secretIdBoundCidrs: ranges === undefined ? before.secretIdBoundCidrs : checkRanges(ranges),
    secretIdNumUses: input.secret_id_num_uses ?? before.secretIdNumUses,
    secretIdTtl: input.secret_id_ttl ?? before.secretIdTtl,
  }
  checkRole(role, maxLeaseSeconds)
  return role
}

function checkRole({ secretIdNumUses, secretIdTtl, bindSecretId, secretIdBoundCidrs, token }: Role, maxLeaseSeconds: number): void {
  if (secretIdNumUses < 0) throw badRequest('secret_id_num_uses cannot be negative')
  if (secretIdTtl < 0) throw badRequest('secret_id_ttl cannot be negative')
  if (token.period > maxLeaseSeconds) throw badRequest(`token_period is longer than the maximum of the mount, ${maxLeaseSeconds} seconds`)
  const isBound = bindSecretId || secretIdBoundCidrs.length > 0 || token.boundCidrs.length > 0
  if (!isBound) throw badRequest('1 error occurred:\n\t* at least one constraint should be enabled on the role\n\n')
}

export const shownRole = (role: Role): Data => ({
  bind_secret_id: role.bindSecretId,
  local_secret_ids: role.localSecretIds,
  secret_id_bound_cidrs: role.secretIdBoundCidrs.length === 0 ? null : role.secretIdBoundCidrs,
  secret_id_num_uses: role.secretIdNumUses,
  secret_id_ttl: role.secretIdTtl,
  ...shownTokenSettings(role.token),
})
