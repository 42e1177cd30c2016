/** The fields that every role and user of an auth method has for the tokens it gives: declared, checked, kept and shown once for all of them. */
import { parseCidr } from './cidr.ts'
import { badRequest } from './errors.ts'
import { deprecated, duration, flag, integer, list, optional, text, type Fields, type ValuesOf } from './fields.ts'
import type { Login, TokenTypeSetting } from './result.ts'

export const tokenFields = {
  token_ttl: optional(duration('How long the tokens live; 0: the default of the mount.')),
  token_max_ttl: optional(duration('How long they can be renewed for; 0: the maximum of the mount.')),
  token_policies: optional(list('Policies of the tokens.')),
  token_bound_cidrs: optional(list('Addresses that logins may come from and tokens be used from.')),
  token_explicit_max_ttl: optional(duration('Longest life of the tokens, whatever the system allows.')),
  token_no_default_policy: optional(flag('Leave out the policy `default`.')),
  token_num_uses: optional(integer('How often a token can be used; 0: any number.')),
  token_period: optional(duration('Life of periodic tokens between renewals.')),
  token_type: optional(text('service, batch, default, default-service or default-batch.')),
  token_strictly_bind_ip: optional(flag('Bind the token to the address that the login came from.')),
} satisfies Fields

/** Names that these fields had once; what was written under them is shown under them as well. */
export const oldTokenFields = {
  policies: optional(deprecated(list('Old name of token_policies.'))),
  ttl: optional(deprecated(duration('Old name of token_ttl.'))),
  max_ttl: optional(deprecated(duration('Old name of token_max_ttl.'))),
  bound_cidrs: optional(deprecated(list('Old name of token_bound_cidrs.'))),
  period: optional(deprecated(duration('Old name of token_period.'))),
} satisfies Fields

export type TokenInput = ValuesOf<typeof tokenFields> & Partial<ValuesOf<typeof oldTokenFields>>

export interface TokenSettings {
  readonly ttl: number
  readonly maxTtl: number
  readonly policies: readonly string[]
  readonly boundCidrs: readonly string[]
  readonly explicitMaxTtl: number
  readonly noDefaultPolicy: boolean
  readonly numUses: number
  readonly period: number
  readonly type: TokenTypeSetting
  readonly strictlyBindIp: boolean
  /** Which of the old names were used. */
  readonly oldNames: readonly string[]
}

export const freshTokenSettings: TokenSettings = {
  ttl: 0, maxTtl: 0, policies: [], boundCidrs: [], explicitMaxTtl: 0, noDefaultPolicy: false, numUses: 0, period: 0, type: 'default', strictlyBindIp: false, oldNames: [],
}

const types: readonly string[] = ['', 'default', 'service', 'batch', 'default-service', 'default-batch']
const twins: readonly (readonly [old: keyof typeof oldTokenFields, name: keyof typeof tokenFields])[] = [
  ['policies', 'token_policies'], ['ttl', 'token_ttl'], ['max_ttl', 'token_max_ttl'], ['bound_cidrs', 'token_bound_cidrs'], ['period', 'token_period'],
]

/** The settings after a write that names some of the fields. Throws `bad_request` naming the field at fault. */
export function changedTokenSettings(before: TokenSettings, input: TokenInput): TokenSettings {
  const cidrs = input.token_bound_cidrs ?? input.bound_cidrs
  if (input.token_type !== undefined && !types.includes(input.token_type)) throw badRequest(`invalid 'token_type' value ${JSON.stringify(input.token_type)}`)
  const settings: TokenSettings = {
    ttl: input.token_ttl ?? input.ttl ?? before.ttl,
    maxTtl: input.token_max_ttl ?? input.max_ttl ?? before.maxTtl,
    policies: input.token_policies ?? input.policies ?? before.policies,
    boundCidrs: cidrs === undefined ? before.boundCidrs : checkRanges(cidrs),
    explicitMaxTtl: input.token_explicit_max_ttl ?? before.explicitMaxTtl,
    noDefaultPolicy: input.token_no_default_policy ?? before.noDefaultPolicy,
    numUses: input.token_num_uses ?? before.numUses,
    period: input.token_period ?? input.period ?? before.period,
    type: ((input.token_type ?? before.type) || 'default') as TokenTypeSetting,
    strictlyBindIp: input.token_strictly_bind_ip ?? before.strictlyBindIp,
    oldNames: twins.flatMap(([old, name]) => (input[name] !== undefined ? [] : input[old] !== undefined || before.oldNames.includes(old) ? [old] : [])),
  }
  checkTokenSettings(settings)
  return settings
}

function checkTokenSettings(settings: TokenSettings): void {
  const negative = (['ttl', 'maxTtl', 'explicitMaxTtl', 'numUses', 'period'] as const).find((name) => settings[name] < 0)
  if (negative !== undefined) throw badRequest(`'${wireNames[negative]}' cannot be negative`)
  if (settings.maxTtl > 0 && settings.ttl > settings.maxTtl) throw badRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
  if (settings.type !== 'batch') return
  if (settings.period !== 0) throw badRequest("'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens")
  if (settings.numUses !== 0) throw badRequest("'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use count")
}

const wireNames = { ttl: 'token_ttl', maxTtl: 'token_max_ttl', explicitMaxTtl: 'token_explicit_max_ttl', numUses: 'token_num_uses', period: 'token_period' } as const

function checkRanges(ranges: readonly string[]): readonly string[] {
  for (const range of ranges) {
    try {
      parseCidr(range)
    } catch (cause) {
      throw badRequest(`error parsing address ${JSON.stringify(range)}: Unable to convert ${JSON.stringify(range)} to an IPv4 or IPv6 address`, { cause })
    }
  }
  return ranges
}

/** As a read of a role or user shows them. */
export function shownTokenSettings(settings: TokenSettings): Readonly<Record<string, unknown>> {
  const cidrs = settings.boundCidrs.map(shortRange)
  const values: Readonly<Record<string, unknown>> = {
    token_bound_cidrs: cidrs, token_explicit_max_ttl: settings.explicitMaxTtl, token_max_ttl: settings.maxTtl,
    token_no_default_policy: settings.noDefaultPolicy, token_num_uses: settings.numUses, token_period: settings.period,
    token_policies: settings.policies, token_strictly_bind_ip: settings.strictlyBindIp, token_ttl: settings.ttl, token_type: settings.type,
  }
  return { ...values, ...Object.fromEntries(twins.filter(([old]) => settings.oldNames.includes(old)).map(([old, name]) => [old, values[name]])) }
}

/** A range of one address is shown as the address. */
const shortRange = (range: string): string => range.replace(range.includes(':') ? /\/128$/ : /\/32$/, '')

/** Who logs in, and where its tokens can be used from where that is not as the settings say. */
type LoggingIn = Pick<Login, 'alias' | 'displayName' | 'metadata' | 'internal' | 'boundCidrs'>

/** A login under these settings. One literal: every login makes one. */
export const loginWith = (settings: TokenSettings, remoteAddress: string, { alias, displayName, metadata, internal, boundCidrs = settings.boundCidrs }: LoggingIn): Login => ({
  alias, displayName, metadata, internal,
  policies: settings.policies,
  noDefaultPolicy: settings.noDefaultPolicy,
  ttlSeconds: settings.ttl,
  maxTtlSeconds: settings.maxTtl,
  explicitMaxTtlSeconds: settings.explicitMaxTtl,
  periodSeconds: settings.period,
  numUses: settings.numUses,
  tokenType: settings.type,
  boundCidrs: settings.strictlyBindIp && remoteAddress !== '' ? [remoteAddress] : boundCidrs,
})
