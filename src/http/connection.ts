/** What is known of one client connection for as long as it lives, beside what node:http knows. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls'
import { findAddress, formatAddress } from '../kit/cidr.ts'

export interface Connection {
  readonly socket: Socket
  readonly isTls: boolean
  /** In its usual form, IPv4 never mapped; '' on a unix socket. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** The latest request and its answer. Answers leave in the order of the requests: once this one is out, all are. */
  lastRequest: IncomingMessage | null
  lastResponse: ServerResponse | null
  /** What the next request's method really is, when `list-verb.ts` had to write another one in its place. */
  pendingMethod: string | null
  /** See `list-verb.ts`: how many listeners the socket had before node:http came, by event. */
  readonly listenersBefore: ReadonlyMap<string, number>
  certificates: readonly Uint8Array[] | null
}

export function openConnection(socket: Socket, events: readonly string[]): Connection {
  return {
    socket,
    isTls: isSecure(socket),
    remoteAddress: usualForm(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    lastRequest: null,
    lastResponse: null,
    pendingMethod: null,
    listenersBefore: new Map(events.map((event) => [event, socket.listenerCount(event)])),
    certificates: null,
  }
}

/** By what Node says it is for, without loading what only TLS needs. */
const isSecure = (socket: Socket): socket is TLSSocket => 'encrypted' in socket

function usualForm(text: string): string {
  if (!text.includes(':')) return text
  const address = findAddress(text)
  return address === null ? text : formatAddress(address)
}

/** The certificates that the client showed, leaf first, in DER. All that is known of them is that the client holds the leaf's key. */
export function certificatesOf(connection: Connection): readonly Uint8Array[] {
  connection.certificates ??= isSecure(connection.socket) ? readCertificates(connection.socket) : []
  return connection.certificates
}

function readCertificates(socket: TLSSocket): Uint8Array[] {
  const found: Uint8Array[] = []
  const seen = new Set<string>()
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  // A self-signed certificate is its own issuer: the list ends where it would begin to repeat.
  while (next?.raw !== undefined && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256)
    found.push(next.raw)
    next = next.issuerCertificate
  }
  return found
}
