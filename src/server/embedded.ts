/** The embedded default: a folder, a key file beside the data, everything made at the first start. */
import { join, resolve } from 'node:path'
import { createKeyFile, openKeyFileSeal } from '../barrier/seals/key-file.ts'
import type { Core } from '../core/core.ts'
import { setUpCore } from '../core/setup.ts'
import { configurationBlock, startedLine } from './banner.ts'
import { embeddedConfig } from './defaults.ts'
import { mountSecret } from './dev.ts'
import type { LogSettings } from './log.ts'
import type { ServerOptions } from './main.ts'
import { runServer, type ServerProcess } from './run.ts'
import { addressOf } from './settings.ts'
import { unsealAtStart, unsealWith } from './unsealing.ts'

export async function runEmbedded(options: Pick<ServerOptions, 'data' | 'listen' | 'remember'>, log: LogSettings, process: ServerProcess): Promise<number> {
  const folder = resolve(options.data)
  const keyFile = join(folder, 'seal.key')
  const config = embeddedConfig(folder, options.listen, log, keyFile)
  let rootToken: string | null = null
  return await runServer(config, process, {
    async prepare({ core }) {
      if (await core.barrier.isInitialized()) return await unsealAtStart(core, config.seal)
      rootToken = await initialize(core, keyFile)
    },
    announce() {
      const address = addressOf(config)
      process.out(configurationBlock(config))
      if (rootToken !== null) process.out(firstStartNotice(folder, keyFile, options.remember?.(address, rootToken) ?? `Root token: ${rootToken}`))
      process.out(startedLine)
    },
  })
}

/** One commit makes the store; a start that is cut off before it begins anew next time, with the key file that is there. */
async function initialize(core: Core, keyFile: string): Promise<string> {
  const seal = await openKeyFileSeal(keyFile).catch(async () => {
    await createKeyFile(keyFile)
    return await openKeyFileSeal(keyFile)
  })
  const token = await core.barrier.initialize({ seal, config: { shares: 0, threshold: 0 } }, null, async () => {
    const made = await setUpCore(core)
    await mountSecret(core)
    return made
  })
  await unsealWith(core, seal, `the key file ${keyFile}`)
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
