/** Cross-origin requests from browsers (Fetch standard), for pages of other origins that may use the API. */
import type { IncomingHttpHeaders } from 'node:http'
import type { WireResponse } from '../request/wire.ts'
import { errorsAnswer } from './answers.ts'

/** As stored by `sys/config/cors`. */
export interface CorsSettings {
  readonly enabled: boolean
  /** Compared as they stand; `['*']` allows every origin. */
  readonly allowedOrigins: readonly string[]
  /** The complete list that a preflight is told. */
  readonly allowedHeaders: readonly string[]
}

/** What follows for one request: an answer that ends it, or headers that its answer must carry. */
export interface CorsVerdict {
  readonly answer: WireResponse | null
  readonly headers: readonly (readonly [string, string])[]
}

const noConcern: CorsVerdict = Object.freeze({ answer: null, headers: [] })
const methods = ['DELETE', 'GET', 'OPTIONS', 'POST', 'PUT', 'LIST', 'SCAN']
const preflightSeconds = '300'

/** Judges a request that has an `Origin`; requests without one, and all while CORS is off, are of no concern. */
export function judgeOrigin(settings: CorsSettings | null, method: string, headers: IncomingHttpHeaders): CorsVerdict {
  const { origin } = headers
  if (settings === null || !settings.enabled || origin === undefined || origin === '') return noConcern
  if (!isAllowed(settings, origin)) return { answer: errorsAnswer(403, ['origin not allowed']), headers: [] }
  const allowed: readonly (readonly [string, string])[] = [
    ['Access-Control-Allow-Origin', origin],
    ['Vary', 'Origin'],
  ]
  if (method !== 'OPTIONS') return { answer: null, headers: allowed }
  const wanted = headers['access-control-request-method']
  if (wanted === undefined || !methods.includes(wanted)) return { answer: { status: 405, body: null, contentType: '' }, headers: [] }
  return { answer: { status: 200, body: null, contentType: '' }, headers: [...allowed, ...preflightHeaders(settings)] }
}

function isAllowed({ allowedOrigins }: CorsSettings, origin: string): boolean {
  return (allowedOrigins.length === 1 && allowedOrigins[0] === '*') || allowedOrigins.includes(origin)
}

function preflightHeaders(settings: CorsSettings): (readonly [string, string])[] {
  return [
    ['Access-Control-Allow-Methods', methods.join(',')],
    ['Access-Control-Allow-Headers', settings.allowedHeaders.join(',')],
    ['Access-Control-Max-Age', preflightSeconds],
  ]
}
