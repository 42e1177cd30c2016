/**
 * The seam between the wire (`src/http`, `src/server` for tests and internal calls) and everything above it: one request, already
 * canonical, and one answer, already a status and bytes. Nothing above this file knows sockets; nothing below it knows policies.
 */
import type { JsonObject } from '../kit/json.ts'

/** What a request asks for. POST and PUT are both `write`; `read` with `?list=true` is `list`, `?help=…` is `help`. */
export type WireVerb = 'read' | 'list' | 'scan' | 'write' | 'patch' | 'delete' | 'help' | 'head'

/** Header names in lower case; a header that was sent several times is a list, or joined by ', ' where HTTP joins it. */
export type WireHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

/** Tells whether the client went away. Costs nothing until `signal` is first read. */
export interface ClientGone {
  readonly gone: boolean
  /** Aborted when the connection closes before the answer was complete. Made on first use. */
  readonly signal: AbortSignal
}

export interface WireRequest {
  /** UUID v4: `request_id` of the answer and of the audit entries. */
  readonly id: string
  readonly verb: WireVerb
  /** The method as it was sent, for the log: `POST`, `LIST`. */
  readonly method: string
  /**
   * The one canonical path, used by routing, policy and audit alike: after `/v1/`, percent-decoded once, valid Unicode, without a
   * leading slash, without `.` and `..` segments, without control characters. May contain `//` and may end in '/' (always does
   * for list and scan, except at the root, where it is '').
   */
  readonly path: string
  /** From X-Vault-Namespace: '' for the root, else canonical `a/b/`. */
  readonly namespace: string
  /** X-Vault-Token, else the Bearer token of Authorization; null when neither is there. */
  readonly token: string | null
  /**
   * The fields of the request: the parsed body of a write or patch, the query of read, list, scan, delete and head.
   * Null when there is neither. A query key given several times is a list of texts.
   */
  readonly data: JsonObject | null
  /** The text after '?', still encoded, '' without one. `data` is the parsed form; this is for handlers of raw endpoints. */
  readonly query: string
  readonly headers: WireHeaders
  /** X-Vault-Wrap-TTL as it was sent; null when absent or empty. */
  readonly wrapTtl: string | null
  /** X-Vault-Wrap-Format as it was sent; null when absent or empty. */
  readonly wrapFormat: string | null
  /** Of the client, after trusted proxies were taken into account; '' on a unix socket. IPv4 is never in its mapped form. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** The certificate that the client showed in this connection's handshake, in DER; null without one. */
  readonly clientCertificate: () => Uint8Array | null
  readonly isTls: boolean
  /** The body where it was not read as JSON or form (binary types, or a JSON value that is no object); null otherwise. */
  readonly raw: Uint8Array | null
  /** Milliseconds since the epoch. */
  readonly receivedAt: number
  readonly client: ClientGone
}

export interface WireResponse {
  readonly status: number
  /** Beyond those that every answer has. Names and values are checked by Node: a line break in one is a bug and a 500. */
  readonly headers?: readonly (readonly [string, string])[]
  /** The whole body; null for none. A text is sent as UTF-8. */
  readonly body: string | Uint8Array | null
  /** Default: application/json where there is a body. '' sends none. */
  readonly contentType?: string
  /** Sent in place of `body`, chunk by chunk, until it ends or the client goes (then `return()` is called). */
  readonly stream?: AsyncIterable<string | Uint8Array>
}

/** Everything above the wire. Never rejects in normal operation: a rejection is a bug and answered with 500 `internal error`. */
export type Serve = (request: WireRequest) => Promise<WireResponse>
