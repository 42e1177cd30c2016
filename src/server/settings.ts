/** From the configuration to what the core works by. */
import { createHash } from 'node:crypto'
import type { CoreSettings } from '../core/settings.ts'
import type { ListenAddress } from '../http/listener-settings.ts'
import type { ServerConfig } from './config/config.ts'
import { apiVersion, buildDate } from './version.ts'

export const coreSettings = (config: ServerConfig): CoreSettings => ({
  version: apiVersion,
  buildDate,
  defaultLeaseSeconds: config.defaultLeaseSeconds,
  maxLeaseSeconds: config.maxLeaseSeconds,
  clusterName: clusterNameOf(config),
  apiAddress: config.apiAddress || addressOf(config),
  storageType: config.storage.shownType,
  rawStorageEndpoint: config.rawStorageEndpoint,
  introspection: config.introspection,
  enableUi: config.ui,
  auditOverApi: config.audit.overApi,
  sanitized: sanitizedOf(config),
})

export const clusterNameOf = ({ clusterName, storage }: Pick<ServerConfig, 'clusterName' | 'storage'>): string =>
  clusterName || `vault-cluster-${createHash('sha256').update(storage.folder || 'memory').digest('hex').slice(0, 8)}`

/** Where clients reach the first listener. */
export function addressOf({ listeners }: Pick<ServerConfig, 'listeners'>): string {
  const listener = listeners.find(({ type }) => type === 'tcp')
  if (listener === undefined || 'path' in listener.settings.address) return ''
  const { host, port } = listener.settings.address
  const shown = ['', '0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host
  return `${listener.settings.tls === null ? 'http' : 'https'}://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}

/** As configurations write it. */
export const shownAddress = (address: ListenAddress): string =>
  'path' in address ? address.path : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`

/** Nothing here is a secret: addresses, types, times. */
const sanitizedOf = (config: ServerConfig): Readonly<Record<string, unknown>> => ({
  api_addr: config.apiAddress,
  cache_size: 0,
  cluster_addr: '',
  cluster_name: config.clusterName,
  default_lease_ttl: config.defaultLeaseSeconds,
  max_lease_ttl: config.maxLeaseSeconds,
  disable_mlock: true,
  enable_ui: config.ui,
  listeners: config.listeners.map(({ type, settings }) => ({ type, config: { address: shownAddress(settings.address), tls_disable: settings.tls === null } })),
  log_format: config.log.format,
  log_level: config.log.level,
  pid_file: config.pidFile,
  raw_storage_endpoint: config.rawStorageEndpoint,
  introspection_endpoint: config.introspection,
  seals: [{ type: config.seal.type, disabled: false }],
  storage: { type: config.storage.shownType, cluster_addr: '', redirect_addr: config.apiAddress, disable_clustering: true },
})
