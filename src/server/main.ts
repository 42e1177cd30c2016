/** The three ways in which a server runs: dev mode, from a configuration, and the embedded default. */
import { devNotice, configurationBlock, startedLine } from './banner.ts'
import { configOf, type ServerConfig } from './config/config.ts'
import { parseConfigText, readConfig } from './config/read.ts'
import { ConfigError } from './config/blocks.ts'
import { devConfig } from './defaults.ts'
import { startDev, type DevResult } from './dev.ts'
import { devTls } from './dev-tls.ts'
import { runEmbedded } from './embedded.ts'
import { isLogLevel, type LogSettings } from './log.ts'
import type { ServerOptions } from './options.ts'
import { runServer, type ServerProcess } from './run.ts'
import { automaticSeal, unsealAtStart } from './unsealing.ts'
import { addressOf } from './settings.ts'

/** Resolves with the exit code. */
export async function serverMain(options: ServerOptions, process: ServerProcess): Promise<number> {
  try {
    if (options.dev) return await runDev(options, process)
    if (options.config.length > 0 || options.localConfig !== '') return await runConfigured(options, process)
    return await runEmbedded(options, logOf(options), process)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.err(`Error in the configuration: ${error.message}\n`)
    return 1
  }
}

function logOf(options: ServerOptions): LogSettings {
  const level = options.logLevel === '' ? 'info' : options.logLevel.toLowerCase()
  if (!isLogLevel(level)) throw new ConfigError('-log-level: expected trace, debug, info, warn, error or off')
  const format = options.logFormat === '' ? 'standard' : options.logFormat
  if (format !== 'standard' && format !== 'json') throw new ConfigError('-log-format: expected standard or json')
  return { level, format }
}

async function runDev(options: ServerOptions, process: ServerProcess): Promise<number> {
  const tls = options.devTls ? await devTls(options.devTlsCertDir) : null
  const config = devConfig(options.devListenAddress, logOf(options), tls?.settings ?? null)
  let made: DevResult | null = null
  return await runServer(config, process, {
    seal: async () => null,
    prepare: async ({ core }) => void (made = await startDev(core, options.devRootTokenId)),
    announce() {
      const { rootToken, unsealKey } = made as unknown as DevResult
      const address = addressOf(config)
      process.out(configurationBlock(config) + startedLine + devNotice(address, unsealKey, rootToken, tls?.caFile ?? null))
      options.remember?.(address, rootToken)
    },
  })
}

async function runConfigured(options: ServerOptions, process: ServerProcess): Promise<number> {
  const extra = options.localConfig === '' ? [] : [parseConfigText(options.localConfig, 'VAULT_LOCAL_CONFIG')]
  const parsed = configOf(await readConfig(options.config, extra))
  const given = logOf(options)
  const config: ServerConfig = { ...parsed, log: { level: options.logLevel === '' ? parsed.log.level : given.level, format: options.logFormat === '' ? parsed.log.format : given.format } }
  return await runServer(config, process, {
    seal: () => automaticSeal(config.seal),
    prepare: ({ core }) => unsealAtStart(core),
    announce: () => process.out(configurationBlock(config) + startedLine),
  })
}
