/** The embedded default: a folder, a key file beside the data, everything made at the first start. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Barrier } from '../barrier/barrier.ts'
import { createKeyFile, openKeyFileSeal } from '../barrier/seals/key-file.ts'
import type { Seal } from '../barrier/seals/seal.ts'
import { unsealBySeal } from '../barrier/seals/unsealing.ts'
import type { Core } from '../core/core.ts'
import { setUpCore } from '../core/setup.ts'
import { configurationBlock, startedLine } from './banner.ts'
import { embeddedConfig } from './defaults.ts'
import { mountSecret } from './dev.ts'
import type { LogSettings } from './log.ts'
import type { ServerOptions } from './options.ts'
import { runServer, type ServerProcess } from './run.ts'
import { addressOf } from './settings.ts'
import { unsealAtStart } from './unsealing.ts'

export async function runEmbedded(options: Pick<ServerOptions, 'data' | 'listen' | 'remember'>, log: LogSettings, process: ServerProcess): Promise<number> {
  const folder = resolve(options.data)
  const keyFile = join(folder, 'seal.key')
  const config = embeddedConfig(folder, options.listen, log, keyFile)
  let rootToken: string | null = null
  return await runServer(config, process, {
    seal: (barrier) => openSeal(barrier, keyFile),
    async prepare({ core }) {
      if (!(await core.barrier.isInitialized())) rootToken = await initialize(core)
      else await unsealAtStart(core)
    },
    announce() {
      const address = addressOf(config)
      process.out(configurationBlock(config))
      if (rootToken !== null) process.out(firstStartNotice(folder, keyFile, options.remember?.(address, rootToken) ?? `Root token: ${rootToken}`))
      process.out(startedLine)
    },
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

/** One commit makes everything. */
async function initialize(core: Core): Promise<string> {
  const { automatic } = core.keys
  if (automatic === null) throw new Error('the embedded default has a key file')
  const token = await core.barrier.initialize({ seal: automatic, config: { shares: 0, threshold: 0 } }, null, async () => {
    const made = await setUpCore(core)
    await mountSecret(core)
    return made
  })
  await unsealBySeal(core.barrier, automatic)
  return token.id
}

const firstStartNotice = (folder: string, keyFile: string, remembered: string): string => `This is the first start here. Coffer has made:

    ${folder}    the data, sealed (mode 0700)
    ${keyFile}    the key that unseals them (mode 0600)
    secret/    a place for versioned secrets (KV version 2)

${remembered}

What the key file protects against: whoever gets the data without it (a copied
disk, a backup, a synchronised folder) can read nothing. Keep a copy of it apart
from the data: without it they are lost.
What it does not protect against: whoever can read both as this user, because the
server starts without asking anybody.

To let people hold shares of the key instead, so that a restart needs them:

    coffer operator rekey -init -target=shamir -key-shares=5 -key-threshold=3

A first secret, in another shell:

    npx coffer kv put -mount=secret hello password=s3cret
    npx coffer kv get -mount=secret hello

`
