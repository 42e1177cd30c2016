/** What a listener is told: its address, its limits, and how long it waits. */
import { defaultJsonLimits } from '../kit/json.ts'
import type { BodyLimits } from './body.ts'
import type { CustomHeaders, HeaderList } from './encode.ts'
import type { ForwardedSettings } from './forwarded.ts'
import type { TlsSettings } from './tls.ts'

export type ListenAddress =
  | { readonly host: string; readonly port: number }
  /** A unix socket. Ids are numbers as in `/etc/passwd`; null leaves owner and mode as the system makes them. */
  | { readonly path: string; readonly mode: number | null; readonly uid: number | null; readonly gid: number | null }

export interface ListenerSettings {
  readonly address: ListenAddress
  readonly tls: TlsSettings | null
  readonly forwarded: ForwardedSettings | null
  readonly limits: BodyLimits
  /** `max_request_duration`: for the arrival of a request, and until its signal is aborted. Milliseconds. */
  readonly requestDurationMax: number
  /** `http_read_header_timeout`: for the arrival of the head of a request. Milliseconds. */
  readonly headDurationMax: number
  /** `http_idle_timeout`: for which a connection without a request is kept. Milliseconds. */
  readonly idleDurationMax: number
  /** Headers of every answer, such as `X-Vault-Hostname`. */
  readonly fixedHeaders: HeaderList
  readonly customHeaders: CustomHeaders
}

const mebibyte = 1024 * 1024

/** Everything but the address. */
export const listenerDefaults: Omit<ListenerSettings, 'address'> = Object.freeze({
  tls: null,
  forwarded: null,
  limits: Object.freeze({ bodyBytesMax: 32 * mebibyte, bodiesBytesMax: 256 * mebibyte, json: defaultJsonLimits }),
  requestDurationMax: 90_000,
  headDurationMax: 10_000,
  // Longer than the idle time of the usual load balancers (60 s), so that these close first and never use a closed connection.
  idleDurationMax: 75_000,
  fixedHeaders: [],
  customHeaders: {},
})

/**
 * `127.0.0.1:8200`, `[::1]:8200`, `localhost:8200`; `:8200` is every address of the machine (the host is ''). The port is 8200 where none
 * is given. Null for what is no address.
 */
export function findListenAddress(written: string): { readonly host: string; readonly port: number } | null {
  const found = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([\w.-]*))(?::(\d{1,5}))?$/.exec(written.trim())
  const port = found?.[3] === undefined ? 8200 : Number(found[3])
  return found === null || written.trim() === '' || port > 65_535 ? null : { host: found[1] ?? found[2] ?? '', port }
}
