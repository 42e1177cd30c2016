/** What happens between an open store and the first request: finding the seal, initialising, unsealing. */
import { existsSync } from 'node:fs'
import type { Barrier } from '../barrier/barrier.ts'
import { createKeyFile, openKeyFileSeal } from '../barrier/seals/key-file.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { unsealBySeal } from '../barrier/seals/unsealing.ts'
import type { Core } from '../core/core.ts'
import { setUpCore } from '../core/setup.ts'
import type { ServerConfig } from './config/config.ts'
import { mountSecret } from './mount-secret.ts'
import type { OpeningKind } from './mode.ts'
import { openSeals } from './seals.ts'
import { addressOf } from './settings.ts'
import { unsealAtStart } from './unsealing.ts'

export interface Opening {
  /** The automatic seal, or null for shares. */
  readonly seal: (barrier: Barrier) => Promise<Seal | null>
  /** Runs while requests wait: initialises, unseals. Throws one line for the operator. */
  readonly prepare: (core: Core) => Promise<void>
}

export type Remember = (token: string, address: string) => void | Promise<void>

export function openingOf(kind: OpeningKind, { seal, listeners }: ServerConfig, remember: Remember, now: () => number): Opening {
  if (kind === 'configured' || seal.type !== 'keyfile') return { seal: () => openSeals(seal, now), prepare: unsealAtStart }
  const tell = async (token: string): Promise<void> => await remember(token, addressOf({ listeners }))
  return {
    seal: (barrier) => embeddedSeal(barrier, seal.file),
    prepare: async (core) => ((await core.barrier.isInitialized()) ? await unsealAtStart(core) : await initialize(core, tell)),
  }
}

/** The first start makes the key. One that was made by a start that was cut off is used, and never overwritten. */
async function embeddedSeal(barrier: Barrier, keyFile: string): Promise<Seal | null> {
  const record = await barrier.readSeal()
  // Moved to shares: the file is not needed any more, and may be gone.
  if (record !== null && !record.isAutomatic) return null
  if (record === null && !existsSync(keyFile)) await createKeyFile(keyFile)
  return await openKeyFileSeal(keyFile)
}

/** One commit makes everything. The token is remembered before: a start that is cut off in between leaves no store that nobody can use. */
async function initialize(core: Core, remember: (token: string) => Promise<void>): Promise<void> {
  const { automatic } = core.keys
  if (automatic === null) throw new Error('the embedded default has a key file')
  await core.barrier.initialize({ seal: automatic, config: { shares: 0, threshold: 0 } }, null, async () => {
    const made = await setUpCore(core)
    await mountSecret(core, '2')
    await remember(made.id)
    return made
  })
  await unsealBySeal(core.barrier, automatic)
}
