/** A secret and its versions, as the code has them; `secret-form.ts` says how they are written. */

export interface VersionRecord {
  readonly number: number
  /** Where its data is: that of the version whose place it took, or its own number. Never above the number. */
  readonly slot: number
  /** Names the version for good, in this mount and in others. */
  readonly id: string
  /** `destroyed`: its data is gone for good. Whether a live version is deleted depends on the clock: see `isReadable`. */
  readonly state: 'live' | 'destroyed'
  readonly labels: Readonly<Record<string, string>>
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number
  /** When it was or will be deleted; `null`: never. */
  readonly deletedAt: number | null
  /** Who wrote it, as far as known; never shown to those who read. */
  readonly by: { readonly accessor: string; readonly entity: string } | null
}

/** What can be set for a secret. */
export interface SecretSettings {
  /** 0: what the mount says. */
  readonly maxVersions: number
  readonly casRequired: boolean
  readonly metadataCasRequired: boolean
  /** 0: what the mount says. */
  readonly deleteAfterSeconds: number
  readonly custom: Readonly<Record<string, string>> | null
}

export interface SecretRecord extends SecretSettings {
  /** The folder of its versions. A secret that is removed and written again gets another one. */
  readonly id: string
  readonly createdAt: number
  readonly updatedAt: number
  /** Number of the newest version, 0 before the first. */
  readonly current: number
  /** Number of the oldest version that is kept, 0 as long as none was dropped. */
  readonly oldest: number
  /** Counts the writes of the settings, for `metadata_cas`. */
  readonly revision: number
  /** Ascending by number, without gaps. */
  readonly versions: readonly VersionRecord[]
}
