/** An answer as the command prints it: the wire's names, every number with its digits, and null where nothing was sent. */
import { ExactNumber, exactObject, isExactObject, parseExact, type ExactJson, type ExactObject } from '../../client/src/exact-json.ts'

export interface WireSecret {
  readonly request_id: string
  readonly lease_id: string
  readonly lease_duration: ExactNumber
  readonly renewable: boolean
  readonly data: ExactObject | null
  readonly warnings: readonly string[] | null
  readonly auth: WireAuth | null
  readonly wrap_info: WireWrapInfo | null
  /** Only of servers that say so. */
  readonly mount_type?: string
}

export interface WireAuth {
  readonly client_token: string
  readonly accessor: string
  readonly policies: readonly string[] | null
  readonly token_policies: readonly string[] | null
  readonly identity_policies: readonly string[] | null
  readonly metadata: ExactObject | null
  readonly orphan: boolean
  readonly entity_id: string
  readonly lease_duration: ExactNumber
  readonly renewable: boolean
  readonly mfa_requirement: ExactObject | null
}

export interface WireWrapInfo {
  readonly token: string
  readonly accessor: string
  readonly ttl: ExactNumber
  readonly creation_time: string
  readonly creation_path: string
  readonly wrapped_accessor: string
}

const zero = new ExactNumber('0')
const envelopeNames = ['request_id', 'lease_id', 'data', 'warnings', 'auth', 'wrap_info']

/**
 * Reads an answer; null for one that says nothing. What has no envelope (`sys/seal-status`) becomes the data.
 * Throws `SyntaxError` when the text is no JSON object.
 */
export function parseSecret(text: string): WireSecret | null {
  if (text.trim() === '') return null
  const parsed = parseExact(text)
  if (!isExactObject(parsed)) throw new SyntaxError('the answer is no JSON object')
  if (!envelopeNames.some((name) => isPresent(parsed[name]))) return bareSecret(parsed)
  return {
    request_id: textOf(parsed['request_id']),
    lease_id: textOf(parsed['lease_id']),
    lease_duration: numberOf(parsed['lease_duration']),
    renewable: parsed['renewable'] === true,
    data: objectOf(parsed['data']),
    warnings: textsOf(parsed['warnings']),
    auth: authOf(objectOf(parsed['auth'])),
    wrap_info: wrapInfoOf(objectOf(parsed['wrap_info'])),
    ...(parsed['mount_type'] === undefined ? {} : { mount_type: textOf(parsed['mount_type']) }),
  }
}

const isPresent = (value: ExactJson | undefined): boolean => value !== undefined && value !== null && value !== ''

function bareSecret(members: ExactObject): WireSecret | null {
  const names = Object.keys(members)
  if (names.length === 0 || (names.length === 1 && names[0] === 'errors')) return null
  return secretOf(members)
}

/** An answer that holds only data. */
export const secretOf = (data: ExactObject | null): WireSecret => ({
  request_id: '',
  lease_id: '',
  lease_duration: zero,
  renewable: false,
  data,
  warnings: null,
  auth: null,
  wrap_info: null,
})

function authOf(auth: ExactObject | null): WireAuth | null {
  if (auth === null) return null
  return {
    client_token: textOf(auth['client_token']),
    accessor: textOf(auth['accessor']),
    policies: textsOf(auth['policies']),
    token_policies: textsOf(auth['token_policies']),
    identity_policies: textsOf(auth['identity_policies']),
    metadata: objectOf(auth['metadata']),
    orphan: auth['orphan'] === true,
    entity_id: textOf(auth['entity_id']),
    lease_duration: numberOf(auth['lease_duration']),
    renewable: auth['renewable'] === true,
    mfa_requirement: objectOf(auth['mfa_requirement']),
  }
}

function wrapInfoOf(info: ExactObject | null): WireWrapInfo | null {
  if (info === null) return null
  return {
    token: textOf(info['token']),
    accessor: textOf(info['accessor']),
    ttl: numberOf(info['ttl']),
    creation_time: textOf(info['creation_time']),
    creation_path: textOf(info['creation_path']),
    wrapped_accessor: textOf(info['wrapped_accessor']),
  }
}

export const textOf = (value: ExactJson | undefined): string => (typeof value === 'string' ? value : '')
export const numberOf = (value: ExactJson | undefined): ExactNumber => (value instanceof ExactNumber ? value : zero)
export const objectOf = (value: ExactJson | undefined): ExactObject | null => (isExactObject(value) ? value : null)
export const textsOf = (value: ExactJson | undefined): readonly string[] | null => (Array.isArray(value) ? value.map(String) : null)

/** An object without a prototype out of pairs: what the printers take for a map, whose names they sort. */
export function mapOf(entries: Iterable<readonly [string, ExactJson]>): ExactObject {
  const object = exactObject()
  for (const [name, value] of entries) object[name] = value
  return object
}

/** The names that a list answer holds, or null when it is none. */
export const listedKeys = (secret: WireSecret | null): readonly ExactJson[] | null => {
  const keys = secret?.data?.['keys']
  return Array.isArray(keys) ? keys : null
}

/** Whether the answer is wrapped: its content is reached with the wrapping token only. */
export const isWrapped = (secret: WireSecret | null): boolean => secret?.wrap_info != null && Number(secret.wrap_info.ttl) !== 0
