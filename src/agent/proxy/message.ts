/** A request on its way through the agent, and its answer: bytes and headers, nothing decoded. */
import type { WireVerb } from '../../request/wire.ts'

export interface ProxyRequest {
  readonly method: string
  readonly verb: WireVerb
  /** Below `/v1/`, decoded. */
  readonly path: string
  /** After '?', still encoded. */
  readonly query: string
  /** '' is the root, else `a/b/`. */
  readonly namespace: string
  /** '' is none. */
  readonly token: string
  /** Names in lower case; neither the token nor what belongs to one connection. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | null
  readonly signal: AbortSignal
}

export interface ProxyAnswer {
  readonly status: number
  /** As the server sent them, without what belongs to one connection. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  /** Where there is a cache: how old the answer is, or null for one that comes from the server. */
  readonly cached?: { readonly ageSeconds: number | null }
}

/** Throws `ClientError` where no answer came. */
export type Forward = (request: ProxyRequest) => Promise<ProxyAnswer>

/** Of one connection, or made anew for the next one (RFC 9110 §7.6.1). */
const ownToConnections: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'content-length'])

/**
 * What is passed on of the headers of a request. Encodings that only this program could read are not asked for, and who is
 * behind it is not the client's to say.
 */
export const isPassedOn = (name: string): boolean => !ownToConnections.has(name) && !['host', 'expect', 'accept-encoding', 'x-vault-token', 'authorization', 'x-forwarded-for'].includes(name)

export const isPassedBack = (name: string): boolean => !ownToConnections.has(name) && name !== 'date'

export const headerOf = ({ headers }: ProxyAnswer, name: string): string => headers.find(([own]) => own.toLowerCase() === name)?.[1] ?? ''

export const isJson = (answer: ProxyAnswer): boolean => headerOf(answer, 'content-type').startsWith('application/json')
