/** The settings of a mount: flags that `enable` and `tune` of engines and auth methods share, and what they become on the wire. */
import { formatDuration } from '../duration.ts'
import { bool, duration, integer, list, map, text, type FlagValues } from '../flags.ts'

export const settingFlags = {
  description: text('What it is for, for people.'),
  'default-lease-ttl': duration('Life time of leases and tokens when a request names none. -1: as the server is configured.'),
  'max-lease-ttl': duration('The longest life time of leases and tokens. -1: as the server is configured.'),
  'audit-non-hmac-request-keys': list('A key of requests that the audit log shows in the clear. May be given several times.'),
  'audit-non-hmac-response-keys': list('A key of answers that the audit log shows in the clear. May be given several times.'),
  'listing-visibility': text('"unauth": shown to those who have not logged in.', { values: ['hidden', 'unauth'] }),
  'passthrough-request-headers': list('A header of requests that the plugin gets to see. May be given several times.'),
  'allowed-response-headers': list('A header that the plugin may set. May be given several times.'),
  options: map('An option of the type, key=value. May be given several times.'),
  version: integer('Version of the engine: short for -options=version=N.'),
  'plugin-version': text('Version of the plugin to run.'),
}

export type SettingValues = FlagValues<typeof settingFlags>

/** Flags of `enable` only. */
export const enableFlags = {
  path: text('Where to mount it. Default: its type.'),
  local: bool('Do not replicate it.'),
  'seal-wrap': bool('Seal critical values once more.'),
  'external-entropy-access': bool('Let it draw on an external source of randomness.'),
  'plugin-name': text('Name of the plugin, when the type is "plugin".'),
}

/** `config` of the wire: only what was given. Negative durations ask for the server's own setting. */
export function configBody(flags: SettingValues): Record<string, unknown> {
  return given({
    default_lease_ttl: ttlText(flags['default-lease-ttl']),
    max_lease_ttl: ttlText(flags['max-lease-ttl']),
    audit_non_hmac_request_keys: flags['audit-non-hmac-request-keys'],
    audit_non_hmac_response_keys: flags['audit-non-hmac-response-keys'],
    listing_visibility: flags['listing-visibility'],
    passthrough_request_headers: flags['passthrough-request-headers'],
    allowed_response_headers: flags['allowed-response-headers'],
    plugin_version: flags['plugin-version'],
  })
}

/** `options` of the wire, or undefined. */
export function optionsBody(flags: SettingValues): Record<string, string> | undefined {
  const version = flags.version !== undefined && flags.version > 0 ? { version: String(flags.version) } : undefined
  return flags.options === undefined && version === undefined ? undefined : { ...flags.options, ...version }
}

const ttlText = (seconds: number | undefined): string | undefined =>
  seconds === undefined || seconds === 0 ? undefined : seconds < 0 ? 'system' : formatDuration(seconds)

export const given = (members: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
