/** What a barrier is made with, and what it tells of its keys. */
import type { MigrationOptions } from './migrations.ts'
import type { Seal } from './seals/seal.ts'
import type { ShareConfig } from './seals/shamir.ts'

export interface BarrierOptions extends MigrationOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** For the keys of a new store, by which its records are named. Default: that of `node:crypto`. */
  readonly random?: (bytes: number) => Uint8Array
  /** Bytes of opened values that are kept in memory. Default 24 MiB. */
  readonly cacheBytes?: number
  /** Called when another process has changed the root key, so that this one can no longer follow the keyring: `unseal` with the new one. */
  readonly onRootKeyChanged?: () => void
}

/** How the root key is protected from now on. */
export interface SealSetup {
  readonly seal: Seal
  /** The shares of the seal's key; 0 of 0 when nobody holds any. */
  readonly config: ShareConfig
}

/** A recovery key, which authorises what unseal keys would if the seal were not automatic. */
export interface RecoverySetup {
  /** Copied at once: the caller wipes it. */
  readonly key: Uint8Array
  readonly config: ShareConfig
}

/** Of the data keys. */
export interface KeyStatus {
  readonly term: number
  /** Milliseconds since 1970. */
  readonly installed: number
  /** Never too low; too high by what crashed processes had reserved. */
  readonly encryptions: number
}
