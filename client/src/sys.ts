/** The parts of `sys/` that programs use: state of the server, mounts, policies, leases, capabilities, wrapping. */
import { expectSecret, type RequestOptions, type Verbs } from './contract.ts'

export interface SealStatus {
  readonly type: string
  readonly initialized: boolean
  readonly sealed: boolean
  /** Threshold and number of shares. */
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly nonce: string
  readonly version: string
  readonly cluster_name?: string
  readonly cluster_id?: string
  readonly recovery_seal: boolean
  readonly storage_type?: string
}

export interface Health {
  readonly initialized: boolean
  readonly sealed: boolean
  readonly standby: boolean
  readonly version: string
  readonly server_time_utc: number
  readonly cluster_id?: string
}

export interface Mount {
  readonly type: string
  readonly description: string
  readonly accessor: string
  readonly options: Readonly<Record<string, string>> | null
  readonly config: Readonly<Record<string, unknown>>
  readonly uuid: string
}

export interface MountRequest {
  readonly type: string
  readonly description?: string
  readonly options?: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, unknown>>
}

export interface SysApi {
  sealStatus(options?: RequestOptions): Promise<SealStatus>
  /** Answers in every state of the server. */
  health(options?: RequestOptions): Promise<Health>
  mounts(options?: RequestOptions): Promise<Record<string, Mount>>
  enableMount(path: string, request: MountRequest, options?: RequestOptions): Promise<void>
  disableMount(path: string, options?: RequestOptions): Promise<void>
  authMounts(options?: RequestOptions): Promise<Record<string, Mount>>
  enableAuth(path: string, request: MountRequest, options?: RequestOptions): Promise<void>
  disableAuth(path: string, options?: RequestOptions): Promise<void>
  policies(options?: RequestOptions): Promise<string[]>
  /** The text of a policy, or null. */
  policy(name: string, options?: RequestOptions): Promise<string | null>
  putPolicy(name: string, policy: string, options?: RequestOptions): Promise<void>
  deletePolicy(name: string, options?: RequestOptions): Promise<void>
  /** Of the client's own token, by path. */
  capabilities(paths: readonly string[], options?: RequestOptions): Promise<Record<string, string[]>>
  /** Resolves with the seconds granted. */
  renewLease(id: string, increment?: number, options?: RequestOptions): Promise<number>
  /** Resolves once the lease is gone. */
  revokeLease(id: string, options?: RequestOptions): Promise<void>
}

/** Parameters of `sys/health` that say which status a state answers with. */
const stateCodes: readonly string[] = ['standbycode', 'sealedcode', 'uninitcode', 'drsecondarycode', 'performancestandbycode']

export function sysApi(client: Verbs): SysApi {
  const readData = async <T>(path: string, options?: RequestOptions): Promise<T> =>
    expectSecret(await client.read<T>(path, options), path).data
  return {
    sealStatus: (options) => readData('sys/seal-status', options),
    health(options) {
      const query = { ...Object.fromEntries(stateCodes.map((name) => [name, 200])), ...options?.query }
      return readData('sys/health', { ...options, maxRetries: 0, query })
    },
    mounts: (options) => readData('sys/mounts', options),
    enableMount: async (path, request, options) => void (await client.write(`sys/mounts/${path}`, request, options)),
    disableMount: async (path, options) => void (await client.delete(`sys/mounts/${path}`, options)),
    authMounts: (options) => readData('sys/auth', options),
    enableAuth: async (path, request, options) => void (await client.write(`sys/auth/${path}`, request, options)),
    disableAuth: async (path, options) => void (await client.delete(`sys/auth/${path}`, options)),
    policies: async (options) => (await client.list('sys/policies/acl', options))?.data.keys ?? [],
    policy: async (name, options) => (await client.read<{ policy: string }>(`sys/policies/acl/${name}`, options))?.data.policy ?? null,
    putPolicy: async (name, policy, options) => void (await client.write(`sys/policies/acl/${name}`, { policy }, options)),
    deletePolicy: async (name, options) => void (await client.delete(`sys/policies/acl/${name}`, options)),
    async capabilities(paths, options) {
      const secret = await client.write<Record<string, string[]>>('sys/capabilities-self', { paths }, options)
      return Object.fromEntries(paths.map((path) => [path, secret?.data[path] ?? []]))
    },
    async renewLease(id, increment, options) {
      const path = 'sys/leases/renew'
      return expectSecret(await client.write(path, { lease_id: id, increment }, options), path).leaseDuration
    },
    revokeLease: async (id, options) => void (await client.write('sys/leases/revoke', { lease_id: id, sync: true }, options)),
  }
}
