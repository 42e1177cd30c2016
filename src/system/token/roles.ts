/** Token roles: limits under which others may make tokens. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, deprecated, duration, flag, integer, list, lowerText, optional, text } from '../../kit/fields.ts'
import { records } from '../../kit/records.ts'
import { listed } from '../../kit/result.ts'
import { checkCidrs, shownCidrs } from '../cidrs.ts'
import { systemPath } from '../call.ts'

export interface TokenRole {
  readonly name: string
  readonly allowedPolicies: readonly string[]
  readonly allowedPoliciesGlob: readonly string[]
  readonly disallowedPolicies: readonly string[]
  readonly disallowedPoliciesGlob: readonly string[]
  readonly allowedEntityAliases: readonly string[] | null
  readonly orphan: boolean
  readonly renewable: boolean
  readonly pathSuffix: string
  readonly tokenType: string
  readonly boundCidrs: readonly string[]
  readonly explicitMaxTtl: number
  readonly period: number
  readonly noDefaultPolicy: boolean
  readonly numUses: number
  /** Written under the old names, and shown under them as well. */
  readonly oldNames: boolean
}

export const roles = records<TokenRole, [name: string]>((name) => `role/${name}`)

const fresh = (name: string): TokenRole => ({
  name, allowedPolicies: [], allowedPoliciesGlob: [], disallowedPolicies: [], disallowedPoliciesGlob: [], allowedEntityAliases: null,
  orphan: false, renewable: true, pathSuffix: '', tokenType: 'default-service', boundCidrs: [], explicitMaxTtl: 0, period: 0,
  noDefaultPolicy: false, numUses: 0, oldNames: false,
})

const role = systemPath('roles/{role_name}', { role_name: lowerText('Name of the role.') })
const suffixPattern = /^\w[\w-.]+\w$/
const typeNames: Readonly<Record<string, string>> = {
  '': 'default-service', default: 'default-service', service: 'service', batch: 'batch', 'default-service': 'default-service', 'default-batch': 'default-batch',
}

const writeRole = role.write({
  summary: 'Create or change a token role.',
  input: {
    allowed_policies: optional(list('Policies that tokens of this role may have; empty: those of the creator.')),
    allowed_policies_glob: optional(list('As allowed_policies, with `*` inside.')),
    disallowed_policies: optional(list('Policies that tokens of this role may not have.')),
    disallowed_policies_glob: optional(list('As disallowed_policies, with `*` inside.')),
    allowed_entity_aliases: optional(list('Aliases that may be asked for, with `*` at the end.')),
    orphan: optional(flag('Whether the tokens have no parent.')),
    renewable: optional(flag('Whether the tokens can be renewed.')),
    path_suffix: optional(text('Added to the path of the tokens, so that they can be revoked by it.')),
    token_type: optional(text('service, batch, default-service or default-batch.')),
    token_bound_cidrs: optional(list('Addresses that the tokens may be used from.')),
    token_explicit_max_ttl: optional(duration('Longest life of a token, whatever the system allows.')),
    token_period: optional(duration('Life of a periodic token between renewals.')),
    token_no_default_policy: optional(flag('Leave out the policy `default`.')),
    token_num_uses: optional(integer('How often a token can be used; 0: any number.')),
    period: optional(deprecated(duration('Old name of token_period.'))),
    explicit_max_ttl: optional(deprecated(duration('Old name of token_explicit_max_ttl.'))),
    bound_cidrs: optional(deprecated(list('Old name of token_bound_cidrs.'))),
  },
  async handle({ params, input, store }) {
    const name = params.role_name
    const old = (await roles.read(store, name)) ?? fresh(name)
    const tokenType = input.token_type === undefined ? old.tokenType : typeNames[input.token_type]
    if (tokenType === undefined) throw badRequest(`invalid 'token_type' value ${JSON.stringify(input.token_type)}`)
    if (input.path_suffix !== undefined && input.path_suffix !== '' && !suffixPattern.test(input.path_suffix)) {
      throw badRequest('given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w')
    }
    const cidrs = input.token_bound_cidrs ?? input.bound_cidrs
    const made: TokenRole = {
      name, tokenType,
      allowedPolicies: fold(input.allowed_policies) ?? old.allowedPolicies,
      allowedPoliciesGlob: fold(input.allowed_policies_glob) ?? old.allowedPoliciesGlob,
      disallowedPolicies: fold(input.disallowed_policies) ?? old.disallowedPolicies,
      disallowedPoliciesGlob: fold(input.disallowed_policies_glob) ?? old.disallowedPoliciesGlob,
      allowedEntityAliases: input.allowed_entity_aliases?.map((alias) => alias.toLowerCase()) ?? old.allowedEntityAliases,
      orphan: input.orphan ?? old.orphan,
      renewable: input.renewable ?? old.renewable,
      pathSuffix: input.path_suffix ?? old.pathSuffix,
      boundCidrs: cidrs === undefined ? old.boundCidrs : checkCidrs(cidrs),
      explicitMaxTtl: input.token_explicit_max_ttl ?? input.explicit_max_ttl ?? old.explicitMaxTtl,
      period: input.token_period ?? input.period ?? old.period,
      noDefaultPolicy: input.token_no_default_policy ?? old.noDefaultPolicy,
      numUses: input.token_num_uses ?? old.numUses,
      oldNames: input.bound_cidrs !== undefined || (old.oldNames && input.token_bound_cidrs === undefined),
    }
    checkRole(made)
    roles.write(store, made, name)
    return null
  },
})

const fold = (names: readonly string[] | undefined): string[] | undefined =>
  names === undefined ? undefined : [...new Set(names.map((name) => name.toLowerCase()))].sort()

function checkRole(role: TokenRole): void {
  if (role.numUses < 0) throw badRequest("'token_num_uses' cannot be negative")
  if (role.explicitMaxTtl < 0) throw badRequest("'token_explicit_max_ttl' cannot be negative")
  if (role.period < 0) throw badRequest("'token_period' cannot be negative")
  if (role.tokenType !== 'batch') return
  if (!role.orphan) throw badRequest("'token_type' cannot be 'batch' when role is set to generate non-orphan tokens")
  if (role.period !== 0) throw badRequest("'token_type' cannot be 'batch' when role is set to generate periodic tokens")
  if (role.renewable) throw badRequest("'token_type' cannot be 'batch' when role is set to generate renewable tokens")
  if (role.explicitMaxTtl !== 0) throw badRequest("'token_type' cannot be 'batch' when role is set to generate tokens with an explicit max TTL")
}

const readRole = role.read({
  summary: 'Show a token role.',
  async handle({ params, store }) {
    const found = await roles.read(store, params.role_name)
    if (found === null) return null
    const cidrs = shownCidrs(found.boundCidrs)
    return {
      allowed_entity_aliases: found.allowedEntityAliases,
      allowed_policies: found.allowedPolicies,
      allowed_policies_glob: found.allowedPoliciesGlob,
      ...(found.oldNames && cidrs.length > 0 ? { bound_cidrs: cidrs } : {}),
      disallowed_policies: found.disallowedPolicies,
      disallowed_policies_glob: found.disallowedPoliciesGlob,
      explicit_max_ttl: found.oldNames ? found.explicitMaxTtl : 0,
      name: found.name,
      orphan: found.orphan,
      path_suffix: found.pathSuffix,
      period: found.oldNames ? found.period : 0,
      renewable: found.renewable,
      ...(cidrs.length > 0 ? { token_bound_cidrs: cidrs } : {}),
      token_explicit_max_ttl: found.explicitMaxTtl,
      token_no_default_policy: found.noDefaultPolicy,
      ...(found.numUses > 0 ? { token_num_uses: found.numUses } : {}),
      token_period: found.period,
      token_type: found.tokenType,
    }
  },
})

const deleteRole = role.delete({
  summary: 'Delete a token role; its tokens live on.',
  handle({ params, store }) {
    roles.remove(store, params.role_name)
    return null
  },
})

const listRoles = systemPath('roles').list({
  summary: 'List the token roles.',
  input: { after: defaulted(text('Only those after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) },
  handle: async ({ store, input }) => listed(await store.list('role/', { after: input.after, ...(input.limit > 0 ? { limit: input.limit } : {}) })),
})

export const roleOperations = [writeRole, readRole, deleteRole, listRoles]
