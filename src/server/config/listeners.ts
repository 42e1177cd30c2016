/** `listener "tcp"` and `listener "unix"`: addresses, TLS, limits and headers. */
import { parseCidr } from '../../kit/cidr.ts'
import { defaultJsonLimits } from '../../kit/json.ts'
import { listenerDefaults, type ListenAddress, type ListenerSettings } from '../../http/listener.ts'
import { defaultTls, type TlsSettings } from '../../http/tls.ts'
import { ConfigError, type Block, type Section } from './blocks.ts'

export interface ListenerConfig {
  readonly type: 'tcp' | 'unix'
  readonly settings: ListenerSettings
  /** As the start message shows it. */
  readonly shown: string
  readonly unauthenticatedMetrics: boolean
  readonly unauthenticatedInFlight: boolean
  /** Whether key holders may rekey and generate a root token without a token of their own. */
  readonly openKeyCeremonies: boolean
  /** Full names of the keys that are not known. */
  readonly unknown: readonly string[]
}

export function listenersOf(root: Section): ListenerConfig[] {
  return root.blocks('listener').map((block) => {
    if (block.label !== 'tcp' && block.label !== 'unix') throw new ConfigError(`listener "${block.label}": this server knows tcp and unix`)
    return listenerOf(block, block.label)
  })
}

function listenerOf({ body }: Block, type: 'tcp' | 'unix'): ListenerConfig {
  const address = type === 'unix' ? unixAddress(body) : tcpAddress(body)
  const tls = type === 'unix' || body.flag('tls_disable') === true ? null : tlsOf(body)
  const [telemetry] = body.sections('telemetry')
  const [profiling] = body.sections('profiling')
  const [inFlight] = body.sections('inflight_requests_logging')
  profiling?.flag('unauthenticated_pprof_access')
  for (const key of ['cluster_address', 'tls_prefer_server_cipher_suites', 'proxy_protocol_behavior', 'proxy_protocol_authorized_addrs', 'purpose', 'role', 'agent_api', 'proxy_api', 'redact_addresses', 'redact_cluster_name', 'redact_version', 'chroot_namespace']) body.has(key)
  const settings: ListenerSettings = {
    ...listenerDefaults,
    address,
    tls,
    forwarded: forwardedOf(body),
    limits: {
      ...listenerDefaults.limits,
      bodyBytesMax: body.number('max_request_size') ?? listenerDefaults.limits.bodyBytesMax,
      json: { ...defaultJsonLimits, depth: body.number('max_json_depth') ?? defaultJsonLimits.depth, strings: body.number('max_request_json_strings') ?? defaultJsonLimits.strings },
    },
    requestDurationMax: milliseconds(body, 'max_request_duration', listenerDefaults.requestDurationMax),
    headDurationMax: milliseconds(body, 'http_read_header_timeout', listenerDefaults.headDurationMax),
    idleDurationMax: milliseconds(body, 'http_idle_timeout', listenerDefaults.idleDurationMax),
    customHeaders: customHeadersOf(body),
  }
  body.duration('http_read_timeout')
  body.duration('http_write_timeout')
  const isRekeyOpen = body.flag('disable_unauthed_rekey_endpoints') === false
  const isRootOpen = body.flag('disable_unauthed_generate_root_endpoints') === false
  return {
    type,
    settings,
    shown: `${type} (addr: ${JSON.stringify('path' in address ? address.path : `${address.host}:${address.port}`)}, max_request_duration: "${settings.requestDurationMax / 1000}s", max_request_size: "${settings.limits.bodyBytesMax}", tls: "${tls === null ? 'disabled' : 'enabled'}")`,
    unauthenticatedMetrics: telemetry?.flag('unauthenticated_metrics_access') ?? false,
    unauthenticatedInFlight: inFlight?.flag('unauthenticated_in_flight_requests_access') ?? false,
    openKeyCeremonies: isRekeyOpen || isRootOpen,
    unknown: body.unknown(),
  }
}

const milliseconds = (body: Section, key: string, standard: number): number => {
  const seconds = body.duration(key)
  return seconds === undefined || seconds <= 0 ? standard : seconds * 1000
}

/** `127.0.0.1:8200`, `[::1]:8200`, `:8200`; the port is 8200 where none is given. */
export function parseListenAddress(written: string): ListenAddress & { host: string; port: number } {
  const found = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(written)
  const port = found?.[3] === undefined ? 8200 : Number(found[3])
  if (found === null || port > 65_535) throw new ConfigError(`${JSON.stringify(written)} is not an address such as 127.0.0.1:8200`)
  return { host: found[1] ?? (found[2] || '0.0.0.0'), port }
}

const tcpAddress = (body: Section): ListenAddress => parseListenAddress(body.text('address') ?? '127.0.0.1:8200')

function unixAddress(body: Section): ListenAddress {
  const path = body.text('address') ?? ''
  if (path === '') throw new ConfigError('listener "unix": address is missing')
  const mode = body.text('socket_mode')
  const id = (key: string): number | null => {
    const value = body.text(key)
    if (value === undefined || value === '') return null
    if (!/^\d+$/.test(value)) throw new ConfigError(`listener "unix": ${key} must be a number`)
    return Number(value)
  }
  return { path, mode: mode === undefined || mode === '' ? null : Number.parseInt(mode, 8), uid: id('socket_user'), gid: id('socket_group') }
}

const versions: Readonly<Record<string, TlsSettings['minVersion']>> = { tls10: 'TLSv1.2', tls11: 'TLSv1.2', tls12: 'TLSv1.2', tls13: 'TLSv1.3' }

function tlsOf(body: Section): TlsSettings {
  const [certFile, keyFile] = [body.text('tls_cert_file'), body.text('tls_key_file')]
  if (certFile === undefined || keyFile === undefined) throw new ConfigError('listener "tcp": tls_cert_file and tls_key_file are missing (or set tls_disable = true)')
  const version = (key: string, standard: TlsSettings['minVersion']): TlsSettings['minVersion'] => {
    const written = body.text(key)
    const known = written === undefined ? standard : versions[written]
    if (known === undefined) throw new ConfigError(`listener "tcp": ${key}: expected tls12 or tls13`)
    return known
  }
  return {
    ...defaultTls,
    certFile,
    keyFile,
    clientCaFile: body.text('tls_client_ca_file') ?? null,
    requireClientCert: body.flag('tls_require_and_verify_client_cert') ?? false,
    disableClientCerts: body.flag('tls_disable_client_certs') ?? false,
    minVersion: version('tls_min_version', defaultTls.minVersion),
    maxVersion: version('tls_max_version', defaultTls.maxVersion),
    ciphers: body.text('tls_cipher_suites') ?? null,
  }
}

function forwardedOf(body: Section): ListenerSettings['forwarded'] {
  const trusted = body.list('x_forwarded_for_authorized_addrs')
  const hopSkips = body.number('x_forwarded_for_hop_skips') ?? 0
  const rejectNotPresent = body.flag('x_forwarded_for_reject_not_present') ?? true
  const rejectNotAuthorized = body.flag('x_forwarded_for_reject_not_authorized') ?? true
  if (trusted === undefined) return null
  return { authorizedAddrs: trusted.map(parseCidr), hopSkips, rejectNotPresent, rejectNotAuthorized }
}

function customHeadersOf(body: Section): ListenerSettings['customHeaders'] {
  const result: Record<string, (readonly [string, string])[]> = {}
  for (const { label, body: headers } of body.blocks('custom_response_headers')) {
    const list: (readonly [string, string])[] = []
    for (const full of headers.unknown()) {
      const name = full.slice(full.lastIndexOf(': ') + 2)
      for (const value of headers.list(name) ?? []) list.push([name, value])
    }
    result[label] = list
  }
  return result
}
