/** The configuration of servers that have no file: dev mode, and the embedded default of `npm start`. */
import { listenerDefaults } from '../http/listener.ts'
import type { TlsSettings } from '../http/tls.ts'
import type { ServerConfig } from './config/config.ts'
import { parseListenAddress, type ListenerConfig } from './config/listeners.ts'
import type { LogSettings } from './log.ts'
import { systemLeaseSeconds } from '../core/settings.ts'

const listenerAt = (address: string, tls: TlsSettings | null): ListenerConfig => ({
  type: 'tcp',
  settings: { ...listenerDefaults, address: parseListenAddress(address), tls },
  shown: `tcp (addr: ${JSON.stringify(address)}, max_request_duration: "1m30s", max_request_size: "33554432", tls: "${tls === null ? 'disabled' : 'enabled'}")`,
  unauthenticatedMetrics: false,
  unauthenticatedInFlight: false,
  openKeyCeremonies: false,
  unknown: [],
})

const common = (address: string, log: LogSettings, tls: TlsSettings | null): Omit<ServerConfig, 'storage' | 'seal'> => ({
  listeners: [listenerAt(address, tls)],
  apiAddress: '',
  clusterName: '',
  ui: false,
  defaultLeaseSeconds: systemLeaseSeconds,
  maxLeaseSeconds: systemLeaseSeconds,
  log,
  pidFile: '',
  rawStorageEndpoint: false,
  introspection: false,
  auditOverApi: true,
  auditFolders: null,
  telemetry: { prometheusRetentionSeconds: 24 * 3600, disableHostname: false, usageGaugePeriodSeconds: 600 },
  warnings: [],
})

export const devConfig = (address: string, log: LogSettings, tls: TlsSettings | null): ServerConfig => ({
  ...common(address, log, tls),
  storage: { type: 'inmem', shownType: 'inmem', folder: '' },
  seal: { type: 'shamir' },
})

export const embeddedConfig = (folder: string, address: string, log: LogSettings, keyFile: string): ServerConfig => ({
  ...common(address, log, null),
  storage: { type: 'lmdb', shownType: 'lmdb', folder },
  seal: { type: 'keyfile', file: keyFile },
})
