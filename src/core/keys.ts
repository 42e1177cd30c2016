/** The ceremonies around the keys, one of each per process: unsealing, rekeying, generating a root token. */
import type { Barrier } from '../barrier/barrier.ts'
import { GenerateRoot } from '../barrier/generate-root.ts'
import { Rekey } from '../barrier/rekey.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { Unsealing } from '../barrier/seals/unsealing.ts'

export interface Keys {
  /** The automatic seal that the configuration names; null: shares. */
  readonly automatic: Seal | null
  readonly unsealing: Unsealing
  readonly rekey: Rekey
  readonly rekeyRecovery: Rekey
  readonly generateRoot: GenerateRoot
}

/** Characters of a service token: `hvs.` and 24 more. One-time pads are as long. */
const tokenLength = 28

export const keysOf = (barrier: Barrier, automatic: Seal | null, issueRootToken: () => Promise<string>): Keys => ({
  automatic,
  unsealing: new Unsealing(barrier, automatic?.type),
  rekey: new Rekey(barrier, 'barrier', automatic),
  rekeyRecovery: new Rekey(barrier, 'recovery', automatic),
  generateRoot: new GenerateRoot(barrier, { tokenLength, issueToken: issueRootToken }),
})
