/** The keys of `listener "tcp"` and `listener "unix"`. */
import { defaultJsonLimits } from '../../kit/json.ts'
import { listenerDefaults } from '../../http/listener-settings.ts'
import { because, defaulted, free, labelled, optional, section, table } from './tables.ts'
import { choice, duration, fileMode, flag, ranges, text, texts, whole } from './values.ts'

const tlsVersions = choice({ tls10: 'tls12', tls11: 'tls12', tls12: 'tls12', tls13: 'tls13' })
const seconds = (milliseconds: number): string => `\`${milliseconds / 1000}s\``

/** What both kinds of listeners have. */
const common = {
  max_request_size: defaulted(whole, listenerDefaults.limits.bodyBytesMax, 'Bytes of a body.'),
  max_json_depth: defaulted(whole, defaultJsonLimits.depth, 'Levels of objects and lists in a body.'),
  max_request_json_strings: defaulted(whole, defaultJsonLimits.strings, 'Texts in a body.'),
  max_request_duration: optional(duration, 'For a whole request.', { shown: 'see `default_max_request_duration`' }),
  http_read_header_timeout: optional(duration, 'For the arrival of the head of a request.', { shown: seconds(listenerDefaults.headDurationMax) }),
  http_idle_timeout: optional(duration, 'How long a connection is kept without a request. Keep it longer than that of a load balancer in front.', { shown: seconds(listenerDefaults.idleDurationMax) }),
  custom_response_headers: free('Headers of every answer: `custom_response_headers { "default" = { "X-Own" = ["a"] } }`. In place of `default` a status (`404`) or a class of them (`4xx`). Read again on SIGHUP.'),
  disable_unauthed_rekey_endpoints: defaulted(flag, true, '`false`: on this listener, key holders may rekey without a token; whoever reaches it can also see and cancel that.'),
  disable_unauthed_generate_root_endpoints: defaulted(flag, true, '`false`: the same for making a root token.'),
  telemetry: section('', table({
    unauthenticated_metrics_access: defaulted(flag, false, '`true`: `GET /v1/sys/metrics` needs no token here, and answers while sealed, too.'),
    metrics_only: defaulted(flag, false, '`true`: this listener answers `sys/metrics` and nothing else.'),
    disallow_metrics: defaulted(flag, false, '`true`: this listener does not answer `sys/metrics`.'),
  }, { refused: { metrics_path: 'the path of the metrics cannot be changed' } })),
  inflight_requests_logging: section('', table({
    unauthenticated_in_flight_requests_access: defaulted(flag, false, '`true`: `GET /v1/sys/in-flight-req` needs no token here.'),
  })),
} as const

const ignored = {
  ...because('max_request_duration limits the whole request', 'http_read_timeout', 'http_write_timeout'),
  ...because('nodes do not talk to each other', 'cluster_address'),
  ...because('the server\'s order of ciphers always counts', 'tls_prefer_server_cipher_suites'),
  ...because('it is for agents', 'role', 'purpose', 'agent_api', 'proxy_api', 'require_request_header'),
  ...because('nothing is left out of sys/seal-status, sys/health and sys/leader', 'redact_addresses', 'redact_cluster_name', 'redact_version'),
  ...because('there is no profiling over the API', 'profiling'),
  ...because('max_request_size and max_request_json_strings limit the memory', 'max_request_json_memory', 'max_json_string_value_length', 'max_json_object_entry_count', 'max_json_array_element_count'),
  ...because('sys/config/cors has the settings', 'cors_enabled', 'cors_allowed_origins', 'cors_allowed_headers'),
}

const acmeKeys = ['cache_path', 'ca_directory', 'test_ca_directory', 'ca_root', 'eab_key_id', 'eab_mac_key', 'key_type', 'email', 'domains', 'disable_http_challenge', 'disable_alpn_challenge']
const refused = {
  ...because('the PROXY protocol is not spoken; let the proxy send X-Forwarded-For and set x_forwarded_for_authorized_addrs', 'proxy_protocol_behavior', 'proxy_protocol_authorized_addrs'),
  ...because('there are no namespaces yet', 'chroot_namespace'),
  ...because('certificates come from files: tls_cert_file and tls_key_file', ...acmeKeys.map((key) => `tls_acme_${key}`)),
}

const tcp = table({
  address: defaulted(text, '127.0.0.1:8200', '`HOST:PORT`, `[::1]:8200`, or `:8200` for every address of the machine.'),
  tls_disable: defaulted(flag, false, 'Speak HTTP.'),
  tls_cert_file: optional(text, 'PEM file: the certificate, followed by those between it and the root. Read again on SIGHUP.', { shown: 'required with TLS' }),
  tls_key_file: optional(text, 'PEM file: its key, not encrypted. Read again on SIGHUP.', { shown: 'required with TLS' }),
  tls_client_ca_file: optional(text, 'PEM file with the authorities whose certificates clients may show.'),
  tls_require_and_verify_client_cert: defaulted(flag, false, 'Refuse connections without a certificate of these authorities. Otherwise clients are asked for one, and any or none will do.'),
  tls_disable_client_certs: defaulted(flag, false, 'Do not ask clients for a certificate.'),
  tls_min_version: defaulted(tlsVersions, 'tls12', '`tls12` or `tls13`. Older ones count as `tls12`.'),
  tls_max_version: defaulted(tlsVersions, 'tls13', '`tls12` or `tls13`.'),
  tls_cipher_suites: optional(texts, 'Names of OpenSSL or of Go, for TLS 1.2.', { shown: 'forward secret and authenticated ones' }),
  x_forwarded_for_authorized_addrs: optional(ranges, 'Proxies whose `X-Forwarded-For` names the client.'),
  x_forwarded_for_reject_not_present: defaulted(flag, true, 'With authorised proxies: refuse requests without that header.'),
  x_forwarded_for_reject_not_authorized: defaulted(flag, true, 'With authorised proxies: refuse that header from others.'),
  x_forwarded_for_hop_skips: defaulted(whole, 0, 'How many addresses to pass over, from the right.'),
  ...common,
}, { ignored, refused })

const unix = table({
  address: optional(text, 'Path of the socket.', { shown: 'required' }),
  socket_mode: optional(fileMode, 'Permissions of the socket, such as `"0660"`.', { shown: 'as the system makes it' }),
  socket_user: optional(text, 'Owner of the socket: name or number.', { shown: 'as the system makes it' }),
  socket_group: optional(text, 'Group of the socket: name or number.', { shown: 'as the system makes it' }),
  ...common,
}, { ignored: { ...ignored, ...because('there is no TLS on a unix socket', 'tls_disable', 'tls_cert_file', 'tls_key_file') }, refused })

export const listenerLabels = { tcp: labelled('An address of the network.', tcp), unix: labelled('A socket of the file system, without TLS.', unix) }
