/** The configuration of servers that have no file: dev mode, and the embedded default of `npm start`. */
import { systemLeaseSeconds } from '../core/settings.ts'
import { listenerDefaults } from '../http/listener-settings.ts'
import type { TlsSettings } from '../http/tls.ts'
import { nothingSent } from '../statsd/settings.ts'
import type { ServerConfig } from './config/config.ts'
import { parseListenAddress, type ListenerConfig } from './config/listeners.ts'
import type { LogSettings } from './log.ts'

export const listenerAt = (address: string, tls: TlsSettings | null): ListenerConfig => ({
  type: 'tcp',
  settings: { ...listenerDefaults, address: parseListenAddress(address), tls },
  open: new Set(),
  metrics: 'like others',
})

export const embeddedConfig = (folder: string, address: string, log: LogSettings, keyFile: string): ServerConfig => ({
  storage: { type: 'lmdb', shownType: 'lmdb', folder },
  seal: { type: 'keyfile', name: 'keyfile', file: keyFile },
  listeners: [listenerAt(address, null)],
  kmsLibraries: [],
  apiAddress: '',
  clusterName: '',
  ui: false,
  defaultLeaseSeconds: systemLeaseSeconds,
  maxLeaseSeconds: systemLeaseSeconds,
  log,
  workers: 'auto',
  pidFile: '',
  rawStorageEndpoint: false,
  introspection: false,
  audit: { overApi: true, folders: null, prefix: false },
  sending: nothingSent,
  warnings: [],
})
