/** Unsealing without people, where the seal can do that. */
import { openKeyFileSeal } from '../barrier/seals/key-file.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { unsealBySeal } from '../barrier/seals/unsealing.ts'
import type { Core } from '../core/core.ts'
import type { SealConfig } from './config/config.ts'
import { ConfigError } from './config/entries.ts'

/** The automatic seal that the configuration names, or null for shares. */
export const automaticSeal = async (config: SealConfig): Promise<Seal | null> => (config.type === 'keyfile' ? await openKeyFileSeal(config.file) : null)

/** Unseals if the server is initialised and its seal needs nobody. Throws one line when the key is not the right one. */
export async function unsealAtStart(core: Core): Promise<void> {
  const record = await core.barrier.readSeal()
  if (record === null || !record.isAutomatic) return
  const { automatic } = core.keys
  if (automatic === null) throw new ConfigError(`the data were sealed with a seal of the type "${record.type}", which the configuration does not name`)
  await unsealBySeal(core.barrier, automatic)
}
