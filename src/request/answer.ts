/** The answer's body: Vault's envelope, written by hand because its order and its empty values are what clients know. */
import type { LeaseRecord } from '../core/leases/record.ts'
import type { WrapInfo } from '../core/wrapping.ts'
import { encodeJson, isLongJson } from '../kit/json.ts'
import { encodePieces, type JsonPiece } from '../kit/json-pieces.ts'
import { keysOf } from '../kit/json-steps.ts'
import type { Data, Reply } from '../kit/result.ts'
import { nextTurn } from '../kit/turns.ts'
import type { IssuedAuth } from './issue.ts'
import type { WireResponse } from './wire.ts'

export interface AuthAnswer {
  readonly client_token: string
  readonly accessor: string
  readonly policies: readonly string[]
  readonly token_policies?: readonly string[] | undefined
  readonly identity_policies?: readonly string[] | undefined
  readonly metadata: Readonly<Record<string, string>> | null
  readonly lease_duration: number
  readonly renewable: boolean
  readonly entity_id: string
  readonly token_type: 'service' | 'batch'
  readonly orphan: boolean
  readonly mfa_requirement: null
  readonly num_uses: number
}

/** All that an answer says, before it is bytes: what is wrapped, what is audited, what is sent. */
export interface Outcome {
  readonly status: number
  readonly data: Data | null
  /** For the audit log, in place of `data`. */
  readonly auditData: Data | null
  readonly warnings: readonly string[]
  readonly auth: AuthAnswer | null
  readonly lease: { readonly id: string; readonly renewable: boolean; readonly seconds: number } | null
  readonly wrapInfo: WrapInfo | null
  /** '' where nothing was made that has one. */
  readonly wrappedAccessor: string
  readonly repeatedAtTop: boolean
  readonly emptyWarnings: boolean
  readonly raw: NonNullable<Reply['fields']['raw']> | null
  /** True: nothing to say, so no body at all. */
  readonly empty: boolean
  readonly errors: readonly string[] | null
  /** Refused because there is too much to do: the same request may succeed soon. */
  readonly isOverloaded: boolean
}

/** Nothing but what is given. One literal: spreads would cost a runtime call for each request. */
export const outcome = ({
  status = 200, data = null, auditData = null, warnings = noWarnings, auth = null, lease = null, wrapInfo = null, wrappedAccessor = '', repeatedAtTop = false, emptyWarnings = false,
  raw = null, empty = false, errors = null, isOverloaded = false,
}: Partial<Outcome>): Outcome => ({ status, data, auditData, warnings, auth, lease, wrapInfo, wrappedAccessor, repeatedAtTop, emptyWarnings, raw, empty, errors, isOverloaded })

const noWarnings: readonly string[] = Object.freeze([])

export function authAnswer({ token: { id, record }, identityPolicies }: Pick<IssuedAuth, 'token' | 'identityPolicies'>, numUses = record.numUses): AuthAnswer {
  return {
    client_token: id,
    accessor: record.accessor,
    policies: identityPolicies.length === 0 ? record.policies : [...new Set([...record.policies, ...identityPolicies])].sort(),
    // No spreads, which would cost a runtime call for every field after them; what is undefined is not written.
    token_policies: record.policies.length === 0 ? undefined : record.policies,
    identity_policies: identityPolicies.length === 0 ? undefined : identityPolicies,
    metadata: record.metadata,
    lease_duration: record.ttl,
    renewable: record.renewable,
    entity_id: record.entityId,
    token_type: record.type,
    orphan: record.parent === null,
    mfa_requirement: null,
    num_uses: numUses,
  }
}

export const leaseAnswer = (lease: LeaseRecord): Outcome['lease'] =>
  lease.secret === null ? null : { id: lease.id, renewable: lease.secret.renewable, seconds: lease.secret.ttl }

/** The envelope as text. `data` may hold `JsonText`, which is embedded as it stands. */
export const envelope = (requestId: string, out: Outcome): string =>
  beforeData(requestId, out) + (out.data === null ? 'null' : encodeJson(out.data)) + afterData(out) + (out.repeatedAtTop && out.data !== null ? repeated(out.data) : '') + '}'

const beforeData = (requestId: string, { lease, wrapInfo }: Outcome): string =>
  `{"request_id":"${wrapInfo === null ? requestId : ''}","lease_id":${lease === null || lease.id === '' ? '""' : JSON.stringify(lease.id)}` +
  `,"renewable":${lease?.renewable === true},"lease_duration":${lease?.seconds ?? 0},"data":`

const afterData = (out: Outcome): string =>
  `,"wrap_info":${out.wrapInfo === null ? 'null' : JSON.stringify(out.wrapInfo)}` +
  `,"warnings":${out.warnings.length === 0 && !out.emptyWarnings ? 'null' : JSON.stringify(out.warnings)}` +
  `,"auth":${out.auth === null ? 'null' : JSON.stringify(out.auth)}`

/** Answers with more names or entries are written in pieces, while the client takes them. */
const wholeEntriesMax = 4_000

/** The same text in pieces, with a turn of the event loop between them. */
async function* envelopePieces(requestId: string, out: Outcome, data: Data): AsyncGenerator<JsonPiece> {
  yield beforeData(requestId, out)
  yield* withTurns(encodePieces(data))
  yield afterData(out)
  const again = out.repeatedAtTop ? besideEnvelope(data) : {}
  if (keysOf(again).length === 0) return yield '}'
  yield ','
  yield* withTurns(unopened(encodePieces(again)))
}

async function* withTurns(pieces: Iterable<JsonPiece>): AsyncGenerator<JsonPiece> {
  for (const piece of pieces) {
    if (piece.length > 0) yield piece
    await nextTurn()
  }
}

/** Without the brace at the beginning: it is that of the envelope. */
function* unopened(pieces: Iterable<JsonPiece>): Generator<JsonPiece> {
  let isOpen = false
  for (const piece of pieces) {
    yield isOpen ? piece : piece.slice(1)
    isOpen ||= piece.length > 0
  }
}

const envelopeKeys = ['request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings', 'auth']

/** The data, without keys that the envelope has itself. */
const besideEnvelope = (data: Data): Data =>
  envelopeKeys.some((key) => Object.hasOwn(data, key)) ? Object.fromEntries(Object.entries(data).filter(([key]) => !envelopeKeys.includes(key))) : data

/** The keys of the data once more. */
function repeated(data: Data): string {
  const text = encodeJson(besideEnvelope(data))
  return text === '{}' ? '' : `,${text.slice(1, -1)}`
}

/** What every refusal says that is due to load (RFC 9110, section 10.2.3): seconds. */
export const retrySoon: readonly [string, string] = ['Retry-After', '1']

export function answerOf(requestId: string, out: Outcome): WireResponse {
  if (out.raw !== null) return rawAnswer(out.status, out.raw)
  if (out.errors !== null) return { status: out.status, body: errorBody(out.errors, out.data), ...(out.isOverloaded ? { headers: [retrySoon] } : {}) }
  if (out.empty) return { status: out.status, body: null }
  if (out.data !== null && isLongJson(out.data, wholeEntriesMax)) return { status: out.status, body: null, stream: envelopePieces(requestId, out, out.data) }
  return { status: out.status, body: envelope(requestId, out) }
}

function rawAnswer(status: number, raw: NonNullable<Outcome['raw']>): WireResponse {
  const { body, contentType, headers = noHeaders } = raw
  return typeof body === 'string' || body instanceof Uint8Array ? { status, headers, body, contentType } : { status, headers, body: null, contentType, stream: body }
}

const noHeaders: NonNullable<WireResponse['headers']> = []

const errorBody = (errors: readonly string[], data: Data | null): string =>
  data === null ? JSON.stringify({ errors }) : encodeJson({ errors, data })
