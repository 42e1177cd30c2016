/** What every part of the core stands on: the machine, the settings, the sealed store, the engines. */
import type { Barrier } from '../barrier/barrier.ts'
import type { LayeredStore } from '../storage/layered.ts'
import type { Host } from './host.ts'
import type { Registry } from './registry.ts'
import type { CoreSettings } from './settings.ts'

export interface Base {
  readonly host: Host
  readonly settings: CoreSettings
  readonly barrier: Barrier
  readonly registry: Registry
}

/** Id of the only namespace so far. It is part of every tree's name, so that others can be added without moving data. */
export const rootNamespace = 'root'

/** Configuration of a namespace under names that people chose: mounts, policies, quotas, roles. Names are sealed. */
export const namedStore = (base: Base, namespace = rootNamespace): LayeredStore => base.barrier.tree(`ns-${namespace}`)

/** Records under keys that nobody chose: hashes, accessors, times. Values are sealed, keys are as they are. */
export const opaqueStore = (base: Base): LayeredStore => base.barrier.values
