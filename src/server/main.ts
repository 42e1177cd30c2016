/** The three ways in which a server runs: dev mode, from a configuration, and the embedded default. */
import { configurationBlock, startedLine } from './banner.ts'
import { configOf, type ServerConfig } from './config/config.ts'
import { ConfigError } from './config/entries.ts'
import { serverKeys } from './config/keys.ts'
import { readConfig } from './config/read.ts'
import type { ValueKey } from './config/tables.ts'
import { runDev } from './dev.ts'
import { runEmbedded } from './embedded.ts'
import type { LogSettings } from './log.ts'
import type { ServerOptions } from './options.ts'
import { runServer, type ServerProcess } from './run.ts'
import { automaticSeal, unsealAtStart } from './unsealing.ts'

/** Resolves with the exit code. */
export async function serverMain(options: ServerOptions, process: ServerProcess): Promise<number> {
  try {
    const log = logOf(options)
    if (options.dev !== null) return await runDev({ ...options, dev: options.dev }, log, process)
    if (options.config.length > 0 || options.localConfig !== '') return await runConfigured(options, log, process)
    return await runEmbedded(options, log, process)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.err(`Error in the configuration: ${error.message}\n`)
    return 1
  }
}

const { log_level, log_format } = serverKeys.keys

/** What is said outside of the configuration: that wins. */
function logOf({ logLevel, logFormat }: ServerOptions): Partial<LogSettings> {
  return { ...(logLevel === '' ? {} : { level: readWord('-log-level', log_level, logLevel) }), ...(logFormat === '' ? {} : { format: readWord('-log-format', log_format, logFormat) }) }
}

function readWord<T>(flag: string, { type }: ValueKey<T>, written: string): T {
  const value = type.read({ kind: 'literal', type: 'string', value: written, text: written, at: 0, end: 0 })
  if (value === undefined) throw new ConfigError(`${flag}: expected ${type.shown}`)
  return value as T
}

async function runConfigured(options: ServerOptions, log: Partial<LogSettings>, process: ServerProcess): Promise<number> {
  const read = async (): Promise<ServerConfig> => {
    const config = configOf(await readConfig({ paths: options.config, localText: options.localConfig, folderMayBeEmpty: false }), options.hostname)
    return { ...config, log: { ...config.log, ...log }, apiAddress: options.apiAddress || config.apiAddress }
  }
  const config = await read()
  return await runServer(config, process, {
    seal: () => automaticSeal(config.seal),
    prepare: ({ core }) => unsealAtStart(core),
    announce: (started) => process.out(configurationBlock(started.config) + startedLine),
    reread: read,
  })
}
