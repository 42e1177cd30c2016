/** What supervisor and workers say to each other. Root keys and shares go this way only: no environment, no arguments, no disk. */
import type { LogLevel } from '../../core/host.ts'
import type { RateLimit, RateVerdict } from '../../core/quotas.ts'
import type { Figures } from '../../core/telemetry.ts'
import type { CustomHeaders } from '../../http/encode.ts'
import type { ServerConfig } from '../config/config.ts'
import type { OpeningKind } from '../mode.ts'

export interface Begin {
  /** With the addresses that the supervisor is bound to. */
  readonly config: ServerConfig
  readonly kind: OpeningKind
  /** No other process has it, now or later. */
  readonly processId: string
  /** The first worker of this server. */
  readonly isFirst: boolean
  readonly levels: readonly LevelChange[]
}

/** A level that `sys/loggers` set; null took it back. */
export interface LevelChange {
  readonly module: string
  readonly level: LogLevel | 'off' | null
}

/** What a step of the start came to: a line for the operator, or null. */
export interface Outcome {
  readonly problem: string | null
}

export interface Call {
  readonly ceremony: 'unsealing' | 'rekey' | 'rekeyRecovery' | 'generateRoot'
  readonly method: string
  readonly given: readonly unknown[]
}

export interface Reload {
  /** Headers by listener; null where the configuration no longer names it. */
  readonly headers: readonly (CustomHeaders | null)[]
  readonly level: LogLevel | 'off'
}

/** A line of the log, for those who watch it: whatever the levels let through. */
export interface WatchedLine {
  readonly level: LogLevel
  readonly line: string
}

/** A type, not an interface: a link takes only what has an index. */
export type AskedOfWorker = {
  readonly begin: readonly [Begin, Outcome]
  /** Initialises where nothing is, and unseals where nobody is needed. */
  readonly prepare: readonly [null, Outcome]
  readonly unseal: readonly [{ readonly rootKey: Buffer }, Outcome]
  /** Null while sealed. */
  readonly exportKey: readonly [null, Buffer | null]
  readonly seal: readonly [null, null]
  readonly perform: readonly [Call, unknown]
  readonly figures: readonly [null, Figures]
  /** Whether it is there. */
  readonly ping: readonly [null, null]
  /** Null: certificates are read anew, audit files opened anew. */
  readonly reload: readonly [Reload | null, null]
  readonly level: readonly [LevelChange, null]
  /** Whether every line of the log is wanted, whatever its level: somebody watches. */
  readonly watched: readonly [boolean, null]
  /** A line of another process, for those who watch here. */
  readonly line: readonly [WatchedLine, null]
  readonly gone: readonly [{ readonly processId: string }, null]
  /** Answered once this worker is in no transaction of the store; it begins none before `goOn`. */
  readonly hold: readonly [null, null]
  readonly goOn: readonly [null, null]
  readonly stop: readonly [null, null]
}

export type AskedOfSupervisor = {
  /** Answered once no other worker commits, which lasts until this one tells `opened`, or ends. */
  readonly opening: readonly [null, null]
  readonly opened: readonly [null, null]
  readonly seal: readonly [null, null]
  /** The supervisor fetches the key: so it cannot be one from before a sealing. */
  readonly shareKey: readonly [null, null]
  readonly perform: readonly [Call, unknown]
  readonly count: readonly [{ readonly address: string; readonly limit: RateLimit }, RateVerdict]
  /** Of all other workers, and of the supervisor. */
  readonly figures: readonly [null, readonly Figures[]]
  readonly remember: readonly [{ readonly token: string; readonly address: string }, null]
  /** A line to be written. */
  readonly log: readonly [string, null]
  readonly watched: readonly [WatchedLine, null]
  readonly level: readonly [LevelChange, null]
  readonly watching: readonly [boolean, null]
  readonly taken: readonly [number, null]
  /** The store can no longer be trusted: the server must end. */
  readonly fatal: readonly [{ readonly text: string }, null]
}

/** Comes with a socket. `id` is told back as `taken`. */
export interface Handover {
  readonly connection: number
  readonly listener: number
}
