/** The configuration of a server: from the keys of its files to what the server works by. */
import { sendingOf, type SendingSettings } from '../../statsd/settings.ts'
import type { LogSettings } from '../log.ts'
import { systemLeaseSeconds } from '../../core/settings.ts'
import { ConfigError, type Entries } from './entries.ts'
import { serverKeys } from './keys.ts'
import { listenerOf, type ListenerConfig } from './listeners.ts'
import { readTable, type ValuesOf } from './read-table.ts'
import { sealOf, type ConfigEnvironment, type SealConfig } from './seals.ts'

export interface StorageConfig {
  readonly type: 'inmem' | 'lmdb'
  /** As it was called in the configuration. */
  readonly shownType: string
  /** '' for memory. */
  readonly folder: string
}

export type { SealConfig }

export interface ServerConfig {
  readonly storage: StorageConfig
  readonly listeners: readonly ListenerConfig[]
  readonly seal: SealConfig
  readonly kmsLibraries: readonly KmsLibrary[]
  readonly apiAddress: string
  readonly clusterName: string
  readonly ui: boolean
  /** Seconds. */
  readonly defaultLeaseSeconds: number
  readonly maxLeaseSeconds: number
  readonly log: LogSettings
  readonly workers: number | 'auto'
  readonly pidFile: string
  readonly rawStorageEndpoint: boolean
  readonly introspection: boolean
  readonly audit: AuditConfig
  /** Where figures are sent. */
  readonly sending: SendingSettings
  /** Texts for the log: keys that are accepted and mean nothing here, keys that are not known. */
  readonly warnings: readonly string[]
}

/** A library of PKCS #11, by the name that managed keys have for it. */
export interface KmsLibrary {
  readonly name: string
  readonly library: string
}

export interface AuditConfig {
  readonly overApi: boolean
  /** Folders below which audit files must lie; null: anywhere. */
  readonly folders: readonly string[] | null
  readonly prefix: boolean
}

type Values = ValuesOf<typeof serverKeys.keys>

/** `hostname` is for `enable_response_header_hostname` and figures, `environment` for what seals need. Throws `ConfigError`. */
export function configOf(entries: Entries, hostname: string, environment: ConfigEnvironment = {}): ServerConfig {
  const { storage, ...rest } = readConfigured(entries, hostname, environment)
  if (rest.listeners.length === 0) throw new ConfigError('listener: the configuration names none (for example: listener "tcp" { address = "127.0.0.1:8200" tls_disable = true })')
  return { ...rest, storage: storageOf(storage) }
}

/** What a configuration adds to dev mode, which has storage, seal and a first listener of its own. Throws `ConfigError`. */
export function devAdditionsOf(entries: Entries, hostname: string): Omit<ServerConfig, 'storage' | 'seal'> {
  const { storage, seal, ...rest } = readConfigured(entries, hostname)
  const without = [...(storage.length > 0 ? ['storage'] : []), ...(seal.type === 'shamir' ? [] : ['seal'])]
  return { ...rest, warnings: [...rest.warnings, ...without.map((key) => `the key ${key} has no effect: dev mode is in memory, and unseals itself`)] }
}

function readConfigured(entries: Entries, hostname: string, environment: ConfigEnvironment = {}): Omit<ServerConfig, 'storage'> & { readonly storage: Values['storage'] } {
  const warnings: string[] = []
  const warn = (warning: string): void => void warnings.push(warning)
  const values = readTable(entries, serverKeys, warn)
  const common = { requestDurationMax: values.default_max_request_duration, hostname: values.enable_response_header_hostname ? hostname : null, warn }
  return {
    storage: values.storage,
    listeners: values.listener.map((block) => listenerOf(block, common)),
    seal: sealOf(values.seal, environment),
    kmsLibraries: librariesOf(values.kms_library),
    apiAddress: values.api_addr,
    clusterName: values.cluster_name,
    ui: values.ui,
    ...leasesOf(values),
    log: { level: values.log_level, format: values.log_format },
    workers: values.workers,
    pidFile: values.pid_file,
    rawStorageEndpoint: values.raw_storage_endpoint,
    introspection: values.introspection_endpoint,
    audit: {
      overApi: !values.disable_api_audit_creation && values.unsafe_allow_api_audit_creation,
      folders: values.audit_folders,
      prefix: values.allow_audit_log_prefixing,
    },
    sending: sendingIn(values.telemetry, hostname),
    warnings,
  }
}

const sendingIn = (written: Values['telemetry'], hostname: string): SendingSettings => sendingOf({
  statsd: written.statsd_address,
  statsite: written.statsite_address,
  dogstatsd: written.dogstatsd_addr,
  tags: written.dogstatsd_tags ?? [],
  prefix: written.metrics_prefix,
  disableHostname: written.disable_hostname,
  hostnameLabel: written.enable_hostname_label,
  prometheus: written.prometheus_retention_time > 0,
  hostname,
})

function storageOf(blocks: Values['storage']): StorageConfig {
  const block = lastOf('storage', blocks)
  if (block === null) throw new ConfigError('storage: the configuration names none (for example: storage "lmdb" { path = "./coffer-data" })')
  if (block.label === 'inmem') return { type: 'inmem', shownType: 'inmem', folder: '' }
  if (!block.values.path) throw new ConfigError(`${block.place}: storage "${block.label}": path is missing`)
  return { type: 'lmdb', shownType: block.label, folder: block.values.path }
}

/** Of one name the last one counts. */
function librariesOf(blocks: Values['kms_library']): readonly KmsLibrary[] {
  const named = blocks.map(({ place, values: { name, library } }): [string, KmsLibrary] => {
    if (!name || !library) throw new ConfigError(`${place}: kms_library "pkcs11": ${name ? 'library' : 'name'} is missing`)
    return [name, { name, library }]
  })
  return [...new Map(named).values()]
}

/** A later file replaces what an earlier one said; two in one file are a mistake. */
function lastOf<B extends { readonly place: string; readonly file: string }>(name: string, blocks: readonly B[]): B | null {
  const last = blocks.at(-1)
  if (last === undefined) return null
  if (blocks.filter(({ file }) => file === last.file).length > 1) throw new ConfigError(`${last.place}: ${name}: the configuration names more than one`)
  return last
}

function leasesOf({ max_lease_ttl: max, default_lease_ttl: standard }: Values): Pick<ServerConfig, 'defaultLeaseSeconds' | 'maxLeaseSeconds'> {
  const maxLeaseSeconds = max || systemLeaseSeconds
  const defaultLeaseSeconds = standard || Math.min(systemLeaseSeconds, maxLeaseSeconds)
  if (defaultLeaseSeconds > maxLeaseSeconds) throw new ConfigError('default_lease_ttl: longer than max_lease_ttl')
  return { defaultLeaseSeconds, maxLeaseSeconds }
}
