/** Requests to the services behind seals: small JSON and forms over HTTP, with a deadline, without redirects, and never a secret in an error. */
import { request as overHttp } from 'node:http'
import { request as overHttps, type RequestOptions } from 'node:https'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson, type JsonObject } from '../../kit/json.ts'
import { SealUnreachable } from './seal.ts'

export interface RemoteTls {
  /** PEM. In place of the authorities of the system. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  readonly insecure?: boolean
}

export interface RemoteRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface RemoteAnswer {
  readonly status: number
  /** What the body holds as JSON; null when that is no object. */
  readonly json: Readonly<Record<string, unknown>> | null
}

export type SendRemote = (request: RemoteRequest) => Promise<RemoteAnswer>

const deadlineMs = 10_000
const bodyBytesMax = 256 * 1024

/** `service` is how it is called in errors. The function throws `SealUnreachable`, with the status or the error of the connection at most. */
export function remoteSender(service: string, tls: RemoteTls = {}): SendRemote {
  return (request) => new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new SealUnreachable(`${service} at ${new URL(request.url).origin}: ${why}`))
    const secure = request.url.startsWith('https:')
    const settings = secure ? { minVersion: 'TLSv1.2' as const, rejectUnauthorized: tls.insecure !== true, ...pick(tls) } : {}
    const headers = { ...request.headers, ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }) }
    const sent = (secure ? overHttps : overHttp)(request.url, { method: request.method, headers, agent: false, signal: AbortSignal.timeout(deadlineMs), ...settings }, (answer) => {
      const chunks: Buffer[] = []
      let size = 0
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > bodyBytesMax) answer.destroy(new Error('the answer is too long'))
        chunks.push(chunk)
      })
      answer.once('error', (error) => fail(reasonOf(error)))
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, json: parseObject(Buffer.concat(chunks).toString('utf8')) }))
    })
    sent.once('error', (error) => fail(reasonOf(error)))
    sent.end(request.body)
  })
}

const pick = ({ ca, cert, key, serverName }: RemoteTls): RequestOptions => ({
  ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }), ...(serverName !== undefined && { servername: serverName }),
})

function reasonOf(error: Error & { readonly code?: unknown }): string {
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return `no answer within ${deadlineMs / 1000} s`
  return typeof error.code === 'string' ? error.code : error.message
}

/** Null for what is no JSON object. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value = parseJson(text)
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}

/** A text of an answer that is there by its documentation. Throws `SealUnreachable` naming it. */
export function textIn(service: string, json: Readonly<Record<string, unknown>> | null, name: string): string {
  const value = json !== null && Object.hasOwn(json, name) ? json[name] : undefined
  if (typeof value !== 'string' || value === '') throw new SealUnreachable(`${service}: the answer has no ${name}`)
  return value
}

/** What an operator is told of an answer that is no success. */
export const refusedBy = (service: string, { status }: RemoteAnswer, what: string): SealUnreachable => new SealUnreachable(`${service} refuses to ${what} (status ${status})`)
