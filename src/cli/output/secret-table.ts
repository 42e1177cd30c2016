/** An answer as a table: lease, token, wrapping, then the data by name. */
import type { ExactObject } from '../../../client/src/exact-json.ts'
import { objectOf, textOf, type WireAuth, type WireSecret, type WireWrapInfo } from '../secret.ts'
import { byName, formatGoTime, formatMember, formatQuoted, formatSeconds, formatValue } from './value.ts'

type Rows = [string, string][]

const header: [string, string] = ['Key', 'Value']

/** The rows with their header, or none when there is nothing to print. */
export function secretRows(secret: WireSecret): Rows {
  const rows: Rows = [
    ...leaseRows(secret),
    ...(secret.auth === null ? [] : authRows(secret.auth)),
    ...(secret.wrap_info === null ? [] : wrapRows(secret.wrap_info)),
    ...dataRows(secret.data),
  ]
  return rows.length === 0 ? [] : [header, ...rows]
}

export function mapRows(data: ExactObject): Rows {
  const rows = dataRows(data)
  return rows.length === 0 ? [] : [header, ...rows]
}

const dataRows = (data: ExactObject | null): Rows =>
  Object.entries(data ?? {})
    .toSorted(byName)
    .map(([name, value]) => [name, formatMember(name, value)])

function leaseRows(secret: WireSecret): Rows {
  if (Number(secret.lease_duration) <= 0) return []
  if (secret.lease_id === '') return [['refresh_interval', formatSeconds(secret.lease_duration)]]
  return [
    ['lease_id', secret.lease_id],
    ['lease_duration', formatSeconds(secret.lease_duration)],
    ['lease_renewable', String(secret.renewable)],
  ]
}

function authRows(auth: WireAuth): Rows {
  if (auth.mfa_requirement !== null) return mfaRows(auth.mfa_requirement)
  return [
    ['token', auth.client_token],
    ['token_accessor', auth.accessor],
    ['token_duration', Number(auth.lease_duration) === 0 ? '∞' : formatSeconds(auth.lease_duration)],
    ['token_renewable', String(auth.renewable)],
    ['token_policies', formatQuoted(auth.token_policies)],
    ['identity_policies', formatQuoted(auth.identity_policies)],
    ['policies', formatQuoted(auth.policies)],
    ...Object.entries(auth.metadata ?? {})
      .toSorted(byName)
      .map(([name, value]): [string, string] => [`token_meta_${name}`, formatValue(value)]),
  ]
}

function mfaRows(requirement: ExactObject): Rows {
  const rows: Rows = [['mfa_request_id', textOf(requirement['mfa_request_id'])]]
  for (const [name, set] of Object.entries(objectOf(requirement['mfa_constraints']) ?? {})) {
    const any = objectOf(set)?.['any']
    for (const item of Array.isArray(any) ? any : []) {
      const constraint = objectOf(item)
      const lead = `mfa_constraint_${name}_${textOf(constraint?.['type'])}`
      rows.push([`${lead}_id`, textOf(constraint?.['id'])], [`${lead}_uses_passcode`, String(constraint?.['uses_passcode'] === true)])
      if (constraint?.['name']) rows.push([`${lead}_name`, textOf(constraint['name'])])
    }
  }
  return rows
}

function wrapRows(info: WireWrapInfo): Rows {
  const rows: Rows = [
    ['wrapping_token:', info.token],
    ['wrapping_accessor:', info.accessor],
    ['wrapping_token_ttl:', formatSeconds(info.ttl)],
    ['wrapping_token_creation_time:', formatGoTime(info.creation_time)],
    ['wrapping_token_creation_path:', info.creation_path],
  ]
  return info.wrapped_accessor === '' ? rows : [...rows, ['wrapped_accessor:', info.wrapped_accessor]]
}
