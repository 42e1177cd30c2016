/** What is stored of a mount: one record per mount, found by its path, never loaded as a table. */
import { secondLayout } from '../../barrier/tree-keys.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'

export interface MountConfig {
  /** 0: the system's default. Seconds. */
  readonly default_lease_ttl: number
  readonly max_lease_ttl: number
  readonly force_no_cache: boolean
  readonly audit_non_hmac_request_keys?: readonly string[]
  readonly audit_non_hmac_response_keys?: readonly string[]
  readonly listing_visibility?: string
  readonly passthrough_request_headers?: readonly string[]
  readonly allowed_response_headers?: readonly string[]
  readonly allowed_managed_keys?: readonly string[]
  readonly token_type?: string
  readonly user_lockout_config?: UserLockoutConfig
}

export interface UserLockoutConfig {
  readonly lockout_threshold: number
  readonly lockout_duration: number
  readonly lockout_counter_reset: number
  readonly lockout_disable: boolean
}

export interface MountRecord {
  /** Inside its namespace, with trailing '/'; auth methods begin with `auth/`. */
  readonly path: string
  readonly kind: 'secret' | 'auth' | 'system'
  readonly type: string
  readonly description: string
  readonly accessor: string
  readonly uuid: string
  /** That of the tree that holds its data; absent for the first. */
  readonly layout?: 2
  readonly local: boolean
  readonly seal_wrap: boolean
  readonly external_entropy_access: boolean
  readonly options: Readonly<Record<string, string>> | null
  readonly config: MountConfig
  /** Set while the mount is being disabled: it answers nothing, and its data goes in bounded steps. */
  readonly tainted?: boolean
}

/** The name of the tree that holds the data of a mount. */
export const treeOf = ({ uuid, layout }: Pick<MountRecord, 'uuid' | 'layout'>): string => (layout === 2 ? secondLayout(uuid) : uuid)

/** One flat folder, so that listing the mounts is one list: the slashes of the path are encoded. */
export const mountRecords = records<MountRecord, [path: string]>((path) => `mounts/${encodeURIComponent(path)}`)

interface MountPlace {
  readonly path: string
}
/** Where a mount is, by its accessor and by its uuid: nobody has to look through all of them. */
export const mountPlaces = records<MountPlace, [id: string]>((id) => `mount-ids/${encodeURIComponent(id)}`)
export const mountsOfTypeFolder = (kind: string, type: string): string => `mount-types/${kind}.${encodeURIComponent(type)}/`
/** The mounts of one type, by uuid. */
export const mountsOfType = records<MountPlace, [kind: string, type: string, uuid: string]>((kind, type, uuid) => mountsOfTypeFolder(kind, type) + uuid)

/** Writes the record of a mount that is new, was changed, or was moved, and its indexes. `named`: the configuration of its namespace. */
export function writeMount(named: Transaction, record: MountRecord): void {
  const { path, kind, type, accessor, uuid } = record
  mountRecords.write(named, record, path)
  for (const id of [accessor, uuid]) mountPlaces.write(named, { path }, id)
  mountsOfType.write(named, { path }, kind, type, uuid)
}

export function removeMount(named: Transaction, { path, kind, type, accessor, uuid }: MountRecord): void {
  mountRecords.remove(named, path)
  for (const id of [accessor, uuid]) mountPlaces.remove(named, id)
  mountsOfType.remove(named, kind, type, uuid)
}

/** Mounts whose data are being converted to another version of their engine: by uuid. */
export const conversions = records<{ readonly path: string; readonly from: string }, [uuid: string]>((uuid) => `conversions/${uuid}`)
/** Mounts that were disabled and whose data, leases and tokens are still being removed: by uuid. */
export const removals = records<MountRecord, [uuid: string]>((uuid) => `removals/${uuid}`)
