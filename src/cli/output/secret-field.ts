/** What `-field` finds in an answer. */
import type { ExactObject } from '../../../client/src/exact-json.ts'
import type { WireAuth, WireSecret, WireWrapInfo } from '../secret.ts'

/** The value under a name, or undefined. Names of the token and of the wrapping come before names in the data. */
export function findField(secret: WireSecret, field: string): unknown {
  if (secret.auth !== null) return known(authFields(secret.auth), field) ?? secret.data?.[field]
  if (secret.wrap_info !== null) return known(wrapFields(secret.wrap_info), field) ?? secret.data?.[field]
  return known(plainFields(secret), field) ?? secret.data?.[field]
}

export const fieldOfMap = (data: ExactObject, field: string): unknown => data[field]

const known = (fields: Readonly<Record<string, unknown>>, field: string): unknown =>
  Object.hasOwn(fields, field) ? fields[field] : undefined

const authFields = (auth: WireAuth): Record<string, unknown> => ({
  token: auth.client_token,
  token_accessor: auth.accessor,
  token_duration: auth.lease_duration,
  token_renewable: auth.renewable,
  token_policies: auth.token_policies ?? [],
  identity_policies: auth.identity_policies ?? [],
  policies: auth.policies ?? [],
})

const wrapFields = (info: WireWrapInfo): Record<string, unknown> => ({
  wrapping_token: info.token,
  wrapping_accessor: info.accessor,
  wrapping_token_ttl: info.ttl,
  wrapping_token_creation_time: info.creation_time,
  wrapping_token_creation_path: info.creation_path,
  wrapped_accessor: info.wrapped_accessor,
})

const plainFields = (secret: WireSecret): Record<string, unknown> => ({
  lease_duration: secret.lease_duration,
  lease_id: secret.lease_id,
  request_id: secret.request_id,
  renewable: secret.renewable,
  refresh_interval: secret.lease_duration,
  ...(secret.data === null ? {} : { data: secret.data['data'] === undefined ? secret.data : secret.data['data'] }),
})
