/** What an agent listens on, and what it does with the requests that come: `listener`, `api_proxy` and `cache`. */
import { cipherList } from '../../http/ciphers.ts'
import { findListenAddress, listenerDefaults, type ListenAddress, type ListenerSettings } from '../../http/listener-settings.ts'
import { defaultTls, type TlsSettings } from '../../http/tls.ts'
import { idOf } from '../files.ts'
import { AgentConfigError, type Block } from './entries.ts'

export interface AgentListener {
  readonly type: 'tcp' | 'unix'
  readonly settings: ListenerSettings
  /** Figures and nothing else. */
  readonly metricsOnly: boolean
  /** Requests need `X-Vault-Request: true`, which no browser and few mistaken programs send. */
  readonly requiresHeader: boolean
  /** A request may end the agent. */
  readonly allowsQuit: boolean
}

/** Whose token a request gets: its own, the agent's where it brings none, or always the agent's. */
export type TokenRule = 'own' | 'default' | 'force'

/** As Vault's agent waits. */
const durations = { requestDurationMax: 90_000, headDurationMax: 10_000, idleDurationMax: 300_000 }

/** `mode` says which of `agent_api` and `proxy_api` counts. Throws `AgentConfigError`. */
export function listenerOf(type: string, block: Block, mode: 'agent' | 'proxy'): AgentListener {
  block.ignore('type')
  if (type !== 'tcp' && type !== 'unix') throw new AgentConfigError(`${block.where}type: expected tcp or unix`)
  const role = block.text('role', 'default') || 'default'
  if (role !== 'default' && role !== 'metrics_only') throw new AgentConfigError(`${block.where}role: expected default or metrics_only`)
  const bodyBytesMax = block.integer('max_request_size', listenerDefaults.limits.bodyBytesMax)
  const settings: ListenerSettings = {
    ...listenerDefaults,
    ...durations,
    address: type === 'unix' ? unixAddress(block) : tcpAddress(block),
    tls: tlsOf(block, type),
    limits: { ...listenerDefaults.limits, bodyBytesMax: bodyBytesMax > 0 ? bodyBytesMax : listenerDefaults.limits.bodyBytesMax },
    requestDurationMax: (block.seconds('max_request_duration', 0) || durations.requestDurationMax / 1000) * 1000,
  }
  const listener: AgentListener = { type, settings, metricsOnly: role === 'metrics_only', requiresHeader: block.flag('require_request_header'), allowsQuit: quitOf(block, mode) }
  block.ignore('purpose', 'telemetry', 'custom_response_headers', 'profiling', 'tls_prefer_server_cipher_suites', 'http_read_timeout', 'http_write_timeout', 'http_read_header_timeout', 'http_idle_timeout', 'proxy_api', 'agent_api')
  block.finish()
  return listener
}

function quitOf(block: Block, mode: 'agent' | 'proxy'): boolean {
  const api = block.block(`${mode}_api`)
  const allowed = api?.flag('enable_quit') ?? false
  api?.finish()
  return allowed
}

function tcpAddress(block: Block): ListenAddress {
  const address = findListenAddress(block.text('address', '127.0.0.1:8200'))
  if (address === null) throw new AgentConfigError(`${block.where}address: expected an address such as 127.0.0.1:8100 or [::1]:8100`)
  return address
}

function unixAddress(block: Block): ListenAddress {
  const path = block.needed('address')
  const mode = block.mode('socket_mode')
  const number = (key: string, file: string): number | null => {
    const name = block.text(key)
    try {
      return name === '' ? null : idOf(file, name, -1)
    } catch (error) {
      throw new AgentConfigError(`${block.where}${key}: ${(error as Error).message}`)
    }
  }
  return { path, mode, uid: number('socket_user', '/etc/passwd'), gid: number('socket_group', '/etc/group') }
}

const versions = { tls10: 'TLSv1.2', tls11: 'TLSv1.2', tls12: 'TLSv1.2', tls13: 'TLSv1.3' } as const

function tlsOf(block: Block, type: string): TlsSettings | null {
  const disabled = block.flag('tls_disable')
  const [certFile, keyFile, clientCaFile] = [block.text('tls_cert_file'), block.text('tls_key_file'), block.text('tls_client_ca_file')]
  const requireClientCert = block.flag('tls_require_and_verify_client_cert')
  const disableClientCerts = block.flag('tls_disable_client_certs')
  const [minVersion, maxVersion] = [versionOf(block, 'tls_min_version', 'tls12'), versionOf(block, 'tls_max_version', 'tls13')]
  const ciphers = cipherList(block.texts('tls_cipher_suites').flatMap((text) => text.split(',')))
  if (disabled || type === 'unix') return null
  if (certFile === '' || keyFile === '') throw new AgentConfigError(`${block.where}tls_cert_file and tls_key_file are missing (or set tls_disable = true)`)
  if (requireClientCert && clientCaFile === '') throw new AgentConfigError(`${block.where}tls_require_and_verify_client_cert needs tls_client_ca_file`)
  return { ...defaultTls, certFile, keyFile, clientCaFile: clientCaFile || null, requireClientCert, disableClientCerts, minVersion, maxVersion, ciphers }
}

function versionOf(block: Block, key: string, otherwise: keyof typeof versions): TlsSettings['minVersion'] {
  const written = block.text(key, otherwise)
  if (!Object.hasOwn(versions, written)) throw new AgentConfigError(`${block.where}${key}: expected tls12 or tls13`)
  return versions[written as keyof typeof versions]
}

/** `use_auto_auth_token` of a block: `true`, `false` or `"force"`. Null where it is not there. */
export function tokenRuleOf(block: Block | null): TokenRule | null {
  if (block === null || !block.has('use_auto_auth_token')) return null
  if (block.isText('use_auto_auth_token', 'force')) return 'force'
  return block.flag('use_auto_auth_token') ? 'default' : 'own'
}
