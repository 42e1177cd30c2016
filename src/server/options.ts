/** What the command line tells a server. */

/** As the command line gives them, environment variables already taken into account. */
export interface ServerOptions {
  readonly dev: boolean
  readonly devRootTokenId: string | null
  readonly devListenAddress: string
  readonly devTls: boolean
  readonly devTlsCertDir: string
  readonly config: readonly string[]
  /** Text of a configuration in the environment (`VAULT_LOCAL_CONFIG`), or ''. */
  readonly localConfig: string
  readonly data: string
  readonly listen: string
  readonly logLevel: string
  readonly logFormat: string
  readonly home: string
  /** Called with address and root token where the command line should remember them; returns what to tell. */
  readonly remember: ((address: string, token: string) => string) | null
}
