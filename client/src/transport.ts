/** One exchange with the server: address, deadline, one redirect, retries. Knows nothing of secrets or mounts. */
import { ClientError, codeOfStatus } from './errors.ts'

/** What the client needs of `fetch`; the global one fits, and so does `nodeFetch` of `@coffer/client/node`. */
export type FetchLike = (url: string, init: FetchInit) => Promise<FetchAnswer>

type HeaderMap = Readonly<Record<string, string>>

export interface FetchInit {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: string | Uint8Array
  readonly signal: AbortSignal
  readonly redirect: 'manual'
}

export interface FetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  arrayBuffer(): Promise<ArrayBuffer>
}

/** An answer as it arrived, whatever its status. */
export interface RawAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly bytes: Uint8Array
  /** `bytes` as UTF-8. */
  readonly text: string
  /** Where the request was sent, for messages: without query, credentials or fragment. */
  readonly url: string
}

export interface Exchange {
  readonly method: string
  /** The server, such as `https://vault.example:8200` or `unix:///run/coffer.sock`. */
  readonly address: string
  /** Percent-encoded, with query, beginning with `/`. */
  readonly target: string
  readonly headers: HeaderMap
  readonly body: string | Uint8Array | undefined
  readonly signal: AbortSignal | undefined
  /** For all attempts together, in milliseconds; 0 is no limit. */
  readonly timeoutMs: number
  readonly maxRetries: number
  /** Before the first retry, in milliseconds; it doubles, and varies by up to a half. */
  readonly retryDelayMs: number
  readonly fetch: FetchLike
  /** Whether a redirect is followed (once, and never from https to http). */
  readonly redirects: boolean
}

const redirectStatuses: readonly number[] = [301, 302, 307, 308]
const repeatable: readonly string[] = ['GET', 'HEAD', 'DELETE']

const isTemporary = (status: number): boolean => status === 412 || (status >= 500 && status !== 501)

/** Sends until an answer is not temporary or the retries are used up. Throws `ClientError` when no answer arrived. */
export async function exchange(plan: Exchange): Promise<RawAnswer> {
  const limits = openLimits(plan)
  try {
    return await attempts(plan, limits)
  } catch (error) {
    throw failure(plan, error, limits.timedOut())
  } finally {
    limits.close()
  }
}

async function attempts(plan: Exchange, { signal }: Limits): Promise<RawAnswer> {
  for (let attempt = 0; ; attempt++) {
    const last = attempt >= plan.maxRetries
    try {
      const answer = await send(plan, plan.address + plan.target, signal, plan.redirects)
      if (last || !isTemporary(answer.status)) return answer
    } catch (error) {
      if (last || signal.aborted || !repeatable.includes(plan.method)) throw error
    }
    await pause(plan.retryDelayMs * 2 ** attempt * (1 + randomFraction() / 2), signal)
  }
}

interface Limits {
  readonly signal: AbortSignal
  timedOut(): boolean
  close(): void
}

/** The deadline and the caller's signal in one; plain, because `AbortSignal.any` and `timeout` cost a command a millisecond. */
function openLimits(plan: Exchange): Limits {
  const control = new AbortController()
  let late = false
  const stop = (): void => control.abort()
  const onTime = (): void => {
    late = true
    stop()
  }
  const timer = plan.timeoutMs > 0 ? setTimeout(onTime, plan.timeoutMs) : undefined
  if (plan.signal?.aborted) stop()
  plan.signal?.addEventListener('abort', stop, { once: true })
  const close = (): void => {
    clearTimeout(timer)
    plan.signal?.removeEventListener('abort', stop)
  }
  return { signal: control.signal, timedOut: () => late, close }
}

async function send(plan: Exchange, url: string, signal: AbortSignal, follow: boolean): Promise<RawAnswer> {
  const init = { method: plan.method, headers: { ...plan.headers }, signal, redirect: 'manual' as const }
  const answer = await plan.fetch(url, plan.body === undefined ? init : { ...init, body: plan.body })
  const location = redirectStatuses.includes(answer.status) ? answer.headers.get('location') : null
  if (location !== null && follow) return send(plan, resolveRedirect(url, location), signal, false)
  const bytes = new Uint8Array(await answer.arrayBuffer())
  return { status: answer.status, headers: answer.headers, bytes, text: new TextDecoder().decode(bytes), url: bare(url) }
}

/** A redirect would carry the token along: it may not leave TLS, and not leave a unix socket. */
function resolveRedirect(from: string, location: string): string {
  if (from.startsWith('unix:')) throw new Error('the server redirected away from a unix socket')
  const next = new URL(location, from)
  const leavesTls = from.startsWith('https:') && next.protocol !== 'https:'
  if (leavesTls || (next.protocol !== 'https:' && next.protocol !== 'http:')) {
    throw new Error(`the server redirected to ${next.protocol}//${next.host}, which would send the token in the clear`)
  }
  return next.href
}

function failure(plan: Exchange, error: unknown, timedOut: boolean): ClientError {
  if (error instanceof ClientError) return error
  const aborted = !timedOut && plan.signal?.aborted === true
  const code = timedOut ? 'timeout' : aborted ? 'aborted' : 'network'
  const reason = timedOut ? `no answer within ${plan.timeoutMs} ms` : aborted ? 'aborted by the caller' : reasonOf(error)
  const url = bare(plan.address + plan.target)
  return new ClientError({ code, status: 0, errors: [reason], method: plan.method, url, secrets: secretsOf(plan.headers) })
}

/** The innermost message: undici hides "connect ECONNREFUSED" behind "fetch failed". The error is dropped: it may hold the request. */
function reasonOf(error: unknown): string {
  let inner = error
  for (let depth = 0; depth < 5 && inner instanceof Error && inner.cause instanceof Error; depth++) inner = inner.cause
  if (inner instanceof AggregateError && inner.errors[0] instanceof Error) return inner.errors[0].message
  return inner instanceof Error ? inner.message : 'the request failed'
}

/** The error for an answer that refuses. */
export function refusal(answer: RawAnswer, method: string, errors: readonly string[] | null, headers: HeaderMap): ClientError {
  return new ClientError({
    code: codeOfStatus(answer.status),
    status: answer.status,
    errors: errors ?? [answer.text.slice(0, 4096)],
    parsed: errors !== null,
    method,
    url: answer.url,
    secrets: secretsOf(headers),
  })
}

/** Every header may be a credential, so none of their values may show up in an error. */
const secretsOf = (headers: HeaderMap): string[] =>
  Object.entries(headers).flatMap(([name, value]) => (publicHeaders.includes(name.toLowerCase()) ? [] : [value]))
const publicHeaders: readonly string[] = ['content-type', 'accept', 'x-vault-request', 'x-vault-namespace', 'x-vault-wrap-ttl']

function bare(url: string): string {
  const end = url.search(/[?#]/)
  return (end < 0 ? url : url.slice(0, end)).replace(/^(https?:\/\/)[^/@]*@/, '$1')
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

const randomFraction = (): number => (globalThis.crypto.getRandomValues(new Uint16Array(1))[0] ?? 0) / 65536
