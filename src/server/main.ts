/** The three ways in which a server runs: dev mode, from a configuration, and the embedded default. */
import { availableParallelism } from 'node:os'
import { configurationBlock, startedLine } from './banner.ts'
import { configOf, type ServerConfig } from './config/config.ts'
import { ConfigError } from './config/entries.ts'
import { serverKeys } from './config/keys.ts'
import { readConfig } from './config/read.ts'
import type { ValueKey } from './config/tables.ts'
import { embeddedMode } from './embedded.ts'
import type { Mode, SaidOutside } from './mode.ts'
import type { ServerOptions } from './options.ts'
import type { ServerProcess } from './process.ts'
import { workersOf } from './workers/count.ts'
import { endAhead } from './workers/fork.ts'

/** Resolves with the exit code. */
export async function serverMain(options: ServerOptions, process: ServerProcess): Promise<number> {
  try {
    const said = saidOutside(options)
    if (options.dev !== null) {
      endAhead()
      return await (await import('./dev.ts')).runDev({ ...options, dev: options.dev }, said.log, process)
    }
    const isConfigured = options.config.length > 0 || options.localConfig !== ''
    return await run(isConfigured ? await configuredMode(options, said, process) : embeddedMode(options, said, process), process)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.err(`Error in the configuration: ${error.message}\n`)
    return 1
  }
}

/** What only the one or the other needs is loaded for it alone: a supervisor is small. */
async function run(mode: Mode, process: ServerProcess): Promise<number> {
  const { config, opening, remember, announce, reread } = mode
  const count = workersOf(config, availableParallelism())
  if (count > 1) return await (await import('./workers/supervise.ts')).supervise(mode, count, process)
  endAhead()
  const [{ runServer }, { openingOf }] = [await import('./run.ts'), await import('./opening.ts')]
  return await runServer(config, process, {
    seal: (barrier, bound) => openingOf(opening, bound, remember, process.now).seal(barrier),
    prepare: (started) => openingOf(opening, started.config, remember, process.now).prepare(started.core),
    announce: (started) => announce(started.config, started.core.barrier.isSealed),
    reread,
  })
}

const { log_level, log_format, workers } = serverKeys.keys

/** What is said outside of the configuration: that wins. */
function saidOutside({ logLevel, logFormat, workers: count }: ServerOptions): SaidOutside {
  return {
    log: { ...(logLevel === '' ? {} : { level: readWord('-log-level', log_level, logLevel) }), ...(logFormat === '' ? {} : { format: readWord('-log-format', log_format, logFormat) }) },
    ...(count === '' ? {} : { workers: readWord('-workers', workers, count) }),
  }
}

function readWord<T>(flag: string, { type }: ValueKey<T>, written: string): T {
  const value = type.read({ kind: 'literal', type: 'string', value: written, text: written, at: 0, end: 0 })
  if (value === undefined) throw new ConfigError(`${flag}: expected ${type.shown}`)
  return value as T
}

async function configuredMode(options: ServerOptions, said: SaidOutside, process: ServerProcess): Promise<Mode> {
  const read = async (): Promise<ServerConfig> => {
    const config = configOf(await readConfig({ paths: options.config, localText: options.localConfig, folderMayBeEmpty: false }), options.hostname, options.environment)
    return { ...config, ...said, log: { ...config.log, ...said.log }, apiAddress: options.apiAddress || config.apiAddress }
  }
  return {
    config: await read(),
    opening: 'configured',
    remember: () => undefined,
    announce: (config) => process.out(configurationBlock(config) + startedLine),
    reread: read,
  }
}
