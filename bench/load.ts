/** The load generator: so many connections, each with one request under way, for so long. */
import { Worker } from 'node:worker_threads'
import { type FollowUp } from './connection.ts'
import { mergeHistograms, quantileOf } from './histogram.ts'
import type { ThreadResult, ThreadWork } from './load-thread.ts'

export interface Load {
  readonly addr: string
  /** Whole HTTP requests; see `formatRequest`. */
  readonly requests: readonly string[]
  readonly followUp?: FollowUp
  readonly connections: number
  readonly seconds: number
  readonly threads: number
}

export interface LoadResult {
  readonly count: number
  readonly errors: number
  readonly firstError: string
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

export interface RequestParts {
  readonly method: string
  /** Below `/v1/`. */
  readonly path: string
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** A request as it goes over the wire. */
export function formatRequest({ method, path, token, headers = {}, body }: RequestParts): string {
  const text = body === undefined ? '' : JSON.stringify(body)
  const lines = [`${method} /v1/${path} HTTP/1.1`, 'Host: bench', ...(token === undefined ? [] : [`X-Vault-Token: ${token}`])]
  if (text) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`)
  lines.push(...Object.entries(headers).map(([name, value]) => `${name}: ${value}`))
  return `${lines.join('\r\n')}\r\n\r\n${text}`
}

function runThread(work: ThreadWork): Promise<ThreadResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('load-thread.js', import.meta.url), { workerData: work })
    let result: ThreadResult | undefined
    worker.on('message', (message: ThreadResult) => (result = message)).on('error', reject)
    worker.on('exit', () => (result ? resolve(result) : reject(new Error('a thread of the load generator ended early'))))
  })
}

export async function runLoad({ addr, requests, followUp, connections, seconds, threads }: Load): Promise<LoadResult> {
  const { hostname, port } = new URL(addr)
  const plan = { host: hostname, port: Number(port), requests, ...(followUp && { followUp }) }
  const shares = Array.from({ length: Math.min(threads, connections) }, (_, i) => Math.floor((connections + i) / Math.min(threads, connections)))
  const offset = (i: number): number => Math.floor((requests.length * i) / shares.length)
  const results = await Promise.all(shares.map((share, i) => runThread({ plan, connections: share, seconds, offset: offset(i) })))
  const latencies = mergeHistograms(results.map((result) => result.latencies))
  return {
    count: results.reduce((sum, result) => sum + result.count, 0),
    errors: results.reduce((sum, result) => sum + result.errors, 0),
    firstError: results.map((result) => result.firstError).find(Boolean) ?? '',
    perSecond: results.reduce((sum, result) => sum + result.count / result.seconds, 0),
    p50: quantileOf(latencies, 0.5),
    p99: quantileOf(latencies, 0.99),
  }
}
