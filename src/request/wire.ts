/**
 * The seam between the wire (`src/http`; tests and internal calls make requests of their own) and everything above it: one request,
 * already canonical, and one answer, already a status and bytes. Nothing above this file knows sockets; nothing below it knows policies.
 */
import type { JsonObject } from '../kit/json.ts'

/** What a request asks for. POST and PUT are both `write`; `read` with `?list=true` is `list`, anything with `?help=…` is `help`. */
export type WireVerb = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete' | 'help' | 'head'

/** Header names in lower case. A header that was sent several times is joined by ', ', or a list where HTTP forbids joining. */
export type WireHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** What the configuration of a listener may open to callers without a token. */
export type OpenEndpoint = 'rekey' | 'generate-root' | 'metrics' | 'in-flight-req'

/** Tells whether the client went away. Costs nothing until `signal` is first read. */
export interface ClientGone {
  readonly gone: boolean
  /** Aborted when the connection closes before the answer was complete, or the longest duration of a request is over. Made on first use. */
  readonly signal: AbortSignal
}

export interface WireRequest {
  /** UUID v4: `request_id` of the answer and of the audit entries. */
  readonly id: string
  readonly verb: WireVerb
  /** The method as it was sent, for the log: `POST`, `LIST`. */
  readonly method: string
  /**
   * The one canonical path, used by routing, policy and audit alike: after `/v1/`, percent-decoded once, printable Unicode, no leading
   * slash, no `.` and `..` segments. May contain `//`. May end in '/'; for list and scan it always does, except at the root, which is ''.
   */
  readonly path: string
  /** From X-Vault-Namespace: '' for the root, else canonical `a/b/`. */
  readonly namespace: string
  /** X-Vault-Token, else the Bearer token of Authorization; null when neither is there. */
  readonly token: string | null
  /**
   * The fields of the request: the parsed body of a write or patch, the query of read, list, scan, delete and head (a key given
   * several times is a list of texts). Null when there is neither, and for help.
   */
  readonly data: JsonObject | null
  /** The JSON text that `data` was parsed from, for those who keep it as it stands; null when `data` comes from a form or query. */
  readonly jsonText: string | null
  /** The text after '?', still encoded; '' without one. */
  readonly query: string
  readonly headers: WireHeaders
  /** Every value of a header that may be sent several times (`x-vault-mfa`), in order. `name` in lower case. */
  headerValues(name: string): readonly string[]
  /** X-Vault-Wrap-TTL as it was sent; null when absent or empty. */
  readonly wrapTtl: string | null
  /** X-Vault-Wrap-Format as it was sent; null when absent or empty. */
  readonly wrapFormat: string | null
  /** Of the client, after trusted proxies were taken into account; '' on a unix socket. IPv4 is never in its mapped form. */
  readonly remoteAddress: string
  /** 0 on a unix socket. */
  readonly remotePort: number
  /** The certificate that the client showed in the handshake of this connection, in DER; null without one. Not judged in any way. */
  clientCertificate(): Uint8Array | null
  /** That certificate and the further ones that came with it, leaf first; empty without one. */
  clientCertificates(): readonly Uint8Array[]
  readonly isTls: boolean
  /** The body of a write whose type is binary (OCSP requests, CSRs in DER …), which is not read as JSON; null otherwise. */
  readonly raw: Uint8Array | null
  /** The unread body of a write to a path that the server names as an upload (snapshots); null otherwise. */
  readonly upload: AsyncIterable<Uint8Array> | null
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  readonly client: ClientGone
  /** What needs no token on the listener that the request came through; nothing when absent. */
  readonly open?: ReadonlySet<OpenEndpoint>
}

export interface WireResponse {
  readonly status: number
  /** Beyond those that every answer has; they replace a standard one of the same name. A line break in one is a bug and a 500. */
  readonly headers?: readonly (readonly [string, string])[]
  /** The whole body; null for none. A text is sent as UTF-8. */
  readonly body: string | Uint8Array | null
  /** Default `application/json`, with and without a body. '' sends no such header. */
  readonly contentType?: string
  /** Sent in place of `body`, chunk by chunk, until it ends or the client goes (then its `return()` is called). */
  readonly stream?: AsyncIterable<string | Uint8Array>
}

/** Everything above the wire. A rejection is turned into its error answer; one that is no `ApiError` is a bug and a 500. */
export type Serve = (request: WireRequest) => Promise<WireResponse>
