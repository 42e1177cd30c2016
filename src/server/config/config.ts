/** The configuration of a server: Vault's keys, in HCL or JSON, from a file, a folder of files or the environment. */
import type { LogSettings } from '../log.ts'
import { isLogLevel } from '../log.ts'
import { ConfigError, type Section } from './blocks.ts'
import { listenersOf, type ListenerConfig } from './listeners.ts'
import { ignoredKeys } from './ignored.ts'

export interface StorageConfig {
  readonly type: 'inmem' | 'lmdb'
  /** As it was called in the configuration. */
  readonly shownType: string
  /** '' for memory. */
  readonly folder: string
}

export type SealConfig = { readonly type: 'shamir' } | { readonly type: 'keyfile'; readonly file: string }

export interface ServerConfig {
  readonly storage: StorageConfig
  readonly listeners: readonly ListenerConfig[]
  readonly seal: SealConfig
  readonly apiAddress: string
  readonly clusterName: string
  readonly ui: boolean
  /** Seconds. */
  readonly defaultLeaseSeconds: number
  readonly maxLeaseSeconds: number
  readonly log: LogSettings
  readonly pidFile: string
  readonly rawStorageEndpoint: boolean
  readonly introspection: boolean
  readonly auditOverApi: boolean
  readonly auditFolders: readonly string[] | null
  readonly telemetry: TelemetryConfig
  /** Texts for the log: keys that are accepted and mean nothing here, keys that are not known. */
  readonly warnings: readonly string[]
}

export interface TelemetryConfig {
  readonly prometheusRetentionSeconds: number
  readonly disableHostname: boolean
  readonly usageGaugePeriodSeconds: number
}

const systemLeaseSeconds = 768 * 3600

export function configOf(root: Section): ServerConfig {
  const storage = storageOf(root)
  const listeners = listenersOf(root)
  const config: Omit<ServerConfig, 'warnings'> = {
    storage,
    listeners,
    seal: sealOf(root),
    apiAddress: root.text('api_addr') ?? '',
    clusterName: root.text('cluster_name') ?? '',
    ui: root.flag('ui') ?? false,
    ...leasesOf(root),
    log: logOf(root),
    pidFile: root.text('pid_file') ?? '',
    rawStorageEndpoint: root.flag('raw_storage_endpoint') ?? false,
    introspection: root.flag('introspection_endpoint') ?? false,
    auditOverApi: !(root.flag('disable_api_audit_creation') ?? false) && (root.flag('unsafe_allow_api_audit_creation') ?? true),
    auditFolders: root.list('audit_folders') ?? null,
    telemetry: telemetryOf(root),
  }
  return { ...config, warnings: warningsOf(root, listeners) }
}

function warningsOf(root: Section, listeners: readonly ListenerConfig[]): string[] {
  const ignored = Object.entries(ignoredKeys).filter(([key]) => root.has(key)).map(([key, why]) => `the key ${key} has no effect: ${why}`)
  return [...ignored, ...[...root.unknown(), ...listeners.flatMap(({ unknown }) => unknown)].map((key) => `unknown or unsupported field ${key} found in configuration`)]
}

const storageTypes: Readonly<Record<string, StorageConfig['type']>> = { inmem: 'inmem', file: 'lmdb', lmdb: 'lmdb', raft: 'lmdb' }

function storageOf(root: Section): StorageConfig {
  const blocks = [...root.blocks('storage'), ...root.blocks('backend')]
  const [block, more] = blocks
  if (block === undefined) throw new ConfigError('storage: the configuration names none (for example: storage "lmdb" { path = "./coffer-data" })')
  if (more !== undefined) throw new ConfigError('storage: the configuration names more than one')
  const type = Object.hasOwn(storageTypes, block.label) ? storageTypes[block.label] : undefined
  if (type === undefined) throw new ConfigError(`storage "${block.label}": this server knows lmdb, file and inmem`)
  const folder = block.body.text('path') ?? ''
  for (const key of ['node_id', 'performance_multiplier', 'max_entry_size', 'retry_join', 'autopilot_reconcile_interval']) block.body.has(key)
  if (type === 'lmdb' && folder === '') throw new ConfigError(`storage "${block.label}": path is missing`)
  return { type, shownType: block.label, folder: type === 'inmem' ? '' : folder }
}

function sealOf(root: Section): SealConfig {
  const enabled = root.blocks('seal').filter(({ body }) => body.flag('disabled') !== true)
  const [block, more] = enabled
  if (block === undefined || block.label === 'shamir') return { type: 'shamir' }
  if (more !== undefined) throw new ConfigError('seal: the configuration names more than one')
  const file = block.body.text('path') ?? block.body.text('file') ?? ''
  if (block.label === 'keyfile' && file !== '') return { type: 'keyfile', file }
  if (block.label === 'keyfile') throw new ConfigError('seal "keyfile": path is missing')
  throw new ConfigError(`seal "${block.label}": this server knows shamir and keyfile`)
}

function leasesOf(root: Section): Pick<ServerConfig, 'defaultLeaseSeconds' | 'maxLeaseSeconds'> {
  const max = root.duration('max_lease_ttl') || systemLeaseSeconds
  const standard = root.duration('default_lease_ttl') || Math.min(systemLeaseSeconds, max)
  if (standard > max) throw new ConfigError('default_lease_ttl: longer than max_lease_ttl')
  return { defaultLeaseSeconds: standard, maxLeaseSeconds: max }
}

function logOf(root: Section): LogSettings {
  const level = root.text('log_level')?.toLowerCase() ?? 'info'
  if (!isLogLevel(level)) throw new ConfigError('log_level: expected trace, debug, info, warn, error or off')
  const format = root.text('log_format') || 'standard'
  if (format !== 'standard' && format !== 'json') throw new ConfigError('log_format: expected standard or json')
  return { level, format }
}

function telemetryOf(root: Section): TelemetryConfig {
  const [section] = root.sections('telemetry')
  return {
    prometheusRetentionSeconds: section?.duration('prometheus_retention_time') ?? 24 * 3600,
    disableHostname: section?.flag('disable_hostname') ?? false,
    usageGaugePeriodSeconds: section?.duration('usage_gauge_period') ?? 600,
  }
}
