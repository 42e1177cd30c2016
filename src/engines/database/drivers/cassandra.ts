/** Cassandra (and what speaks its protocol, as ScyllaDB), by the package `cassandra-driver`. There are no transactions for users. */
import type { ConnectionOptions } from 'node:tls'
import { ApiError, badRequest } from '../../../kit/errors.ts'
import type { JsonObject } from '../../../kit/json.ts'
import { countDetail, flagDetail, limitsOf, textDetail } from '../details.ts'
import { connectionLost, createInOrder, loadPeer, LoginRefused, passwordOf, textOf, Unreachable, whileOpen, type Credential, type Driver, type Login, type Session } from '../driver.ts'
import { cqlQuoting, fillStatements, statementsOr, type StatementValues } from '../statements.ts'
import { bundleOf, trustOf } from '../trust.ts'

/** As much of `cassandra-driver` as is used. */
interface Client {
  connect(): Promise<void>
  execute(query: string, values: readonly unknown[], options: object): Promise<unknown>
  shutdown(): Promise<void>
  on(event: 'log', listener: () => void): void
}
interface Cassandra {
  readonly default: {
    readonly Client: new (options: object) => Client
    readonly types: { readonly consistencies: Readonly<Record<string, number>> }
    readonly policies: { readonly loadBalancing: { readonly RoundRobinPolicy: new () => object; readonly DCAwareRoundRobinPolicy: new (datacenter: string) => object }; readonly reconnection: { readonly ConstantReconnectionPolicy: new (ms: number) => object } }
  }
}

const defaults = {
  create: `CREATE USER '{{username}}' WITH PASSWORD '{{password}}' NOSUPERUSER`,
  drop: `DROP USER IF EXISTS '{{username}}'`,
  setPassword: `ALTER USER '{{username}}' WITH PASSWORD '{{password}}'`,
}

export const cassandra: Driver = {
  plugins: ['cassandra-database-plugin'],
  credentialTypes: ['password'],
  usernameTemplate: '{{ printf "v_%s_%s_%s_%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) (unix_time) | truncate 100 | replace "-" "_" | lowercase }}',
  secretDetails: [],
  target(details) {
    const address = addressOf(details)
    return { login: address.login, connect: (login, signal) => connect(address, login, signal) }
  },
}

interface Address {
  readonly login: Login
  readonly hosts: readonly string[]
  readonly port: number
  readonly datacenter: string
  /** Name of the level; '' for what the package takes. */
  readonly consistency: string
  readonly tls: ConnectionOptions | null
  readonly connectSeconds: number
  readonly operationSeconds: number
}

const bad = (what: string): Error => badRequest(`error creating database object: ${what}`)
const trustDetails = { ca: '', certificate: '', key: '', insecure: 'insecure_tls' } as const
const consistencies: ReadonlySet<string> = new Set(['any', 'one', 'two', 'three', 'quorum', 'all', 'local_quorum', 'each_quorum', 'local_one'])

/** Throws `bad_request` with Vault's words. */
function addressOf(details: JsonObject): Address {
  const hosts = textDetail(details, 'hosts').split(',').map((host) => host.trim()).filter((host) => host !== '')
  const login = { username: textDetail(details, 'username'), password: textDetail(details, 'password') }
  if (hosts.length === 0) throw bad('hosts cannot be empty')
  if (login.username === '') throw bad('username cannot be empty')
  if (login.password === '') throw bad('password cannot be empty')
  const consistency = textDetail(details, 'consistency').toLowerCase()
  if (consistency !== '' && !consistencies.has(consistency)) throw bad(`unknown consistency ${JSON.stringify(consistency)}`)
  const bundle = bundleOf(details)
  const { connectSeconds, operationSeconds } = limitsOf(details)
  const isTls = flagDetail(details, 'tls') || bundle !== null
  return {
    login, hosts, port: countDetail(details, 'port', 9042), datacenter: textDetail(details, 'local_datacenter'), consistency,
    tls: isTls ? { ...trustOf(details, trustDetails), ...bundle } : null, connectSeconds, operationSeconds,
  }
}

/** The package tries each host, and says of each why not. */
function reasonsOf(error: unknown): readonly Error[] {
  const inner = typeof error === 'object' && error !== null && 'innerErrors' in error ? Object.values(error.innerErrors as object) : []
  return [error, ...inner].filter((reason): reason is Error => reason instanceof Error)
}

async function connect(address: Address, login: Login, signal: AbortSignal): Promise<Session> {
  const { default: { Client, policies, types } } = await loadPeer<Cassandra>('cassandra-driver')
  const { RoundRobinPolicy, DCAwareRoundRobinPolicy } = policies.loadBalancing
  const client = new Client({
    contactPoints: address.hosts, credentials: login, protocolOptions: { port: address.port },
    ...(address.tls === null ? {} : { sslOptions: address.tls }),
    socketOptions: { connectTimeout: address.connectSeconds * 1000, readTimeout: address.operationSeconds * 1000 },
    policies: { loadBalancing: address.datacenter === '' ? new RoundRobinPolicy() : new DCAwareRoundRobinPolicy(address.datacenter) },
    pooling: { coreConnectionsPerHost: { 0: 1, 1: 1, 2: 1 }, warmup: false },
  })
  const end = new AbortController()
  const close = (): void => {
    end.abort()
    void client.shutdown().catch(() => undefined)
  }
  signal.addEventListener('abort', close, { once: true })
  try {
    await whileOpen(end.signal, () => client.connect())
  } catch (error) {
    close()
    const reasons = reasonsOf(error)
    const text = `failed to connect to \`user=${login.username}\`: ${address.hosts.join(',')}: ${reasons.map(textOf).join('; ')}`
    throw reasons.some(({ name }) => name === 'AuthenticationError') ? new LoginRefused(text, { cause: error }) : new Unreachable(text, { cause: error })
  } finally {
    signal.removeEventListener('abort', close)
  }
  return sessionOf(client, end.signal, close, address.consistency === '' ? {} : { consistency: types.consistencies[camelCase(address.consistency)] })
}

const camelCase = (name: string): string => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
const isOfServer = (error: unknown): boolean => error instanceof Error && error.name === 'ResponseError'

function sessionOf(client: Client, end: AbortSignal, close: () => void, options: object): Session {
  const execute = (query: string): Promise<unknown> => whileOpen(end, () => client.execute(query, [], { ...options, prepare: false }))
  const change = async (text: string): Promise<void> => {
    await execute(text).catch((error: unknown) => {
      const refusal = reasonsOf(error).find(isOfServer)
      throw refusal === undefined ? connectionLost(error) : badRequest(`failed to execute query: ${refusal.message}`, { cause: error })
    })
  }
  const run = async (statements: readonly string[], values: StatementValues): Promise<void> => {
    for (const text of fillStatements(statements, values, cqlQuoting)) await change(text)
  }
  return {
    isOpen: () => !end.aborted,
    check: async () => void (await execute('SELECT key FROM system.local')),
    async createUser({ username, credential, statements, rollbackStatements }) {
      await createInOrder(fillStatements(statementsOr(statements, defaults.create), valuesOf(username, credential), cqlQuoting), change, () => run(statementsOr(rollbackStatements, defaults.drop), valuesOf(username)))
    },
    dropUser: (username, statements) => run(statementsOr(statements, defaults.drop), valuesOf(username)).catch((error: unknown) => {
      if (!(error instanceof ApiError) || !/doesn't exist|does not exist/.test(error.message)) throw error
    }),
    setCredential: (username, credential, statements) => run(statementsOr(statements, defaults.setPassword), valuesOf(username, credential)),
    // A user has no end of its own there.
    setExpiration: async () => undefined,
    close,
  }
}

const valuesOf = (username: string, credential?: Credential): StatementValues => ({ name: username, username, ...(credential === undefined ? {} : { password: passwordOf(credential) }) })
