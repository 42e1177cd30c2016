/** What the command line and the environment tell a server. */

export interface ServerOptions {
  /** Null: not in dev mode. */
  readonly dev: DevOptions | null
  /** Files and folders. */
  readonly config: readonly string[]
  /** Text of a configuration in the environment (`VAULT_LOCAL_CONFIG`), or ''. */
  readonly localConfig: string
  readonly data: string
  readonly listen: string
  /** '' leaves it to the configuration, as the next ones do. */
  readonly apiAddress: string
  readonly logLevel: string
  readonly logFormat: string
  readonly workers: string
  readonly hostname: string
  /** For what seals leave to it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What people type before a verb, where the server was started: `npx coffer`. */
  readonly command: string
  /** Called with address and root token where the command line should remember them; returns what to tell, '' for nothing. */
  readonly remember: ((address: string, token: string) => string) | null
}

export interface DevOptions {
  /** Null: a random one. */
  readonly rootTokenId: string | null
  readonly listenAddress: string
  readonly tls: boolean
  /** For the certificate; '' makes a temporary folder. */
  readonly tlsFolder: string
  /** The version of the KV engine at `secret/`; null mounts none. */
  readonly kvVersion: '1' | '2' | null
}
