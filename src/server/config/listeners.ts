/** From the keys of a listener to its settings: addresses, TLS, limits, headers, and what it opens to callers without a token. */
import { defaultJsonLimits } from '../../kit/json.ts'
import { findListenAddress, listenerDefaults, type ListenAddress, type ListenerSettings } from '../../http/listener-settings.ts'
import { defaultTls, type TlsSettings } from '../../http/tls.ts'
import type { OpenEndpoint } from '../../request/wire.ts'
import { cipherList } from '../../http/ciphers.ts'
import { ConfigError } from './entries.ts'
import { customHeadersOf } from './headers.ts'
import type { serverKeys } from './keys.ts'
import { findSystemId } from './system-ids.ts'
import type { ValuesOf } from './read-table.ts'

/** Which of its figures a listener answers: `only` answers nothing else. */
export type MetricsRule = 'like others' | 'only' | 'never'

export interface ListenerConfig {
  readonly type: 'tcp' | 'unix'
  readonly settings: ListenerSettings
  /** What needs no token on this listener. */
  readonly open: ReadonlySet<OpenEndpoint>
  readonly metrics: MetricsRule
}

type Block = ValuesOf<typeof serverKeys.keys>['listener'][number]
type Tcp = Extract<Block, { label: 'tcp' }>['values']
type Unix = Extract<Block, { label: 'unix' }>['values']

/** What every listener gets that does not say otherwise. */
export interface ListenerCommon {
  /** Seconds. */
  readonly requestDurationMax: number | null
  /** For `X-Vault-Hostname`; null: do not tell. */
  readonly hostname: string | null
  readonly warn: (warning: string) => void
}

/** Throws `ConfigError`, which begins with the place of the block. */
export function listenerOf(block: Block, common: ListenerCommon): ListenerConfig {
  try {
    const address = block.label === 'unix' ? unixAddress(block.values) : parseListenAddress(block.values.address)
    const settings = { ...settingsOf(block.values, common), address, ...(block.label === 'tcp' ? { tls: tlsOf(block.values), forwarded: forwardedOf(block.values) } : {}) }
    return { type: block.label, settings, open: openOf(block.values), metrics: metricsOf(block.values) }
  } catch (error) {
    if (error instanceof ConfigError) throw new ConfigError(`${block.place}: listener "${block.label}": ${error.message}`, { cause: error })
    throw error
  }
}

function settingsOf(values: Tcp | Unix, { requestDurationMax, hostname, warn }: ListenerCommon): Omit<ListenerSettings, 'address'> {
  const { limits } = listenerDefaults
  return {
    ...listenerDefaults,
    limits: {
      ...limits,
      bodyBytesMax: values.max_request_size || limits.bodyBytesMax,
      json: { ...defaultJsonLimits, depth: values.max_json_depth || defaultJsonLimits.depth, strings: values.max_request_json_strings || defaultJsonLimits.strings },
    },
    requestDurationMax: milliseconds(values.max_request_duration || requestDurationMax, listenerDefaults.requestDurationMax),
    headDurationMax: milliseconds(values.http_read_header_timeout, listenerDefaults.headDurationMax),
    idleDurationMax: milliseconds(values.http_idle_timeout, listenerDefaults.idleDurationMax),
    fixedHeaders: hostname === null ? [] : [['X-Vault-Hostname', hostname]],
    customHeaders: customHeadersOf(values.custom_response_headers, warn),
  }
}

/** Timers of the system hold 31 bits. */
const millisecondsMax = 2 ** 31 - 1
const milliseconds = (seconds: number | null, standard: number): number => (seconds === null || seconds === 0 ? standard : Math.min(seconds * 1000, millisecondsMax))

function openOf(values: Tcp | Unix): Set<OpenEndpoint> {
  const open = new Set<OpenEndpoint>()
  if (!values.disable_unauthed_rekey_endpoints) open.add('rekey')
  if (!values.disable_unauthed_generate_root_endpoints) open.add('generate-root')
  if (values.telemetry.unauthenticated_metrics_access) open.add('metrics')
  if (values.inflight_requests_logging.unauthenticated_in_flight_requests_access) open.add('in-flight-req')
  return open
}

function metricsOf({ telemetry }: Tcp | Unix): MetricsRule {
  if (telemetry.metrics_only && telemetry.disallow_metrics) throw new ConfigError('telemetry: metrics_only and disallow_metrics leave nothing')
  return telemetry.metrics_only ? 'only' : telemetry.disallow_metrics ? 'never' : 'like others'
}

/** Like `findListenAddress`. Throws `ConfigError`. */
export function parseListenAddress(written: string): { readonly host: string; readonly port: number } {
  const address = findListenAddress(written)
  if (address === null) throw new ConfigError(`${JSON.stringify(written)} is not an address such as 127.0.0.1:8200 or [::1]:8200`)
  return address
}

function unixAddress(values: Unix): ListenAddress {
  if (!values.address) throw new ConfigError('address is missing')
  return { path: values.address, mode: values.socket_mode, uid: findSystemId('user', values.socket_user), gid: findSystemId('group', values.socket_group) }
}

function tlsOf(values: Tcp): TlsSettings | null {
  if (values.tls_disable) return null
  const { tls_cert_file: certFile, tls_key_file: keyFile, tls_client_ca_file: clientCaFile } = values
  if (!certFile || !keyFile) throw new ConfigError('tls_cert_file and tls_key_file are missing (or set tls_disable = true)')
  const [least, most] = [values.tls_min_version, values.tls_max_version]
  if (least === 'tls13' && most === 'tls12') throw new ConfigError('tls_min_version is above tls_max_version')
  const requireClientCert = values.tls_require_and_verify_client_cert
  if (requireClientCert && values.tls_disable_client_certs) throw new ConfigError('tls_require_and_verify_client_cert and tls_disable_client_certs contradict each other')
  if (requireClientCert && !clientCaFile) throw new ConfigError('tls_require_and_verify_client_cert needs tls_client_ca_file')
  return {
    ...defaultTls,
    certFile,
    keyFile,
    clientCaFile: clientCaFile || null,
    requireClientCert,
    disableClientCerts: values.tls_disable_client_certs,
    minVersion: tlsVersions[least],
    maxVersion: tlsVersions[most],
    ciphers: values.tls_cipher_suites === null ? null : cipherList(values.tls_cipher_suites),
  }
}

const tlsVersions = { tls12: 'TLSv1.2', tls13: 'TLSv1.3' } as const

function forwardedOf(values: Tcp): ListenerSettings['forwarded'] {
  const authorizedAddrs = values.x_forwarded_for_authorized_addrs
  if (authorizedAddrs === null) return null
  return {
    authorizedAddrs,
    hopSkips: values.x_forwarded_for_hop_skips,
    rejectNotPresent: values.x_forwarded_for_reject_not_present,
    rejectNotAuthorized: values.x_forwarded_for_reject_not_authorized,
  }
}
