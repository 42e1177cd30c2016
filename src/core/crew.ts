/**
 * The processes of a server that serve together. Nearly all that they have in common is in the store; this is the rest: keys, shares on their
 * way, counts of rate limits, figures. A process that serves alone has itself for a crew.
 */
import type { Ceremonies } from './keys.ts'
import type { RateCounting } from './quotas.ts'
import type { Figures } from './telemetry.ts'

export interface Crew {
  /** Makes every process forget its keys, this one (by `here`) included. Resolves when none can open anything any more. */
  readonly seal: (here: () => void) => Promise<void>
  /** Gives the root key of this process to all others. Resolves when every process serves with it. */
  readonly shareKey: () => Promise<void>
  /** The ceremonies of the process that all leave them to, so that shares which come over different connections meet. */
  readonly ceremonies: (own: Ceremonies) => Ceremonies
  /** What counts the requests that rate limits concern; null: each process counts its own. */
  readonly counting: RateCounting | null
  /** What is counted in the memory of each process besides this one. */
  readonly otherFigures: () => Promise<readonly Figures[]>
}

export const alone: Crew = Object.freeze({
  seal: async (here: () => void) => here(),
  shareKey: async () => undefined,
  ceremonies: (own: Ceremonies) => own,
  counting: null,
  otherFigures: async () => [],
})
