/**
 * Requests of protocols whose clients have no tokens (EST). What they carry is taken to an auth method by a request of its own, which passes all stages
 * like any other: quotas, lockout, audit. The token that comes of it makes the request, is judged by its policies, and ends with it.
 */
import type { Core } from '../core/core.ts'
import { isJsonObject } from '../kit/fields.ts'
import { parseJson, type Json, type JsonObject } from '../kit/json.ts'
import type { Admission, BasicCredentials } from '../kit/operation.ts'
import { askAhead, isResolved } from './input.ts'
import { resolveTarget } from './resolve.ts'
import type { WireRequest, WireResponse } from './wire.ts'

type ServeAudited = (core: Core, wire: WireRequest, isProven?: boolean) => Promise<WireResponse>

/** Whether there may be such a way in. */
export const mayBeAdmitted = ({ token, verb }: WireRequest): boolean => token === null && (verb === 'write' || verb === 'read')

/** Serves like any other a request whose operation has no such way in. */
export async function serveAdmitted(core: Core, wire: WireRequest, serve: ServeAudited): Promise<WireResponse> {
  const target = await resolveTarget(core, wire)
  if (!isResolved(target) || target.operation.admit === null) return await serve(core, wire)
  const { admit } = target.operation
  const admission = await askAhead(core, wire, target, (call) => admit(call, basicCredentials(wire)))
  if (admission?.by === 'itself') return await serve(core, wire, true)
  const login = admission === null ? null : await logIn(core, wire, admission, serve)
  if (login !== null && 'refusal' in login) return login.refusal
  if (login === null) return asChallenge(await serve(core, wire))
  try {
    return await serve(core, changed(core, wire, { token: login.token }))
  } finally {
    if (login.isKept) await logOut(core, wire, login.token, serve)
  }
}

/** Null where the header is not there, or is nothing that can be read. */
function basicCredentials({ headers: { authorization } }: WireRequest): BasicCredentials | null {
  const [, encoded] = typeof authorization === 'string' ? (/^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []) : []
  if (encoded === undefined) return null
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  return colon < 0 ? null : { username: pair.slice(0, colon), password: pair.slice(colon + 1) }
}

/** A request that the server makes itself: nothing of the body, the headers or the wishes of the one that it is made for. */
const ownRequest = { verb: 'write', method: 'POST', query: '', raw: null, jsonText: null, upload: null, headers: Object.freeze({}), headerValues: () => [], wrapTtl: null, wrapFormat: null } as const satisfies Partial<WireRequest>

interface LoggedIn {
  readonly token: string
  /** Whether there is something in the store to be revoked. */
  readonly isKept: boolean
}

/** Null where the login was refused; what is no verdict on it (a rate limit, a failure) is answered as it stands. */
async function logIn(core: Core, wire: WireRequest, { accessor, path, data }: Extract<Admission, { by: 'login' }>, serve: ServeAudited): Promise<LoggedIn | { readonly refusal: WireResponse } | null> {
  const mount = await core.mounts.byAccessor(accessor)
  if (mount === null || mount.record.kind !== 'auth') return null
  const answer = await serve(core, changed(core, wire, { ...ownRequest, path: mount.record.path + path, data }))
  if (answer.status === 429 || answer.status >= 500) return { refusal: answer }
  const auth = answer.status === 200 && typeof answer.body === 'string' ? field(parseJson(answer.body), 'auth') : undefined
  const token = field(auth, 'client_token')
  return typeof token === 'string' && token !== '' ? { token, isKept: field(auth, 'token_type') !== 'batch' } : null
}

/** What was done is answered all the same: the token has an end of its own. */
async function logOut(core: Core, wire: WireRequest, token: string, serve: ServeAudited): Promise<void> {
  const answer = await serve(core, changed(core, wire, { ...ownRequest, token, path: 'auth/token/revoke-self', data: null })).catch(() => null)
  if (answer === null || answer.status >= 300) core.host.log('warn', 'request', 'the token of an enrolment could not be revoked', { request: wire.id })
}

const field = (value: Json | undefined, name: string): Json | undefined => (isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined)

/** Who is nobody is asked to say who it is (RFC 7030 §3.2.3). */
const asChallenge = (answer: WireResponse): WireResponse =>
  answer.status === 403 ? { ...answer, status: 401, headers: [...(answer.headers ?? []), ['WWW-Authenticate', 'Basic realm="enrolment", charset="UTF-8"']] } : answer

interface Changes extends Partial<Pick<WireRequest, 'verb' | 'method' | 'query' | 'raw' | 'jsonText' | 'upload' | 'headers' | 'headerValues' | 'wrapTtl' | 'wrapFormat' | 'path' | 'token'>> {
  readonly data?: JsonObject | null
}

/** The request of the same client, changed in parts; with an id of its own where it is another request. */
function changed(core: Core, wire: WireRequest, changes: Changes): WireRequest {
  return {
    id: changes.path === undefined ? wire.id : core.host.uuid(),
    verb: wire.verb, method: wire.method, path: wire.path, namespace: wire.namespace, token: wire.token, data: wire.data, jsonText: wire.jsonText, query: wire.query,
    headers: wire.headers, headerValues: (name) => wire.headerValues(name), wrapTtl: wire.wrapTtl, wrapFormat: wire.wrapFormat,
    remoteAddress: wire.remoteAddress, remotePort: wire.remotePort, isTls: wire.isTls, raw: wire.raw, upload: wire.upload, receivedAt: wire.receivedAt, client: wire.client,
    clientCertificate: () => wire.clientCertificate(), clientCertificates: () => wire.clientCertificates(),
    ...(wire.open === undefined ? {} : { open: wire.open }),
    ...changes,
  }
}
