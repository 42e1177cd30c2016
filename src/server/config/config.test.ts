import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configOf, devAdditionsOf, type ServerConfig } from './config.ts'
import { ConfigError, parseConfigText } from './entries.ts'
import { parseListenAddress } from './listeners.ts'

const read = (text: string, name = 'coffer.hcl'): ServerConfig => configOf(parseConfigText(text, name), 'machine')
const storage = 'storage "inmem" {}\n'
const listener = (body = ''): string => `${storage}listener "tcp" {\n  tls_disable = true\n  ${body}\n}\n`
const whole = listener()
const refusal = (message: string | RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof ConfigError, String(error))
  if (typeof message === 'string') assert.equal(error.message, message)
  else assert.match(error.message, message)
  return true
}

test('HCL and all forms of JSON say the same', () => {
  const expected = read('storage "file" { path = "/data" }\nlistener "tcp" { address = "127.0.0.1:8200" tls_disable = true }\nmax_lease_ttl = "10h"\ndefault_lease_ttl = 3600')
  const forms = [
    '{"storage": {"file": {"path": "/data"}}, "listener": {"tcp": {"address": "127.0.0.1:8200", "tls_disable": true}}, "max_lease_ttl": "10h", "default_lease_ttl": "1h"}',
    '{"backend": {"file": {"path": "/data"}}, "listener": [{"tcp": {"address": "127.0.0.1:8200", "tls_disable": 1}}], "max_lease_ttl": 36000, "default_lease_ttl": "3600"}',
    '{"storage": [{"file": [{"path": "/data"}]}], "listener": {"tcp": [{"address": "127.0.0.1:8200", "tls_disable": "true"}]}, "max_lease_ttl": "600m", "default_lease_ttl": "60m"}',
    'backend "file" { path = "/data" }\nlistener = { tcp = { tls_disable = "1" } }\nmax_lease_ttl = "10h" default_lease_ttl = "1h"',
  ]
  for (const form of forms) assert.deepEqual(read(form), expected)
  assert.deepEqual(expected.storage, { type: 'lmdb', shownType: 'file', folder: '/data' })
  assert.deepEqual([expected.maxLeaseSeconds, expected.defaultLeaseSeconds, expected.warnings], [36_000, 3600, []])
})

test('a key that is not known is named with its place, wherever it stands', () => {
  const { warnings } = read(`${listener('tls_disabled = true\n  telemetry { bad = 1 }')}colour = "red"\ntelemetry {\n  bad_value = 1\n}\n`)
  assert.deepEqual(warnings, [
    'unknown key colour (coffer.hcl:7:1)',
    'unknown key listener "tcp": tls_disabled (coffer.hcl:4:3)',
    'unknown key listener "tcp": telemetry.bad (coffer.hcl:5:15)',
    'unknown key telemetry.bad_value (coffer.hcl:9:3)',
  ])
  assert.deepEqual(read('{\n  "storage": {"inmem": {}},\n  "listener": {"tcp": {"tls_disable": true}},\n  "colour": "red"\n}', 'c.json').warnings, ['unknown key colour (c.json:4:3)'])
})

test('a key of Vault that means nothing here is accepted with the reason, and given twice with the place of the second', () => {
  assert.deepEqual(read(`${whole}disable_mlock = true\nui = true\nui = false`).warnings, [
    'the key disable_mlock has no effect: memory is not locked; keep swap off or encrypted (coffer.hcl:6:1)',
    'the key ui is given twice: the second one counts (coffer.hcl:8:1)',
  ])
})

test('figures are sent where and as the keys of Vault say; other ways of sending are named', () => {
  const { sending, warnings } = read(`${whole}telemetry {
  statsd_address = "stats:8125"
  statsite_address = ""
  dogstatsd_addr = "[::1]:8126"
  dogstatsd_tags = ["env:prod", "x"]
  metrics_prefix = "p"
  circonus_api_token = "t"
  prefix_filter = ["+vault"]
}`)
  assert.deepEqual(sending, { statsd: { host: 'stats', port: 8125 }, statsite: null, dogstatsd: { host: '::1', port: 8126 }, tags: ['env:prod', 'x'], prefix: 'p', hostname: 'machine', hostnameIn: 'gauges' })
  assert.deepEqual(warnings.map((warning) => warning.replace(/ \(.*/, '')), [
    'the key telemetry.circonus_api_token has no effect: figures are sent to statsd, statsite and DogStatsD only',
    'the key telemetry.prefix_filter has no effect: figures are counted from the start of the server on, and none is left out',
  ])
  const one = (more: string): string => read(`${whole}telemetry {\n statsd_address = "stats:8125"\n ${more} }`).sending.hostnameIn
  assert.deepEqual([one(''), one('disable_hostname = true'), one('enable_hostname_label = true'), one('prometheus_retention_time = 0')], ['gauges', 'none', 'labels', 'none'])
})

test('a value of the wrong type is refused by key and place, and not repeated', () => {
  const wrong: [text: string, message: string][] = [
    [`${whole}ui = "perhaps"`, 'coffer.hcl:6:1: ui: expected true or false'],
    [`${whole}ui = ["true"]`, 'coffer.hcl:6:1: ui: expected true or false'],
    [`${whole}max_lease_ttl = "soon"`, 'coffer.hcl:6:1: max_lease_ttl: expected a duration such as 30s, 15m or 768h'],
    [`${whole}max_lease_ttl = -1`, 'coffer.hcl:6:1: max_lease_ttl: expected a duration such as 30s, 15m or 768h'],
    [`${whole}log_level = "loud"`, 'coffer.hcl:6:1: log_level: expected trace, debug, info, warn, error or off'],
    [`${whole}log_format = "xml"`, 'coffer.hcl:6:1: log_format: expected standard or json'],
    [`${whole}api_addr = {}`, 'coffer.hcl:6:1: api_addr: expected a text'],
    [`${whole}api_addr "x" {}`, 'coffer.hcl:6:1: api_addr: expected a text'],
    [`${whole}audit_folders = [{}]`, 'coffer.hcl:6:1: audit_folders: expected a list of texts'],
    [`${whole}telemetry { statsd_address = "here" }`, 'coffer.hcl:6:13: telemetry.statsd_address: expected a host and a port such as 127.0.0.1:8125'],
    [`${whole}telemetry { dogstatsd_addr = "unix:///run/dog.sock" }`, 'coffer.hcl:6:13: telemetry.dogstatsd_addr: expected a host and a port such as 127.0.0.1:8125 (not unix://, as Node.js has no unix datagrams)'],
    [`${whole}telemetry = 3`, 'coffer.hcl:6:1: telemetry: expected a block: telemetry { … }'],
    [listener('max_request_size = -1'), 'coffer.hcl:4:3: listener "tcp": max_request_size: expected a whole number'],
    [listener('x_forwarded_for_authorized_addrs = ["here"]'), 'coffer.hcl:4:3: listener "tcp": x_forwarded_for_authorized_addrs: expected a list of addresses or ranges such as 10.0.0.0/8'],
    [`${storage}listener = "tcp"`, 'coffer.hcl:2:1: listener: expected a block with one label: listener "tcp" { … }'],
    [`${storage}listener "tcp" "more" {}`, 'coffer.hcl:2:1: listener: expected a block with one label: listener "tcp" { … }'],
  ]
  for (const [text, message] of wrong) assert.throws(() => read(text), refusal(message))
})

test('what is missing, too much or unknown is one line that says what would do', () => {
  const wrong: [text: string, message: string | RegExp][] = [
    ['', /^listener: the configuration names none/],
    ['listener "tcp" { tls_disable = true }', /^storage: the configuration names none/],
    [`${whole}storage "inmem" {}`, 'coffer.hcl:6:1: storage: the configuration names more than one'],
    ['storage "consul" {}', 'coffer.hcl:1:1: storage "consul": this server knows lmdb, file, raft, inmem'],
    ['storage "__proto__" {}', 'coffer.hcl:1:1: storage "__proto__": this server knows lmdb, file, raft, inmem'],
    ['storage "raft" {}\nlistener "tcp" { tls_disable = true }', 'coffer.hcl:1:1: storage "raft": path is missing'],
    [`${storage}listener "quic" {}`, 'coffer.hcl:2:1: listener "quic": this server knows tcp, unix'],
    [`${storage}listener "tcp" {}`, 'coffer.hcl:2:1: listener "tcp": tls_cert_file and tls_key_file are missing (or set tls_disable = true)'],
    [`${storage}listener "unix" {}`, 'coffer.hcl:2:1: listener "unix": address is missing'],
    [`${whole}seal "kmip" {}`, 'coffer.hcl:6:1: seal "kmip": this server knows shamir, keyfile, transit, awskms, azurekeyvault, gcpckms, pkcs11'],
    [`${whole}seal "pkcs11" {}`, 'coffer.hcl:6:1: seal "pkcs11": lib is missing'],
    [`${whole}seal "awskms" {}`, 'coffer.hcl:6:1: seal "awskms": kms_key_id is missing'],
    [`${whole}seal "shamir" {}\nseal "keyfile" { path = "k" }`, 'coffer.hcl:7:1: seal: "shamir" stands alone: where a server unseals itself, people hold recovery keys'],
    [`${whole}seal "keyfile" { path = "a" }\nseal "keyfile" { path = "b" }`, 'coffer.hcl:7:1: seal: two seals have the name "keyfile"; give each one a name of its own'],
    [`${whole}seal "keyfile" {}`, 'coffer.hcl:6:1: seal "keyfile": path is missing'],
    [`${whole}max_lease_ttl = "1h"\ndefault_lease_ttl = "2h"`, 'default_lease_ttl: longer than max_lease_ttl'],
    ['storage "inmem" {', /^coffer\.hcl: At 1:18: /],
    ['{"storage": ', /^coffer\.hcl: At 1:/],
  ]
  for (const [text, message] of wrong) assert.throws(() => read(text), refusal(message))
})

test('a key that protects something and is not supported ends the start', () => {
  assert.throws(() => read(`${whole}audit "file" "f" { path = "/a" }`), refusal(/^coffer\.hcl:6:1: audit: audit devices are not configured here/))
  assert.throws(() => read(listener('proxy_protocol_behavior = "use_always"')), refusal(/^coffer\.hcl:4:3: listener "tcp": proxy_protocol_behavior: .*X-Forwarded-For/))
  assert.throws(() => read(listener('chroot_namespace = "a"')), refusal(/chroot_namespace/))
})

test('several files: single values and storage are replaced by later ones, listeners add up', () => {
  const first = parseConfigText(`${whole}log_level = "debug"\ncluster_name = "one"`, 'a.hcl')
  const second = parseConfigText('storage "lmdb" { path = "d" }\nlistener "unix" { address = "/s" }\nlog_level = "warn"', 'b.hcl')
  const config = configOf([...first, ...second], 'machine')
  assert.deepEqual([config.storage.shownType, config.listeners.map(({ type }) => type), config.log.level, config.clusterName, config.warnings], ['lmdb', ['tcp', 'unix'], 'warn', 'one', []])
})

test('dev mode takes what a configuration adds, and says that storage and seal do not count', () => {
  const { warnings, listeners, ui } = devAdditionsOf(parseConfigText(`${whole}ui = true\nseal "keyfile" { path = "k" }`, 'x'), 'machine')
  assert.deepEqual([listeners.length, ui], [1, true])
  assert.deepEqual(warnings, ['storage', 'seal'].map((key) => `the key ${key} has no effect: dev mode is in memory, and unseals itself`))
  assert.deepEqual(devAdditionsOf([], 'machine').listeners, [])
})

test('addresses are written as people write them', () => {
  const forms: [string, string, number][] = [
    ['127.0.0.1:8200', '127.0.0.1', 8200], ['[::1]:8300', '::1', 8300], ['[fe80::1%eth0]:1', 'fe80::1%eth0', 1], [':8200', '', 8200], ['0.0.0.0', '0.0.0.0', 8200],
    ['localhost:0', 'localhost', 0], ['vault-0.internal:443', 'vault-0.internal', 443],
  ]
  for (const [written, host, port] of forms) assert.deepEqual(parseListenAddress(written), { host, port })
  for (const written of ['', ' ', '::1:8200', '127.0.0.1:70000', '127.0.0.1:x', 'http://127.0.0.1:8200', '{{ GetPrivateIP }}:8200', '[::1', 'a b:1']) {
    assert.throws(() => parseListenAddress(written), refusal(/is not an address such as 127\.0\.0\.1:8200/))
  }
})

test('a unix socket has mode, owner and group, by name or number', () => {
  const settingsOf = (body: string): unknown => read(`${storage}listener "unix" {\n address = "/run/c.sock"\n ${body}\n}`).listeners[0]?.settings.address
  assert.deepEqual(settingsOf(''), { path: '/run/c.sock', mode: null, uid: null, gid: null })
  for (const mode of ['"0660"', '0660', '"660"', '660']) assert.deepEqual(settingsOf(`socket_mode = ${mode}`), { path: '/run/c.sock', mode: 0o660, uid: null, gid: null })
  assert.deepEqual(settingsOf('socket_user = "12"\n socket_group = 34'), { path: '/run/c.sock', mode: null, uid: 12, gid: 34 })
  if (process.platform === 'linux') assert.deepEqual(settingsOf('socket_user = "root"\n socket_group = "root"'), { path: '/run/c.sock', mode: null, uid: 0, gid: 0 })
  assert.throws(() => settingsOf('socket_user = "nobody-of-this-name"'), refusal(/socket_user: .* has no "nobody-of-this-name"; give the number instead/))
  for (const mode of ['"rw"', '"0999"', '8']) assert.throws(() => settingsOf(`socket_mode = ${mode}`), refusal(/socket_mode: expected permissions such as "0660"/))
})

const tls = (body: string): ServerConfig['listeners'][number]['settings']['tls'] =>
  read(`${storage}listener "tcp" {\n tls_cert_file = "c"\n tls_key_file = "k"\n ${body}\n}`).listeners[0]?.settings.tls ?? null

test('TLS: clients are asked for a certificate unless configured otherwise, and versions and suites have the names of Vault', () => {
  const plain = tls('')
  assert.deepEqual([plain?.requireClientCert, plain?.disableClientCerts, plain?.minVersion, plain?.maxVersion, plain?.ciphers], [false, false, 'TLSv1.2', 'TLSv1.3', null])
  assert.equal(tls('tls_min_version = "tls13"')?.minVersion, 'TLSv1.3')
  assert.equal(tls('tls_min_version = "tls10"')?.minVersion, 'TLSv1.2')
  assert.equal(
    tls('tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_RSA_WITH_AES_256_CBC_SHA,ECDHE-RSA-AES256-GCM-SHA384"')?.ciphers,
    'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:AES256-SHA:ECDHE-RSA-AES256-GCM-SHA384',
  )
  assert.throws(() => tls('tls_min_version = "ssl3"'), refusal(/tls_min_version: expected tls12 or tls13/))
  assert.throws(() => tls('tls_min_version = "tls13"\n tls_max_version = "tls12"'), refusal(/tls_min_version is above tls_max_version/))
  assert.throws(() => tls('tls_require_and_verify_client_cert = true'), refusal(/needs tls_client_ca_file/))
  assert.throws(() => tls('tls_require_and_verify_client_cert = true\n tls_disable_client_certs = true\n tls_client_ca_file = "a"'), refusal(/contradict/))
})

test('custom headers: several values are one header, commas stay, and what cannot be sent is refused', () => {
  const headersOf = (body: string): ServerConfig => read(listener(`custom_response_headers {\n${body}\n}`))
  const { listeners, warnings } = headersOf('"default" = { "X-A" = ["a", " b "], "X-Empty" = [""], "X-Vault-Own" = ["no"] }\n"4xx" = { "Permissions-Policy" = "geolocation=(), camera=()" }')
  assert.deepEqual({ ...listeners[0]?.settings.customHeaders }, { default: [['X-A', 'a; b']], '4xx': [['Permissions-Policy', 'geolocation=(), camera=()']] })
  assert.match(warnings.join(), /X-Vault-Own is not sent/)
  for (const body of ['"600" = {}', '"6xx" = {}', '"default" = 3', '"default" = { "X A" = ["b"] }', '"default" = { "X-A" = ["b\\nc"] }', '"default" = { "X-A" = [{}] }']) {
    assert.throws(() => headersOf(body), refusal(/^coffer\.hcl:2:1: listener "tcp": custom_response_headers: /))
  }
})

test('limits, time-outs, proxies and open endpoints of a listener are its own', () => {
  const config = read(`${whole}default_max_request_duration = "30s"\nenable_response_header_hostname = true\nlistener "tcp" {
  address = "10.0.0.1:1"
  tls_disable = true
  max_request_duration = "5s"
  http_idle_timeout = "1m"
  max_request_size = "1024"
  x_forwarded_for_authorized_addrs = "10.0.0.0/8,192.168.1.1"
  x_forwarded_for_hop_skips = 1
  disable_unauthed_rekey_endpoints = false
  telemetry { unauthenticated_metrics_access = true }
}
`)
  const [one, other] = config.listeners
  assert.deepEqual([one?.settings.requestDurationMax, one?.settings.forwarded, [...(one?.open ?? [])], one?.settings.fixedHeaders], [30_000, null, [], [['X-Vault-Hostname', 'machine']]])
  assert.deepEqual([other?.settings.requestDurationMax, other?.settings.idleDurationMax, other?.settings.limits.bodyBytesMax], [5000, 60_000, 1024])
  assert.deepEqual([other?.settings.forwarded?.authorizedAddrs.length, other?.settings.forwarded?.hopSkips, other?.settings.forwarded?.rejectNotPresent], [2, 1, true])
  assert.deepEqual([...(other?.open ?? [])], ['rekey', 'metrics'])
})

test('a configuration is read or refused in one line, whatever is done to its text', () => {
  const text = `${whole}max_lease_ttl = "10h"\nseal "shamir" {}\ntelemetry { disable_hostname = true }\nlistener "unix" { address = "/x" socket_mode = "0600" custom_response_headers { "default" = { "A" = ["b"] } } }\n`
  let seed = 20_260_101
  const random = (below: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % below
  const pieces = ['{', '}', '"', '[', ']', '=', '\n', '0', '-1', 'null', '__proto__', 'tcp', '\\u0000', ',', '<<EOF', '#']
  for (let i = 0; i < 3000; i++) {
    const at = random(text.length)
    const changed = text.slice(0, at) + (pieces[random(pieces.length)] ?? '') + text.slice(at + random(9))
    try {
      read(changed)
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${String(error)} for ${changed}`)
      assert.ok(!error.message.includes('\n'), error.message)
    }
  }
})
