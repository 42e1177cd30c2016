/** Unsealing without people, where the seal can do that. */
import { openKeyFileSeal } from '../barrier/seals/key-file.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import type { Core } from '../core/core.ts'
import type { SealConfig } from './config/config.ts'
import { ConfigError } from './config/blocks.ts'

/** The automatic seal that the configuration names, or null for shares. */
export const automaticSeal = async (config: SealConfig): Promise<Seal | null> => (config.type === 'keyfile' ? await openKeyFileSeal(config.file) : null)

/** Unseals if the server is initialised and its seal needs nobody. Throws one line when the key is not the right one. */
export async function unsealAtStart(core: Core, config: SealConfig): Promise<void> {
  const record = await core.barrier.readSeal()
  if (record === null || !record.isAutomatic) return
  const seal = await automaticSeal(config)
  if (seal === null) throw new ConfigError(`the data were sealed with a seal of type "${record.type}", which the configuration does not name`)
  await unsealWith(core, seal, config.type === 'keyfile' ? `the key file ${config.file}` : 'the seal')
}

export async function unsealWith(core: Core, seal: Seal, name: string): Promise<void> {
  const record = await core.barrier.readSeal()
  const rootKey = record === null ? null : await seal.unwrap(record.wrapped)
  if (rootKey === null) throw new ConfigError(`${name} is not the one that these data were sealed with; nothing was changed`)
  try {
    await core.barrier.unseal(rootKey)
  } finally {
    rootKey.fill(0)
  }
}
