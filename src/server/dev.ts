/** Vault's dev mode: in memory, initialised and unsealed at once, a root token of one's choice, KV version 2 at `secret/`. */
import { randomBytes } from 'node:crypto'
import { shamirSeal } from '../barrier/seals/shamir.ts'
import type { Core } from '../core/core.ts'
import { setUpCore } from '../core/setup.ts'
import { newServiceToken } from '../core/tokens/ids.ts'
import { configurationBlock, devNotice, startedLine } from './banner.ts'
import { devAdditionsOf, type ServerConfig } from './config/config.ts'
import { readConfig } from './config/read.ts'
import { listenerAt } from './defaults.ts'
import { makeDevTls, type DevTls } from './dev-tls.ts'
import type { LogSettings } from './log.ts'
import { mountSecret } from './mount-secret.ts'
import type { DevOptions, ServerOptions } from './options.ts'
import type { ServerProcess } from './process.ts'
import { runServer } from './run.ts'
import { addressOf } from './settings.ts'

interface Made {
  readonly rootToken: string
  /** Base64, as it is shown. */
  readonly unsealKey: string
}

/** Resolves with the exit code. A configuration adds listeners, the level of the log and so on; Docker images give one along with dev mode. */
export async function runDev(options: ServerOptions & { readonly dev: DevOptions }, log: Partial<LogSettings>, process: ServerProcess): Promise<number> {
  const { dev } = options
  const tls = dev.tls ? await makeDevTls(dev.tlsFolder) : null
  const read = (): Promise<ServerConfig> => devConfig(options, log, tls)
  let made: Made = { rootToken: '', unsealKey: '' }
  try {
    return await runServer(await read(), process, {
      seal: async () => null,
      prepare: async ({ core }) => void (made = await setUpDev(core, dev)),
      announce({ config }) {
        const address = addressOf(config)
        const problem = options.remember?.(address, made.rootToken) ?? ''
        // In one piece: who waits for the line of the start may take all of it as read.
        process.out(configurationBlock(config) + startedLine + devNotice(address, made.unsealKey, made.rootToken, tls?.caFile ?? null) + (problem === '' ? '' : `${problem}\n\n`))
      },
      reread: read,
    })
  } finally {
    await tls?.remove()
  }
}

async function devConfig({ dev, config, localConfig, hostname, apiAddress }: Parameters<typeof runDev>[0], log: Partial<LogSettings>, tls: DevTls | null): Promise<ServerConfig> {
  const added = devAdditionsOf(await readConfig({ paths: config, localText: localConfig, folderMayBeEmpty: true }), hostname)
  return {
    ...added,
    storage: { type: 'inmem', shownType: 'inmem', folder: '' },
    seal: { type: 'shamir' },
    listeners: [listenerAt(dev.listenAddress, tls?.settings ?? null), ...added.listeners],
    log: { ...added.log, ...log },
    apiAddress: apiAddress || added.apiAddress,
  }
}

/** Initialises with one share of one, unseals, and mounts `secret/`. */
async function setUpDev(core: Core, { rootTokenId, kvVersion }: DevOptions): Promise<Made> {
  const key = randomBytes(32)
  const seal = shamirSeal(key)
  const token = await core.barrier.initialize({ seal, config: { shares: 1, threshold: 1 } }, null, () => setUpCore(core, rootTokenId ?? newServiceToken(core.host)))
  const record = await core.barrier.readSeal()
  const rootKey = record === null ? null : await seal.unwrap(record.wrapped)
  if (rootKey === null) throw new Error('a dev server could not unseal itself')
  await core.barrier.unseal(rootKey)
  rootKey.fill(0)
  if (kvVersion !== null) await mountSecret(core, kvVersion)
  return { rootToken: token.id, unsealKey: key.toString('base64') }
}
