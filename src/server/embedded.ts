/** The embedded default: a folder, a key file beside the data, everything made at the first start. */
import { join, resolve } from 'node:path'
import { configurationBlock, firstStartNotice, sealedNotice, startedLine } from './banner.ts'
import { embeddedConfig } from './defaults.ts'
import type { Mode, SaidOutside } from './mode.ts'
import type { ServerOptions } from './options.ts'
import type { ServerProcess } from './process.ts'

export function embeddedMode(options: ServerOptions, said: SaidOutside, process: ServerProcess): Mode {
  const folder = resolve(options.data)
  const keyFile = join(folder, 'seal.key')
  const config = embeddedConfig(folder, options.listen, { level: 'info', format: 'standard', ...said.log }, keyFile)
  /** What to tell about the root token of a first start. */
  let remembered: string | null = null
  return {
    config: { ...config, ...said, log: config.log, apiAddress: options.apiAddress },
    opening: 'embedded',
    remember: (token, address) => (remembered = options.remember?.(address, token) ?? `Root token: ${token}`),
    announce(bound, isSealed) {
      const notice = remembered === null ? '' : firstStartNotice({ folder, keyFile, remembered, command: options.command })
      // In one piece: who waits for the line of the start may take all of it as read.
      process.out(configurationBlock(bound) + notice + startedLine + (isSealed ? sealedNotice(options.command) : ''))
    },
    reread: null,
  }
}
