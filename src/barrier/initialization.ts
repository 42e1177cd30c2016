/** The first initialisation of a store, as `sys/init` asks for it. */
import { randomBytes } from 'node:crypto'
import { aeadKeyLength } from '../crypto/aead.ts'
import { badRequest } from '../kit/errors.ts'
import type { Barrier } from './barrier.ts'
import type { Seal } from './seals/seal.ts'
import type { RecoverySetup } from './setup.ts'
import { checkShareConfig, createShares, shamirSeal, shamirType, type ShareConfig } from './seals/shamir.ts'

/** How to share the keys. Zeros where the seal has no such keys. */
export interface InitRequest {
  readonly secretShares: number
  readonly secretThreshold: number
  readonly recoveryShares: number
  readonly recoveryThreshold: number
}

export interface Initialized<T> {
  /** The unseal keys of a Shamir seal. Shown once, kept nowhere. */
  readonly keys: readonly Buffer[]
  /** The recovery keys of an automatic seal. */
  readonly recoveryKeys: readonly Buffer[]
  /** What `first` returned. */
  readonly made: T
}

const none: ShareConfig = { shares: 0, threshold: 0 }

/**
 * Initialises the barrier under the `automatic` seal, or, with null, under a new Shamir seal; `first` writes what a server needs before its
 * first request (see `Barrier.initialize`). The barrier is sealed afterwards. Throws 'bad_request' as `sys/init` answers.
 */
export async function initializeBarrier<T>(
  barrier: Barrier, request: InitRequest, automatic: Seal | null, first: () => Promise<T>,
): Promise<Initialized<T>> {
  if (await barrier.isInitialized()) throw badRequest('Vault is already initialized')
  const secret: ShareConfig = { shares: request.secretShares, threshold: request.secretThreshold }
  const recovery: ShareConfig = { shares: request.recoveryShares, threshold: request.recoveryThreshold }
  if (automatic === null) {
    refuse('recovery', recovery, shamirType)
    checkShareConfig('invalid seal configuration', secret)
    return await withNewKey(async (key) => {
      const made = await barrier.initialize({ seal: shamirSeal(key), config: secret }, null, first)
      return { keys: createShares(key, secret), recoveryKeys: [], made }
    })
  }
  refuse('secret', secret, automatic.type)
  const isRecoverable = recovery.shares !== 0 || recovery.threshold !== 0
  if (isRecoverable) checkShareConfig('invalid recovery configuration', recovery)
  return await withNewKey(async (key) => {
    const setup: RecoverySetup | null = isRecoverable ? { key, config: recovery } : null
    const made = await barrier.initialize({ seal: automatic, config: none }, setup, first)
    return { keys: [], recoveryKeys: isRecoverable ? createShares(key, recovery) : [], made }
  })
}

/** Makes a random key for the time of `use`. */
async function withNewKey<T>(use: (key: Buffer) => Promise<T>): Promise<T> {
  const key = randomBytes(aeadKeyLength)
  try {
    return await use(key)
  } finally {
    key.fill(0)
  }
}

function refuse(kind: 'secret' | 'recovery', { shares, threshold }: ShareConfig, type: string): void {
  const given = [shares === 0 ? '' : `${kind}_shares`, threshold === 0 ? '' : `${kind}_threshold`].filter((name) => name !== '')
  if (given.length > 0) throw badRequest(`parameters ${given.join(',')} not applicable to seal type ${type}`)
}
