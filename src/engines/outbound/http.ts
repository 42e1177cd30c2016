/**
 * Requests to the systems behind engines: over HTTP, each on a connection of its own, within a time, with bounded answers, without redirects. What comes
 * of a failure never holds a header, a body, or what stands behind the host in the URL.
 */
import { createHash } from 'node:crypto'
import { lookup as lookupName, type LookupAddress } from 'node:dns'
import { request as overHttp, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as overHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { NothingDone } from '../../kit/outside.ts'

export interface HttpTls {
  /** PEM; in place of the authorities that Node knows. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly insecure?: boolean
  /** SHA-256 of the certificate that the server must have, besides all else: 64 hexadecimal digits in lower case. */
  readonly pin?: string
  /** Default: 1.2. */
  readonly minVersion?: 'TLSv1.3'
}

export interface HttpSettings {
  readonly tls?: HttpTls
  readonly timeoutSeconds: number
  /** Default: a megabyte. */
  readonly answerBytesMax?: number
  /** Asked about the address that is about to be connected to, after names were looked up. Throws to refuse it. */
  readonly checkAddress?: (address: string) => void
}

export interface HttpRequest {
  readonly method: string
  readonly url: URL
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string
  readonly signal: AbortSignal
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** No request has left: nothing was done. */
class HttpUnreached extends NothingDone {
  constructor(message: string, options: ErrorOptions = {}) {
    super('bad_gateway', message, options)
  }
}

const answerBytesDefault = 1024 * 1024

/** Throws `bad_request` that names the field, for anything but an address of http or https without a user, a query and a fragment. */
export function parseBaseUrl(text: string, field: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) throw badRequest(`${field} must be a URL of http or https`)
  if (url.username !== '' || url.password !== '') throw badRequest(`${field} may not hold a user or a password`)
  if (url.search !== '' || url.hash !== '') throw badRequest(`${field} may not hold a query or a fragment`)
  return url
}

/** The URL of something below a base. `parts` are escaped; a part that is a dot or two would be another place. Throws `bad_request`. */
export function urlBelow(base: URL, parts: readonly string[]): URL {
  if (parts.some((part) => /^\.{0,2}$/.test(part))) throw badRequest('a name that is empty, "." or ".." cannot be part of an address')
  return new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}/${parts.map(encodeURIComponent).join('/')}`)
}

/** Throws `HttpUnreached` when nothing was sent, and `bad_gateway` when what was sent got no answer, or one that is too long. */
export function sendHttp(settings: HttpSettings, { method, url, headers = {}, body, signal }: HttpRequest): Promise<HttpAnswer> {
  const over = AbortSignal.any([signal, AbortSignal.timeout(settings.timeoutSeconds * 1000)])
  const isTls = url.protocol === 'https:'
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    let isSent = false
    const fail = (error: Error): void => reject(failureOf(error, url, { isSent, isLate: over.aborted && !signal.aborted, seconds: settings.timeoutSeconds }))
    const options = { method, headers: { ...headers, ...length }, agent: false, signal: over, lookup: checkedLookup(settings), ...(isTls ? tlsOptions(settings.tls ?? {}) : {}) }
    let sent: ClientRequest
    try {
      if (isIP(hostOf(url)) !== 0) settings.checkAddress?.(hostOf(url))
      sent = (isTls ? overHttps : overHttp)(url, options, (answer) => void readAnswer(answer, settings.answerBytesMax ?? answerBytesDefault).then(resolve, fail))
    } catch (error) {
      return fail(error instanceof Error ? error : new Error('cannot be asked'))
    }
    sent.once('socket', (socket) => socket.once(isTls ? 'secureConnect' : 'connect', () => (isSent = true)))
    sent.once('error', fail)
    sent.end(body)
  })
}

const hostOf = (url: URL): string => url.hostname.replaceAll(/[[\]]/g, '')

const tlsOptions = ({ ca, cert, key, serverName, insecure, minVersion, pin }: HttpTls) => ({
  minVersion: minVersion ?? ('TLSv1.2' as const),
  rejectUnauthorized: insecure !== true,
  ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }), ...(serverName === undefined ? {} : { servername: serverName }),
  ...(pin === undefined ? {} : { checkServerIdentity: (host: string, peer: PeerCertificate) => checkServerIdentity(host, peer) ?? differenceOf(peer, pin) }),
})

const differenceOf = ({ raw }: PeerCertificate, pin: string): Error | undefined =>
  createHash('sha256').update(raw).digest('hex') === pin ? undefined : new ApiError('bad_gateway', 'the server has another certificate than the one that is pinned')

/** What a name stands for is checked where it is connected to, so that a name that changes between two questions gains nothing. */
const checkedLookup = ({ checkAddress }: HttpSettings): LookupFunction => (hostname, options, callback) => {
  lookupName(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
    if (error !== null) return callback(error, '', 0)
    try {
      for (const { address } of found) checkAddress?.(address)
    } catch (refusal) {
      return callback(refusal as NodeJS.ErrnoException, '', 0)
    }
    const [first] = found
    if (options.all === true) callback(null, found)
    else callback(null, first?.address ?? '', first?.family ?? 0)
  })
}

async function readAnswer(answer: IncomingMessage, bytesMax: number): Promise<HttpAnswer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bytesMax) throw new ApiError('bad_gateway', `the answer is longer than ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  const headers = Object.entries(answer.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : String(value)])
  return { status: answer.statusCode ?? 0, headers: Object.fromEntries(headers), text: Buffer.concat(chunks).toString('utf8') }
}

function failureOf(error: Error & { readonly code?: unknown }, url: URL, { isSent, isLate, seconds }: { readonly isSent: boolean; readonly isLate: boolean; readonly seconds: number }): ApiError {
  const known = typeof error.code === 'string' && !(error instanceof ApiError) && error.code !== 'ABORT_ERR' ? error.code : error.message
  const why = `${url.origin}: ${isLate ? `no answer within ${seconds} seconds` : known}`
  return isSent ? new ApiError('bad_gateway', why, { cause: error }) : new HttpUnreached(why, { cause: error })
}
