/** The one error of the client. It is safe to log: it never holds the token, a header or a body (compare CVE-2026-55102). */

/** What went wrong, independent of texts: match on this. */
export type ClientErrorCode =
  | 'bad_request'
  | 'permission_denied'
  | 'not_found'
  | 'unsupported'
  | 'precondition_failed'
  | 'too_many_requests'
  | 'sealed'
  | 'server_error'
  | 'bad_answer'
  | 'network'
  | 'timeout'
  | 'aborted'

const codes: Readonly<Record<number, ClientErrorCode>> = {
  403: 'permission_denied',
  404: 'not_found',
  405: 'unsupported',
  412: 'precondition_failed',
  429: 'too_many_requests',
  501: 'unsupported',
  503: 'sealed',
}

export const codeOfStatus = (status: number): ClientErrorCode =>
  codes[status] ?? (status >= 500 ? 'server_error' : status >= 400 ? 'bad_request' : 'bad_answer')

export interface ClientErrorFacts {
  readonly code: ClientErrorCode
  /** HTTP status, or 0 when no answer arrived. */
  readonly status: number
  /** The server's own texts, or what prevented an answer. */
  readonly errors: readonly string[]
  readonly method: string
  /** Without query, credentials or fragment. */
  readonly url: string
  /** False when `errors` holds the raw text of an answer that was not the API's. */
  readonly parsed?: boolean
  /** Values that must not occur in any text of the error. */
  readonly secrets?: readonly string[]
}

/** `message` reads "GET http://host/v1/path: 403 permission denied". */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  readonly status: number
  readonly errors: readonly string[]
  readonly method: string
  readonly url: string
  readonly parsed: boolean
  constructor(facts: ClientErrorFacts) {
    const clean = (text: string): string => redact(text, facts.secrets ?? [])
    const errors = facts.errors.map(clean)
    const url = clean(facts.url)
    super(`${facts.method} ${url}: ${facts.status === 0 ? '' : `${facts.status} `}${errors.join('; ') || facts.code}`)
    this.code = facts.code
    this.status = facts.status
    this.errors = errors
    this.method = facts.method
    this.url = url
    this.parsed = facts.parsed ?? true
  }
  toJSON(): Record<string, unknown> {
    const { name, code, status, errors, method, url } = this
    return { name, code, status, errors, method, url }
  }
}

export const isClientError = (error: unknown): error is ClientError => error instanceof ClientError

const secretMin = 8

/** Replaces all occurrences of the secrets, plain or percent-encoded. Short ones are left: `root` is a token of dev servers, and a word. */
function redact(text: string, secrets: readonly string[]): string {
  let result = text
  for (const secret of secrets) {
    if (secret.length < secretMin) continue
    result = result.replaceAll(secret, '<redacted>').replaceAll(encodeURIComponent(secret), '<redacted>')
  }
  return result
}
