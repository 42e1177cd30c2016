/** What a configuration says, once it is read. */
import type { AgentListener, TokenRule } from './listener.ts'
import type { LogChoice } from './log.ts'
import type { SendingSettings } from '../../statsd/settings.ts'

export interface ServerSettings {
  readonly address: string
  readonly namespace: string
  readonly caCert: string
  readonly caPath: string
  readonly clientCert: string
  readonly clientKey: string
  readonly skipVerify: boolean
  readonly serverName: string
  /** Of a request that failed for a reason that passes; 0 is none. */
  readonly retries: number
}

export interface MethodSettings {
  readonly type: string
  /** `auth/approle`, without a slash at the end. */
  readonly mountPath: string
  readonly namespace: string
  /** Seconds; 0: the token comes as it is. */
  readonly wrapTtlSeconds: number
  readonly minBackoffSeconds: number
  readonly maxBackoffSeconds: number
  readonly exitOnError: boolean
  readonly values: Readonly<Record<string, string>>
}

export interface SinkSettings {
  readonly path: string
  readonly mode: number
  /** Seconds; 0: the token itself is written. */
  readonly wrapTtlSeconds: number
  /** Null: it is written as it is. */
  readonly sealing: SinkSealing | null
}

export interface SinkSealing {
  /** Read at each writing. */
  readonly publicKeyFile: string
  readonly additionalData: string
  readonly derives: boolean
}

export interface TemplateSettings {
  /** For messages. */
  readonly name: string
  /** A file, or '' where `contents` is the template. */
  readonly source: string
  readonly contents: string
  /** A file, or the name of a variable in `env_template`. */
  readonly destination: string
  readonly createFolders: boolean
  /** Null: as the file had it before, or 0644. */
  readonly mode: number | null
  readonly user: string
  readonly group: string
  readonly backup: boolean
  readonly errorOnMissingKey: boolean
  readonly left: string
  readonly right: string
  /** Run after a change; empty: nothing. One element is for a shell. */
  readonly command: readonly string[]
  readonly commandTimeoutSeconds: number
  /** Files that the template may read and write; '' is no bound. */
  readonly sandbox: string
}

export interface ExecSettings {
  readonly command: readonly string[]
  readonly restartOnChange: boolean
  readonly stopSignal: NodeJS.Signals
}

export interface CacheRules {
  /** Of tokens and leases. */
  readonly keepsLeases: boolean
  /** How long an answer of KV is good for; 0: none is kept. */
  readonly staticSeconds: number
  /** Whether one that is older serves while the server does not answer. */
  readonly servesStale: boolean
}

export interface TelemetrySettings {
  /** Before all names, `vault` unless set. */
  readonly prefix: string
  /** Whether the form of Prometheus is there. */
  readonly prometheus: boolean
  readonly sending: SendingSettings
}

export interface AgentConfig {
  readonly server: ServerSettings
  readonly method: MethodSettings | null
  readonly sinks: readonly SinkSettings[]
  readonly templates: readonly TemplateSettings[]
  readonly variables: readonly TemplateSettings[]
  readonly exec: ExecSettings | null
  readonly exitAfterAuth: boolean
  readonly pidFile: string
  readonly exitOnRetryFailure: boolean
  readonly staticIntervalSeconds: number
  /** Of the life of a lease that cannot be renewed: when its secret is read anew. */
  readonly leaseThreshold: number
  readonly listeners: readonly AgentListener[]
  readonly tokenRule: TokenRule
  /** Null: nothing is kept. */
  readonly cache: CacheRules | null
  readonly log: LogChoice
  readonly telemetry: TelemetrySettings
  /** Parts that open a connection for each request. */
  readonly unkept: ReadonlySet<ConnectionUse>
  readonly warnings: readonly string[]
}

/** The command that reads the configuration: `proxy` has no templates. */
export type AgentMode = 'agent' | 'proxy'

export type ConnectionUse = 'auto-auth' | 'templating' | 'proxying'
