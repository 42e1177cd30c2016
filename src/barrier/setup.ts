/** How keys are protected from now on: what an initialisation or a rekey is told; and how they stand. */
import type { Seal } from './seals/seal.ts'
import type { ShareConfig } from './seals/shamir.ts'

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
