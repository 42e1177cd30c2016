/** What every part of the client stands on: the verbs over paths, and the options of a request. */
import type { Auth, Secret } from './envelope.ts'
import { ClientError } from './errors.ts'
import type { Query } from './path.ts'
import type { RawAnswer } from './transport.ts'

export interface RequestOptions {
  readonly signal?: AbortSignal
  readonly query?: Query
  /** For this request only; '' or null sends no token. */
  readonly token?: string | null
  readonly namespace?: string
  /** Seconds or a duration such as `5m`: the answer arrives wrapped, in `wrapInfo`. */
  readonly wrapTtl?: string | number
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
  readonly maxRetries?: number
}

export interface BodyOptions extends RequestOptions {
  /** An object is sent as JSON, `ExactNumber`s digit by digit; a string as it is. */
  readonly body?: unknown
  /** Default `application/json`. */
  readonly contentType?: string
}

export interface ListOptions extends RequestOptions {
  /** Only names that sort after this one. */
  readonly after?: string
  readonly limit?: number
}

export interface Verbs {
  /** Null where nothing is stored (404). */
  read<T = Record<string, unknown>>(path: string, options?: RequestOptions): Promise<Secret<T> | null>
  /** Null where nothing is stored. */
  list<T = { keys: string[] }>(path: string, options?: ListOptions): Promise<Secret<T> | null>
  /** Null for an answer without a body (204). */
  write<T = Record<string, unknown>>(path: string, data?: object, options?: RequestOptions): Promise<Secret<T> | null>
  /** JSON merge patch (RFC 7396). */
  patch<T = Record<string, unknown>>(path: string, data: object, options?: RequestOptions): Promise<Secret<T> | null>
  delete<T = Record<string, unknown>>(path: string, options?: RequestOptions): Promise<Secret<T> | null>
  /** Opens a wrapped answer: of the given wrapping token, or, without one, of the client's own token. */
  unwrap<T = Record<string, unknown>>(token?: string, options?: RequestOptions): Promise<Secret<T> | null>
  /** Any method on any path below `/v1/`; resolves with the answer whatever its status. */
  request(method: string, path: string, options?: BodyOptions): Promise<RawAnswer>
}

/** For answers that the API never gives without a body. Throws `ClientError` 'bad_answer'. */
export function expectSecret<T>(secret: Secret<T> | null, path: string): Secret<T> {
  if (secret !== null) return secret
  throw new ClientError({ code: 'bad_answer', status: 0, errors: ['the answer is empty'], method: 'ANSWER', url: path })
}

/** The token of an answer that must hold one. Throws `ClientError` 'bad_answer'. */
export function expectAuth(secret: Secret<unknown> | null, path: string): Auth {
  const auth = expectSecret(secret, path).auth
  if (auth !== null) return auth
  throw new ClientError({ code: 'bad_answer', status: 0, errors: ['the answer holds no token'], method: 'ANSWER', url: path })
}
