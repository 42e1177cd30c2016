/** Every failure that a caller can see is one of these codes; the HTTP status is a property of the code. */
export const statusOf = {
  bad_request: 400,
  /** Wrong user, password or secret id: counted against the user. */
  invalid_credentials: 400,
  permission_denied: 403,
  not_found: 404,
  unsupported_path: 404,
  unsupported_operation: 405,
  precondition_failed: 412,
  conflict: 409,
  body_too_large: 413,
  unsupported_media: 415,
  too_many_requests: 429,
  internal: 500,
  not_initialized: 501,
  bad_gateway: 502,
  sealed: 503,
  overloaded: 503,
} as const

export type ErrorCode = keyof typeof statusOf

export interface ErrorDetail extends ErrorOptions {
  /** For the server's log only: may name internals, never a secret. */
  readonly detail?: string
  /** Fields beside `errors` in the body of the answer. */
  readonly data?: Readonly<Record<string, unknown>>
}

/**
 * A refusal or failure with two texts: `message` goes to the caller and names the field or path at fault,
 * `detail` goes to the log. Neither ever holds the value of a secret. Anything thrown that is not an `ApiError`
 * is a bug: the caller sees `internal error`, the log sees the rest.
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: ErrorCode
  readonly detail: string | undefined
  readonly data: Readonly<Record<string, unknown>> | undefined
  constructor(code: ErrorCode, message: string, options: ErrorDetail = {}) {
    super(message, options)
    this.code = code
    this.detail = options.detail
    this.data = options.data
  }
  get status(): number {
    return statusOf[this.code]
  }
}

export const badRequest = (message: string, options?: ErrorDetail): ApiError => new ApiError('bad_request', message, options)
export const permissionDenied = (options?: ErrorDetail): ApiError => new ApiError('permission_denied', 'permission denied', options)
export const internal = (detail: string, options?: ErrorDetail): ApiError =>
  new ApiError('internal', 'internal error', { ...options, detail })

/** Where a failure was thrown, for the log: the first places of its stack, without its message, which may quote what it was given. */
export function placeOfFailure(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const message = error instanceof Error ? stack.indexOf(error.message) : -1
  const places = message < 0 || !(error instanceof Error) ? '' : stack.slice(message + error.message.length)
  return places.split('\n').filter((line) => /^ +at /.test(line)).slice(0, 5).map((line) => line.trim()).join(' ')
}

/** Thrown by `Store.commit` when an expectation does not hold: read again and try again. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
  readonly key: string
  constructor(key: string) {
    super(`"${key}" changed since it was read`)
    this.key = key
  }
}
