/** The embedded default: a folder, a key file beside the data, everything made at the first start. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Barrier } from '../barrier/barrier.ts'
import { createKeyFile, openKeyFileSeal } from '../barrier/seals/key-file.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { unsealBySeal } from '../barrier/seals/unsealing.ts'
import type { Core } from '../core/core.ts'
import { setUpCore } from '../core/setup.ts'
import { configurationBlock, firstStartNotice, sealedNotice, startedLine } from './banner.ts'
import { embeddedConfig } from './defaults.ts'
import { mountSecret } from './dev.ts'
import type { LogSettings } from './log.ts'
import type { ServerOptions } from './options.ts'
import { runServer, type ServerProcess } from './run.ts'
import { addressOf } from './settings.ts'
import { unsealAtStart } from './unsealing.ts'

/** Resolves with the exit code. */
export async function runEmbedded(options: ServerOptions, log: Partial<LogSettings>, process: ServerProcess): Promise<number> {
  const folder = resolve(options.data)
  const keyFile = join(folder, 'seal.key')
  const config = embeddedConfig(folder, options.listen, { level: 'info', format: 'standard', ...log }, keyFile)
  /** What to tell about the root token of a first start. */
  let remembered: string | null = null
  return await runServer({ ...config, apiAddress: options.apiAddress }, process, {
    seal: (barrier) => openSeal(barrier, keyFile),
    async prepare({ core, config: { listeners } }) {
      if (await core.barrier.isInitialized()) return await unsealAtStart(core)
      const address = addressOf({ listeners })
      await initialize(core, (token) => (remembered = options.remember?.(address, token) ?? `Root token: ${token}`))
    },
    announce({ core, config: bound }) {
      process.out(configurationBlock(bound))
      if (remembered !== null) process.out(firstStartNotice({ folder, keyFile, remembered, command: options.command }))
      process.out(startedLine)
      if (core.barrier.isSealed) process.out(sealedNotice(options.command))
    },
    reread: null,
  })
}

/** The first start makes the key. One that was made by a start that was cut off is used, and never overwritten. */
async function openSeal(barrier: Barrier, keyFile: string): Promise<Seal | null> {
  const record = await barrier.readSeal()
  // Moved to shares: the file is not needed any more, and may be gone.
  if (record !== null && !record.isAutomatic) return null
  if (record === null && !existsSync(keyFile)) await createKeyFile(keyFile)
  return await openKeyFileSeal(keyFile)
}

/** One commit makes everything. The token is remembered before: a start that is cut off in between leaves no store that nobody can use. */
async function initialize(core: Core, remember: (token: string) => void): Promise<void> {
  const { automatic } = core.keys
  if (automatic === null) throw new Error('the embedded default has a key file')
  await core.barrier.initialize({ seal: automatic, config: { shares: 0, threshold: 0 } }, null, async () => {
    const made = await setUpCore(core)
    await mountSecret(core, '2')
    remember(made.id)
    return made
  })
  await unsealBySeal(core.barrier, automatic)
}
