/** Everything that a request can reach: the base, the tables derived from it, and the audit broker. */
import type { AuditBroker } from './audit/broker.ts'
import type { Base } from './base.ts'
import type { LogControl } from './host.ts'
import type { RateLimiter } from './quotas.ts'
import type { SnapshotPlace } from './snapshot-place.ts'
import type { Telemetry } from './telemetry.ts'
import type { Crew } from './crew.ts'
import type { Ceremonies, Keys } from './keys.ts'
import type { LiveTable } from './live.ts'
import type { TokenSource } from './managed-keys/tokens.ts'
import type { MountTable } from './mounts/table.ts'
import type { PolicyTable } from './policies/table.ts'

export interface Core extends Base {
  readonly mounts: MountTable
  readonly policies: PolicyTable
  readonly audit: AuditBroker
  readonly live: LiveTable
  readonly rateLimiter: RateLimiter
  readonly telemetry: Telemetry
  readonly logControl: LogControl
  readonly keys: Keys
  /** Where managed keys are. */
  readonly tokens: TokenSource
  /** Null where the store cannot be read and replaced as a whole. */
  readonly snapshots: SnapshotPlace | null
  readonly crew: Crew
  /** The ceremonies of this process; requests go through `keys`, which may be those of another one. */
  readonly own: Ceremonies
  /** Seals all processes of this server. */
  readonly seal: () => Promise<void>
  /** Seals the barrier of this process and forgets what was derived from its content. */
  readonly forget: () => void
  /** Removes what a token kept in its cubbyhole. */
  readonly clearCubbyhole: (cubbyholeId: string) => Promise<void>
}
