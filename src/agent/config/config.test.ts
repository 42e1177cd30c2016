/** What configurations of Vault's agent and proxy mean here, and which of their keys are named as without effect. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeHcl } from '../../kit/hcl/decode.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'
import { agentConfigOf } from './config.ts'
import type { AgentConfig, AgentMode } from './settings.ts'

const configOf = (text: string, mode: AgentMode = 'agent'): AgentConfig => agentConfigOf(decodeHcl(parseHcl(text)), mode, {}, 'machine')
const listener = 'listener "tcp" {\n tls_disable = true\n}\n'
const login = (more = ''): string => `auto_auth {\n ${more}\n method "token_file" {\n config = { token_file_path = "t" }\n }\n sink "file" { config = { path = "s" } }\n}\n`

test('keys without effect are named', () => {
  const named: Readonly<Record<string, RegExp>> = {
    'cache {\n persist "kubernetes" { path = "/p" }\n}': /^cache.persist has no effect/,
    'cache {\n enforce_consistency = "always"\n}': /^cache.enforce_consistency has no effect/,
    'api_proxy {\n when_inconsistent = "retry"\n}': /^api_proxy.when_inconsistent has no effect/,
    'telemetry {\n stackdriver_project_id = "x"\n}': /^telemetry.stackdriver_project_id has no effect/,
    'telemetry {\n circonus_api_token = "x"\n}': /^telemetry.circonus_api_token has no effect/,
    'telemetry {\n prefix_filter = ["+x"]\n}': /^telemetry.prefix_filter has no effect/,
    [login('enable_reauth_on_new_credentials = true')]: /^auto_auth.enable_reauth_on_new_credentials has no effect/,
  }
  for (const [text, warning] of Object.entries(named)) for (const mode of ['agent', 'proxy'] as const) {
    const { warnings } = configOf(listener + text, mode)
    assert.equal(warnings.length, 1, text)
    assert.match(warnings[0] ?? '', warning)
  }
})

test('figures are sent where and as the keys of Vault say', () => {
  const sending = (text: string): AgentConfig['telemetry']['sending'] => configOf(`${listener}telemetry {\n ${text}\n}`).telemetry.sending
  assert.deepEqual(sending('statsd_address = "stats:8125"\n dogstatsd_addr = ""\n dogstatsd_tags = ["a:b"]\n metrics_prefix = "p"'),
    { statsd: { host: 'stats', port: 8125 }, statsite: null, dogstatsd: null, tags: ['a:b'], prefix: 'p', hostname: 'machine', hostnameIn: 'gauges' })
  assert.deepEqual(['disable_hostname = true', 'enable_hostname_label = true', 'prometheus_retention_time = "0s"'].map((more) => sending(`statsite_address = "s:1"\n ${more}`).hostnameIn), ['none', 'labels', 'none'])
  assert.throws(() => sending('statsite_address = "x"'), /^AgentConfigError: telemetry.statsite_address: expected a host and a port such as 127.0.0.1:8125$/)
  assert.throws(() => sending('dogstatsd_addr = "unix:///run/dog.sock"'), /^AgentConfigError: telemetry.dogstatsd_addr: expected .* \(not unix:/)
})

test('a cache keeps leases and no secrets, unless the configuration says otherwise', () => {
  assert.equal(configOf(listener).cache, null)
  assert.deepEqual(configOf(`${listener}cache {}`).cache, { keepsLeases: true, staticSeconds: 0, servesStale: true })
  const all = 'cache_static_secrets = true\n disable_caching_dynamic_secrets = true\n static_secret_token_capability_refresh_interval = "1m"\n static_secret_token_capability_refresh_behavior = "pessimistic"'
  assert.deepEqual(configOf(`${listener}cache {\n ${all}\n}`, 'proxy').cache, { keepsLeases: false, staticSeconds: 60, servesStale: false })
})

test('whose token counts is said in api_proxy or in cache, and not in both', () => {
  const rule = (text: string): string => configOf(listener + login() + text).tokenRule
  assert.deepEqual([rule(''), rule('cache {\n use_auto_auth_token = true\n}'), rule('cache {\n use_auto_auth_token = "force"\n}'), rule('cache {}\napi_proxy {\n use_auto_auth_token = true\n}')], ['own', 'default', 'force', 'default'])
  assert.throws(() => rule('cache {\n use_auto_auth_token = true\n}\napi_proxy {\n use_auto_auth_token = true\n}'), /leave it in api_proxy/)
  assert.throws(() => configOf(`${listener}cache {\n use_auto_auth_token = true\n}`), /use_auto_auth_token needs auto_auth/)
  assert.throws(() => configOf('cache {}', 'proxy'), /cache needs at least one listener$/)
})
