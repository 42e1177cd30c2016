/** The shape of every answer of the API, and how it is read from the wire. */
import { ExactNumber, isExactObject, parseExact, type ExactObject } from './exact-json.ts'

/** A token that a login or `token.create` returned. Durations are in seconds. */
export interface Auth {
  readonly clientToken: string
  readonly accessor: string
  readonly policies: readonly string[]
  readonly tokenPolicies: readonly string[]
  readonly identityPolicies: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly leaseDuration: number
  readonly renewable: boolean
  readonly entityId: string
  readonly tokenType: string
  readonly orphan: boolean
}

/** A response that was wrapped: `token` opens it once with `client.unwrap`. */
export interface WrapInfo {
  readonly token: string
  readonly accessor: string
  /** Seconds. */
  readonly ttl: number
  /** RFC 3339. */
  readonly creationTime: string
  readonly creationPath: string
  /** The accessor of the token inside, or ''. */
  readonly wrappedAccessor: string
}

/** An answer. `data` is typed by the caller's word alone: it is what the server sent. */
export interface Secret<T = Record<string, unknown>> {
  readonly requestId: string
  readonly leaseId: string
  /** Seconds. */
  readonly leaseDuration: number
  readonly renewable: boolean
  readonly data: T
  readonly warnings: readonly string[]
  readonly auth: Auth | null
  readonly wrapInfo: WrapInfo | null
}

type Members = Readonly<Record<string, unknown>>

const asMembers = (value: unknown): Members | null =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : null
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number => (typeof value === 'number' || value instanceof ExactNumber ? Number(value) : 0)
const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

/**
 * Reads an answer. Endpoints without an envelope (`sys/seal-status`, `sys/health`) have their members in `data`.
 * With `exact`, numbers inside `data` are `ExactNumber`. Throws `SyntaxError` for text that is no JSON object.
 */
export function parseEnvelope<T>(text: string, exact: boolean): Secret<T> {
  const parsed: unknown = exact ? parseExact(text) : JSON.parse(text)
  const members = asMembers(parsed)
  if (members === null) throw new SyntaxError('the answer is no JSON object')
  return {
    requestId: textOf(members['request_id']),
    leaseId: textOf(members['lease_id']),
    leaseDuration: numberOf(members['lease_duration']),
    renewable: members['renewable'] === true,
    data: (isEnvelope(members) ? (members['data'] ?? null) : members) as T,
    warnings: textsOf(members['warnings']),
    auth: authOf(asMembers(members['auth'])),
    wrapInfo: wrapInfoOf(asMembers(members['wrap_info'])),
  }
}

const isEnvelope = (members: Members): boolean =>
  Object.hasOwn(members, 'lease_id') || Object.hasOwn(members, 'data') || Object.hasOwn(members, 'auth')

function authOf(auth: Members | null): Auth | null {
  if (auth === null) return null
  return {
    clientToken: textOf(auth['client_token']),
    accessor: textOf(auth['accessor']),
    policies: textsOf(auth['policies']),
    tokenPolicies: textsOf(auth['token_policies']),
    identityPolicies: textsOf(auth['identity_policies']),
    metadata: { ...(asMembers(auth['metadata']) as Record<string, string> | null) },
    leaseDuration: numberOf(auth['lease_duration']),
    renewable: auth['renewable'] === true,
    entityId: textOf(auth['entity_id']),
    tokenType: textOf(auth['token_type']),
    orphan: auth['orphan'] === true,
  }
}

function wrapInfoOf(info: Members | null): WrapInfo | null {
  if (info === null) return null
  return {
    token: textOf(info['token']),
    accessor: textOf(info['accessor']),
    ttl: numberOf(info['ttl']),
    creationTime: textOf(info['creation_time']),
    creationPath: textOf(info['creation_path']),
    wrappedAccessor: textOf(info['wrapped_accessor']),
  }
}

/** The texts in an answer's `errors`, or null when the text is not an error answer of the API. */
export function parseErrors(text: string): readonly string[] | null {
  try {
    const parsed = parseExact(text)
    const errors = isExactObject(parsed) ? (parsed as ExactObject)['errors'] : undefined
    return Array.isArray(errors) ? errors.map((error) => (typeof error === 'string' ? error : JSON.stringify(error))) : null
  } catch {
    return null // An answer of a proxy, perhaps: the caller keeps the raw text.
  }
}
