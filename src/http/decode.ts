/**
 * The head of a request: from method, target and headers to what is asked, of which path, by whom. Everything that the rest of the
 * server trusts about a path is established here; the body follows in `body.ts`.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { ApiError, badRequest } from '../kit/errors.ts'
import type { JsonObject } from '../kit/json.ts'
import type { WireVerb } from '../request/wire.ts'
import { listForm } from './answers.ts'
import { parseNamespace, parsePath } from './path.ts'
import { findFlag, parseQuery, queryFields, type Pairs } from './query.ts'

/** See `WireRequest` for what the fields mean. `data` is what the query says; a write gets its own from the body. */
export interface RequestHead {
  readonly verb: WireVerb
  readonly path: string
  readonly namespace: string
  readonly token: string | null
  readonly query: string
  readonly data: JsonObject | null
}

const prefix = '/v1/'

/** The part of a target that names the resource: `http://host/v1/x` (RFC 9112 §3.2.2, what proxies are sent) means `/v1/x`. */
export function targetOf(url: string): string {
  if (url.startsWith('/')) return url
  return url.replace(/^https?:\/\/[^/?#]*/i, '')
}

export const isApiTarget = (target: string): boolean => target.startsWith(prefix)

/**
 * Decodes a head whose target lies below `/v1/`. Throws `ApiError`: 405 for methods without a meaning, 400 for what is malformed,
 * 415 for a patch of another type.
 */
export function decodeHead(method: string, target: string, headers: IncomingHttpHeaders): RequestHead {
  const mark = target.indexOf('?')
  const query = mark < 0 ? '' : target.slice(mark + 1)
  const path = parsePath(mark < 0 ? target.slice(prefix.length) : target.slice(prefix.length, mark))
  const pairs = parseQuery(query)
  const verb = verbOf(method, pairs)
  checkWrite(verb, path, headers)
  const namespace = headers['x-vault-namespace']
  return {
    verb,
    path: (verb === 'list' || verb === 'scan') && path !== '' && !path.endsWith('/') ? `${path}/` : path,
    namespace: typeof namespace === 'string' ? parseNamespace(namespace) : '',
    token: tokenOf(headers),
    query,
    data: query === '' ? null : fieldsFrom(method, verb, pairs),
  }
}

function verbOf(method: string, pairs: Pairs): WireVerb {
  const plainVerb = plainVerbOf(method)
  if (pairs.size === 0) return plainVerb
  const help = pairs.get('help')?.[0]
  if (help !== undefined && help !== '') return 'help'
  return plainVerb === 'read' ? readVerbOf(pairs) : plainVerb
}

function plainVerbOf(method: string): WireVerb {
  switch (method) {
    case 'GET':
      return 'read'
    case 'POST':
    case 'PUT':
      return 'write'
    case 'LIST':
      return 'list'
    case 'DELETE':
      return 'delete'
    case 'PATCH':
      return 'patch'
    case 'SCAN':
      return 'scan'
    case 'HEAD':
      return 'head'
    case 'HELP':
      return 'help'
    case 'OPTIONS':
      throw new ApiError('unsupported_operation', listForm(['unsupported operation']))
    default:
      throw new ApiError('unsupported_operation', '')
  }
}

function readVerbOf(pairs: Pairs): WireVerb {
  const list = flagOf(pairs, 'list')
  const scan = flagOf(pairs, 'scan')
  if (list && scan) throw badRequest('')
  return list ? 'list' : scan ? 'scan' : 'read'
}

function flagOf(pairs: Pairs, name: string): boolean {
  const text = pairs.get(name)?.[0] ?? ''
  const flag = text === '' ? false : findFlag(text)
  if (flag === null) throw badRequest('')
  return flag
}

/** The flag that made a GET a list or scan is not a field; on the verbs LIST and SCAN it is one like any other. */
function fieldsFrom(method: string, verb: WireVerb, pairs: Pairs): JsonObject | null {
  if (verb === 'write' || verb === 'patch' || verb === 'help') return null
  return queryFields(pairs, method === 'GET' && verb !== 'read' ? ['help', verb] : ['help'])
}

/** What is refused about a write whatever its path: said before the body is read. */
function checkWrite(verb: WireVerb, path: string, headers: IncomingHttpHeaders): void {
  if (verb !== 'write' && verb !== 'patch') return
  if (verb === 'patch') checkPatchType(headers['content-type'] ?? '')
  if (path.endsWith('/')) throw badRequest("cannot write to a path ending in '/'")
}

const patchType = 'application/merge-patch+json'

function checkPatchType(header: string): void {
  const type = mediaType(header)
  // The first text is Go's, as clients know it.
  if (type === '') throw badRequest('mime: no media type')
  if (!/^[!#$%&'*+.^`|~\w-]+(?:\/[!#$%&'*+.^`|~\w-]+)?$/.test(type)) throw badRequest('the Content-Type of the request is malformed')
  if (type !== patchType) throw new ApiError('unsupported_media', `PATCH requires Content-Type of ${patchType}, provided ${type}`)
}

/** The type without its parameters, in lower case; '' when there is none. */
export function mediaType(header: string): string {
  const semicolon = header.indexOf(';')
  return (semicolon < 0 ? header : header.slice(0, semicolon)).trim().toLowerCase()
}

const bearer = 'Bearer '

/** `X-Vault-Token` wins; the scheme of `Authorization` is compared with case, as Vault does. */
function tokenOf(headers: IncomingHttpHeaders): string | null {
  const token = headers['x-vault-token']
  if (typeof token === 'string' && token !== '') return token
  const { authorization } = headers
  if (authorization === undefined || !authorization.startsWith(bearer)) return null
  return authorization.slice(bearer.length).trim() || null
}
