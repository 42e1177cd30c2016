/** The ceremonies around the keys: unsealing, rekeying, generating a root token. One process of a server has their state; see `crew.ts`. */
import type { Barrier } from '../barrier/barrier.ts'
import { GenerateRoot } from '../barrier/generate-root.ts'
import { Rekey } from '../barrier/rekey.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { Unsealing } from '../barrier/seals/unsealing.ts'

export type UnsealCeremony = Pick<Unsealing, 'status' | 'submit' | 'reset'>
export type RekeyCeremony = Pick<Rekey, 'status' | 'start' | 'update' | 'cancel' | 'verifyStatus' | 'verify' | 'restartVerification'>
export type RootCeremony = Pick<GenerateRoot, 'status' | 'start' | 'update' | 'cancel'>

/** What they take and give can be sent from process to process. */
export interface Ceremonies {
  readonly unsealing: UnsealCeremony
  readonly rekey: RekeyCeremony
  readonly rekeyRecovery: RekeyCeremony
  readonly generateRoot: RootCeremony
}

export interface Keys extends Ceremonies {
  /** The automatic seal that the configuration names; null: shares. */
  readonly automatic: Seal | null
}

/** Characters of a service token: `hvs.` and 24 more. One-time pads are as long. */
const tokenLength = 28

/** `shareKey` is awaited before a ceremony that gave this process another root key is answered. */
export function ownCeremonies(barrier: Barrier, automatic: Seal | null, issueRootToken: () => Promise<string>, shareKey: () => Promise<void>): Ceremonies {
  const sharing = <T extends object>(ceremony: T): T => eachCall(ceremony, async (call) => {
    const before = barrier.keyChanges
    const answer = await call()
    if (barrier.keyChanges !== before && !barrier.isSealed) await shareKey()
    return answer
  })
  return {
    unsealing: sharing(new Unsealing(barrier, automatic?.type)),
    rekey: sharing(new Rekey(barrier, 'barrier', automatic)),
    rekeyRecovery: sharing(new Rekey(barrier, 'recovery', automatic)),
    generateRoot: sharing(new GenerateRoot(barrier, { tokenLength, issueToken: issueRootToken })),
  }
}

/** The same object, each of whose methods is called through `around`. */
function eachCall<T extends object>(target: T, around: (call: () => Promise<unknown>) => Promise<unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      const method: unknown = Reflect.get(target, name)
      return typeof method === 'function' ? (...given: unknown[]) => around(() => Reflect.apply(method, target, given) as Promise<unknown>) : method
    },
  })
}
