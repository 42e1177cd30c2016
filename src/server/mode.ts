/** The ways in which a server runs: where its keys come from, what it tells, where its configuration is read anew. */
import type { ServerConfig } from './config/config.ts'
import type { LogSettings } from './log.ts'

/** What the command line and the environment say in place of a configuration. */
export interface SaidOutside {
  readonly log: Partial<LogSettings>
  readonly workers?: number | 'auto'
}

/** How a server unseals at its start: by its configuration, or as `coffer server` does without one, which also initialises. */
export type OpeningKind = 'configured' | 'embedded'

export interface Mode {
  readonly config: ServerConfig
  readonly opening: OpeningKind
  /** Told the root token of a first start before that is durable, with where clients reach the server. */
  readonly remember: (token: string, address: string) => void
  /** Prints what there is to say once the server answers. `config` has the ports that the system chose for port 0. */
  readonly announce: (config: ServerConfig, isSealed: boolean) => void
  /** The configuration anew, on SIGHUP; null where there are no files. */
  readonly reread: (() => Promise<ServerConfig>) | null
}
