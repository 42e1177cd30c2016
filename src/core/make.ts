/** Puts the core together. */
import type { Store } from '../kit/store.ts'
import type { Barrier } from '../barrier/barrier.ts'
import type { AuditBroker } from './audit/broker.ts'
import type { Base } from './base.ts'
import type { Core } from './core.ts'
import type { Host } from './host.ts'
import { liveTable } from './live.ts'
import { mountTable } from './mounts/table.ts'
import { policyTable } from './policies/table.ts'
import type { Registry } from './registry.ts'
import type { CoreSettings } from './settings.ts'

export interface CoreParts {
  readonly host: Host
  readonly settings: CoreSettings
  readonly barrier: Barrier
  readonly registry: Registry
  readonly audit: AuditBroker
  /** Removes what lies in the cubbyhole of this id: the engine knows how. */
  readonly clearCubbyhole: (store: Store, cubbyholeId: string) => Promise<void>
}

export function makeCore({ host, settings, barrier, registry, audit, clearCubbyhole }: CoreParts): Core {
  const base: Base = { host, settings, barrier, registry }
  const mounts = mountTable(base)
  return Object.freeze({
    ...base,
    mounts,
    policies: policyTable(base),
    audit,
    live: liveTable(base, audit, () => barrier.signingKey('audit-chain')),
    async clearCubbyhole(cubbyholeId: string): Promise<void> {
      const mount = await mounts.at('cubbyhole/')
      if (mount === null || cubbyholeId === '') return
      await clearCubbyhole(mount.store, cubbyholeId)
    },
  })
}
