/** The `config` of a mount: checked when it is enabled, changed piece by piece when it is tuned, shown everywhere the same way. */
import type { Core } from '../../core/core.ts'
import type { MountConfig, MountRecord, UserLockoutConfig } from '../../core/mounts/record.ts'
import { parseDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { flag, integer, isJsonObject, list, object, optional, parseFields, text, textMap, type Fields, type ValuesOf } from '../../kit/fields.ts'
import { JsonNumber, type Json, type JsonObject } from '../../kit/json.ts'
import type { Data } from '../../kit/result.ts'

export const emptyConfig: MountConfig = { default_lease_ttl: 0, max_lease_ttl: 0, force_no_cache: false }

/** What tuning takes; the same fields stand inside `config` when a mount is enabled. */
export const tuneFields = {
  default_lease_ttl: optional(text('Lease time where nothing else is asked for; `system` or 0: the system default.')),
  max_lease_ttl: optional(text('Longest lease time; `system` or 0: the system maximum.')),
  description: optional(text('What it is for.')),
  audit_non_hmac_request_keys: optional(list('Fields of requests that the audit log shows plainly.')),
  audit_non_hmac_response_keys: optional(list('Fields of answers that the audit log shows plainly.')),
  listing_visibility: optional(text('`unauth` shows the mount to anybody, `hidden` or nothing to nobody.')),
  passthrough_request_headers: optional(list('Request headers that the engine gets to see.')),
  allowed_response_headers: optional(list('Response headers that the engine may set.')),
  allowed_managed_keys: optional(list('Names of the managed keys that the mount may use.')),
  token_type: optional(text('Type of the tokens that this auth method gives.')),
  options: optional(textMap('Options of the engine, such as `version` of KV.')),
  user_lockout_config: optional(object('When users are locked out after failed logins.')),
  plugin_version: optional(text('Accepted and ignored: engines are built in.')),
} satisfies Fields

export type TuneInput = ValuesOf<typeof tuneFields>

const tokenTypes = ['service', 'batch', 'default-service', 'default-batch']
const visibilities = ['', 'unauth', 'hidden']

function ttlOf(written: string, fail: (reason: string) => string): number {
  if (written === 'system' || written === '') return 0
  let seconds: number
  try {
    seconds = parseDuration(written)
  } catch (cause) {
    throw badRequest(fail(cause instanceof Error ? cause.message : 'not a duration'), { cause })
  }
  if (seconds < 0) throw badRequest(fail('a lifetime cannot be negative'))
  return seconds
}

/** The config of a new mount, out of the object in its request. Flags and lists are taken strictly there, as Vault does. */
export function newConfig(core: Core, kind: MountRecord['kind'], given: JsonObject): MountConfig {
  const read = (name: string): Json => (Object.hasOwn(given, name) ? (given[name] ?? null) : null)
  const written = (name: string): string => asWritten(read(name))
  const force = read('force_no_cache') ?? false
  if (typeof force !== 'boolean') throw badRequest('unable to convert given mount config information')
  const defaultTtl = ttlOf(written('default_lease_ttl'), (reason) => `unable to parse default TTL of ${written('default_lease_ttl')}: ${reason}`)
  const maxTtl = ttlOf(written('max_lease_ttl'), (reason) => `unable to parse max TTL of ${written('max_lease_ttl')}: ${reason}`)
  if (maxTtl > 0 && defaultTtl > maxTtl) throw badRequest('given default lease TTL greater than given max lease TTL')
  if (maxTtl === 0 && defaultTtl > core.settings.maxLeaseSeconds) throw badRequest('given default lease TTL greater than system max lease TTL')
  const lists = Object.fromEntries(listNames.flatMap((name) => (read(name) === null ? [] : [[name, parseFields({ [name]: tuneFields[name] }, { [name]: read(name) }).values[name]]])))
  const tokenType = kind === 'auth' ? tokenTypeOf(written('token_type') || 'default-service') : undefined
  const visibility = visibilityOf(written('listing_visibility'))
  const lockout = read('user_lockout_config')
  return {
    default_lease_ttl: defaultTtl, max_lease_ttl: maxTtl, force_no_cache: force, ...lists,
    ...(visibility === '' ? {} : { listing_visibility: visibility }),
    ...(tokenType === undefined ? {} : { token_type: tokenType }),
    ...(isJsonObject(lockout) ? { user_lockout_config: lockoutOf(lockout, undefined) } : {}),
  }
}

const listNames = ['audit_non_hmac_request_keys', 'audit_non_hmac_response_keys', 'passthrough_request_headers', 'allowed_response_headers', 'allowed_managed_keys'] as const

const asWritten = (value: Json): string =>
  value === null ? '' : typeof value === 'string' ? value : value instanceof JsonNumber ? value.text : typeof value === 'number' ? String(value) : 'invalid'

function tokenTypeOf(given: string): string {
  if (!tokenTypes.includes(given)) throw badRequest("invalid value for 'token_type'")
  return given
}

function visibilityOf(given: string): string {
  if (!visibilities.includes(given)) throw badRequest(`invalid listing_visibility ${given}`)
  return given
}

/** The record after tuning. Throws naming the field at fault. */
export function tuned(core: Core, record: MountRecord, input: TuneInput): MountRecord {
  const plain = (reason: string): string => reason
  const config: MountConfig = {
    ...record.config,
    ...(input.default_lease_ttl === undefined ? {} : { default_lease_ttl: ttlOf(input.default_lease_ttl, plain) }),
    ...(input.max_lease_ttl === undefined ? {} : { max_lease_ttl: ttlOf(input.max_lease_ttl, plain) }),
    ...Object.fromEntries(listNames.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]]))),
    ...(input.listing_visibility === undefined ? {} : { listing_visibility: visibilityOf(input.listing_visibility) }),
    ...(input.token_type === undefined ? {} : { token_type: tunedTokenType(record, input.token_type) }),
    ...(input.user_lockout_config === undefined ? {} : { user_lockout_config: tunedLockout(record, input.user_lockout_config) }),
  }
  const limit = config.max_lease_ttl || core.settings.maxLeaseSeconds
  if (config.default_lease_ttl > limit) {
    throw badRequest(`backend max lease TTL of ${limit} would be less than backend default lease TTL of ${config.default_lease_ttl}`)
  }
  return { ...record, config: withoutEmpty(config), ...(input.description === undefined ? {} : { description: input.description }) }
}

/** Empty lists and texts are as good as none, and are not shown. */
function withoutEmpty(config: MountConfig): MountConfig {
  const kept = Object.entries(config).filter(([name, value]) => !(listNames as readonly string[]).includes(name) || (value as readonly string[]).length > 0)
  return Object.fromEntries(kept.filter(([name, value]) => name !== 'listing_visibility' || value !== '')) as unknown as MountConfig
}

function tunedTokenType(record: MountRecord, given: string): string {
  if (record.kind !== 'auth') throw badRequest("'token_type' can only be modified on auth mounts")
  if (record.type === 'token') throw badRequest("'token_type' cannot be set for 'token' or 'ns_token' auth mounts")
  return tokenTypeOf(given)
}

function tunedLockout(record: MountRecord, given: JsonObject): UserLockoutConfig {
  if (record.kind !== 'auth') throw badRequest("'user_lockout_config' can only be modified on auth mounts")
  if (!['userpass', 'approle', 'ldap'].includes(record.type)) throw badRequest("tuning of user lockout configuration for auth type not allowed")
  return lockoutOf(given, record.config.user_lockout_config)
}

const lockoutFields = {
  lockout_threshold: optional(integer('Failed logins before the user is locked out.')),
  lockout_duration: optional(text('For how long.')),
  lockout_counter_reset_duration: optional(text('After how long without failures counting begins anew.')),
  lockout_disable: optional(flag('Switch locking out off.')),
} satisfies Fields

function lockoutOf(given: JsonObject, before: UserLockoutConfig | undefined): UserLockoutConfig {
  const { values } = parseFields(lockoutFields, given)
  const duration = (name: 'lockout_duration' | 'lockout_counter_reset_duration'): number | undefined => {
    const written = values[name]
    return written === undefined ? undefined : ttlOf(written, (reason) => `${name}: ${reason}`)
  }
  if ((values.lockout_threshold ?? 0) < 0) throw badRequest('lockout_threshold cannot be negative')
  return {
    lockout_threshold: values.lockout_threshold ?? before?.lockout_threshold ?? 5,
    lockout_duration: duration('lockout_duration') ?? before?.lockout_duration ?? 900,
    lockout_counter_reset: duration('lockout_counter_reset_duration') ?? before?.lockout_counter_reset ?? 900,
    lockout_disable: values.lockout_disable ?? before?.lockout_disable ?? false,
  }
}

const shownLockout = (lockout: UserLockoutConfig): Data => ({
  user_lockout_counter_reset_duration: lockout.lockout_counter_reset,
  user_lockout_disable: lockout.lockout_disable,
  user_lockout_duration: lockout.lockout_duration,
  user_lockout_threshold: lockout.lockout_threshold,
})

/** A mount as `sys/mounts` shows it. */
export function showMount(record: MountRecord): Data {
  const { user_lockout_config: lockout, ...config } = record.config
  const isFixedMount = record.kind === 'system' || record.type === 'cubbyhole' || record.type === 'token'
  return {
    accessor: record.accessor,
    config: { ...config, ...(lockout === undefined ? {} : { user_lockout_config: shownLockout(lockout) }) },
    ...(isFixedMount ? {} : { deprecation_status: 'supported' }),
    description: record.description,
    external_entropy_access: record.external_entropy_access,
    local: record.local,
    options: record.options,
    plugin_version: '',
    running_plugin_version: 'v1.0.0+builtin.coffer',
    running_sha256: '',
    seal_wrap: record.seal_wrap,
    type: record.type,
    uuid: record.uuid,
  }
}

/** A mount as its `tune` shows it: lease times as they are in effect. */
export function showTuning(core: Core, record: MountRecord): Data {
  const { user_lockout_config: lockout, ...config } = record.config
  return {
    description: record.description,
    ...config,
    default_lease_ttl: config.default_lease_ttl || core.settings.defaultLeaseSeconds,
    max_lease_ttl: config.max_lease_ttl || core.settings.maxLeaseSeconds,
    ...(record.options !== null && Object.keys(record.options).length > 0 ? { options: record.options } : {}),
    ...(lockout === undefined ? {} : shownLockout(lockout)),
  }
}
