/** Unsealing without people, where the seal can do that. */
import { SealUnreachable, type Seal } from '../barrier/seals/seal.ts'
import { unsealBySeal } from '../barrier/seals/unsealing.ts'
import type { Core } from '../core/core.ts'
import { ApiError } from '../kit/errors.ts'
import { ConfigError } from './config/entries.ts'

const firstRetryMs = 1_000
const lastRetryMs = 60_000

/**
 * Unseals if the server is initialised and its seal needs nobody. A service that cannot be reached is asked again and again, while the server waits sealed;
 * the holders of recovery keys can unseal it meanwhile, also when the seal is lost for good. Throws one line when the seal is not the right one and nobody could.
 */
export async function unsealAtStart(core: Core): Promise<void> {
  const record = await core.barrier.readSeal()
  if (record === null || !record.isAutomatic) return
  try {
    const { automatic } = core.keys
    if (automatic === null) throw new ConfigError(`the data were sealed with a seal of the type "${record.type}", which the configuration does not name`)
    await tryUnsealing(core, automatic, firstRetryMs)
  } catch (error) {
    if (record.recoverable === null || !(error instanceof ConfigError || error instanceof ApiError)) throw error
    core.host.log('error', 'core', 'the server stays sealed until the holders of recovery keys unseal it', { error: error.message })
  }
}

async function tryUnsealing(core: Core, automatic: Seal, retryMs: number): Promise<void> {
  try {
    await unsealBySeal(core.barrier, automatic)
  } catch (error) {
    if (!(error instanceof SealUnreachable)) throw error
    core.host.log('error', 'core', 'the seal cannot be reached; the server stays sealed and tries again', { error: error.message, seconds: retryMs / 1000 })
    core.host.later(retryMs, () => void tryAgain(core, automatic, Math.min(2 * retryMs, lastRetryMs)))
  }
}

/** Ends when anybody has unsealed: whoever seals the server afterwards means it. */
async function tryAgain(core: Core, automatic: Seal, retryMs: number): Promise<void> {
  if (!core.barrier.isSealed) return
  try {
    await tryUnsealing(core, automatic, retryMs)
    if (!core.barrier.isSealed) await core.crew.shareKey()
  } catch (error) {
    core.host.log('error', 'core', 'the seal does not open the store', { error: error instanceof Error ? error.message : 'unknown' })
  }
}
