/** Puts the core together. */
import type { Seal } from '../barrier/seals/seal.ts'
import type { Store } from '../kit/store.ts'
import type { Barrier } from '../barrier/barrier.ts'
import type { AuditBroker } from './audit/broker.ts'
import type { Base } from './base.ts'
import type { Core } from './core.ts'
import type { Host, LogControl } from './host.ts'
import { alone, type Crew } from './crew.ts'
import { ownCeremonies } from './keys.ts'
import { RateLimiter } from './quotas.ts'
import type { SnapshotPlace } from './snapshot-place.ts'
import { Telemetry } from './telemetry.ts'
import { liveTable } from './live.ts'
import { noTokens, type TokenSource } from './managed-keys/tokens.ts'
import { mountTable } from './mounts/table.ts'
import { policyTable } from './policies/table.ts'
import { releaseEngines, type Registry } from './registry.ts'
import { createRootToken } from './setup.ts'
import { withUnit } from './unit.ts'
import type { CoreSettings } from './settings.ts'

const issueRootToken = async (core: Core): Promise<string> => (await withUnit((unit) => createRootToken(core, unit))).id

export interface CoreParts {
  readonly host: Host
  readonly logControl: LogControl
  readonly settings: CoreSettings
  readonly barrier: Barrier
  readonly registry: Registry
  readonly audit: AuditBroker
  /** The automatic seal of the configuration; null: shares. */
  readonly automaticSeal: Seal | null
  readonly snapshots: SnapshotPlace | null
  /** Default: none. */
  readonly tokens?: TokenSource
  /** Removes what lies in the cubbyhole of this id: the engine knows how. */
  readonly clearCubbyhole: (store: Store, cubbyholeId: string) => Promise<void>
  /** Default: this process alone. */
  readonly crew?: Crew
}

export function makeCore({ host, logControl, settings, barrier, registry, audit, automaticSeal, snapshots, clearCubbyhole, tokens = noTokens, crew = alone }: CoreParts): Core {
  const base: Base = { host, settings, barrier, registry }
  const mounts = mountTable(base)
  const policies = policyTable(base)
  const rateLimiter = new RateLimiter()
  const own = ownCeremonies(barrier, automaticSeal, () => issueRootToken(core), crew.shareKey)
  const core: Core = Object.freeze({
    ...base,
    mounts,
    policies,
    crew,
    own,
    keys: { automatic: automaticSeal, ...crew.ceremonies(own) },
    seal: () => crew.seal(core.forget),
    forget() {
      barrier.seal()
      mounts.forget()
      policies.forget()
      tokens.close()
      // What fails here is a connection that is gone already.
      void releaseEngines(registry).catch(() => undefined)
    },
    audit,
    snapshots,
    tokens,
    rateLimiter,
    telemetry: new Telemetry(),
    logControl,
    live: liveTable(base, audit, rateLimiter, () => barrier.signingKey('audit-chain')),
    async clearCubbyhole(cubbyholeId: string): Promise<void> {
      const mount = await mounts.at('cubbyhole/')
      if (mount === null || cubbyholeId === '') return
      await clearCubbyhole(mount.store, cubbyholeId)
    },
  })
  return core
}
