/** What the configuration decides for the core, in one immutable object. */

export interface CoreSettings {
  /** Vault's API level and our own version, as `sys/health` and `sys/seal-status` announce them. */
  readonly version: string
  readonly buildDate: string
  readonly defaultLeaseSeconds: number
  readonly maxLeaseSeconds: number
  readonly clusterName: string
  readonly apiAddress: string
  readonly storageType: string
  readonly rawStorageEndpoint: boolean
  readonly introspection: boolean
  readonly enableUi: boolean
  /** Audit devices may be made over the API. */
  readonly auditOverApi: boolean
  /** The configuration without secrets, for `sys/config/state/sanitized`. */
  readonly sanitized: Readonly<Record<string, unknown>>
}

/** Vault's system defaults: 768 hours. */
export const systemLeaseSeconds = 768 * 3600
