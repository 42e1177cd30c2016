/** Where snapshots come from and go to. */
import type { WholeStore } from '../kit/store.ts'

export interface SnapshotPlace {
  readonly store: WholeStore
  /** Folder in which one is kept, sealed as it is, while it is looked at. */
  readonly folder: string
}

/** What is left of a restore that a crash interrupted begins like this. */
export const stagedPrefix = 'restoring-'
