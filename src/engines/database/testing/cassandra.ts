/** A Cassandra for tests: the libraries that `.ci/databases` has taken from Maven Central, on Java 17. */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadPeer } from '../driver.ts'
import { findProgram, freePort, makeFolder, removeFolder, startProgram, untilReady, type Daemon } from './place.ts'
import { serverFolder } from './slow-servers.ts'
import type { TestDatabase } from './test-database.ts'

interface Client {
  connect(): Promise<void>
  execute(query: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly Readonly<Record<string, unknown>>[] }>
  shutdown(): Promise<void>
}
interface Cassandra {
  readonly default: { readonly Client: new (options: object) => Client; readonly policies: { readonly loadBalancing: { readonly RoundRobinPolicy: new () => object } } }
}

/** What Cassandra reaches into, as its own `jvm17-server.options` has it. */
const exported = ['java.base/jdk.internal.misc', 'java.base/jdk.internal.ref', 'java.base/java.lang.ref', 'java.base/sun.nio.ch', 'java.management/com.sun.jmx.remote.security', 'java.rmi/sun.rmi.registry', 'java.rmi/sun.rmi.server', 'java.sql/java.sql']
const opened = ['java.lang.module', 'jdk.internal.loader', 'jdk.internal.ref', 'jdk.internal.reflect', 'jdk.internal.math', 'jdk.internal.module', 'jdk.internal.util.jar', 'jdk.internal.misc', 'sun.nio.ch', 'java.io', 'java.nio', 'java.util', 'java.util.concurrent', 'java.util.concurrent.atomic', 'java.lang', 'java.lang.reflect', 'java.net']

function settingsOf(folder: string, port: number, storagePort: number): object {
  const at = (name: string): string => join(folder, name)
  return {
    cluster_name: 'test', num_tokens: 1, authenticator: 'PasswordAuthenticator', authorizer: 'CassandraAuthorizer', role_manager: 'CassandraRoleManager', partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    data_file_directories: [at('data')], commitlog_directory: at('commitlog'), saved_caches_directory: at('caches'), hints_directory: at('hints'), cdc_raw_directory: at('cdc'),
    commitlog_sync: 'periodic', commitlog_sync_period: '10000ms', listen_address: '127.0.0.1', rpc_address: '127.0.0.1', native_transport_port: port, storage_port: storagePort, endpoint_snitch: 'SimpleSnitch',
    seed_provider: [{ class_name: 'org.apache.cassandra.locator.SimpleSeedProvider', parameters: [{ seeds: `127.0.0.1:${storagePort}` }] }],
    // Changes of a password count at once.
    roles_validity: '0ms', credentials_validity: '0ms', permissions_validity: '0ms', auth_cache_warming_enabled: false,
  }
}

function startDaemon(java: string, libraries: string, folder: string, ports: readonly [number, number]): Daemon {
  const agent = readdirSync(libraries).find((name) => name.startsWith('jamm-')) ?? ''
  const config = join(folder, 'cassandra.yaml')
  mkdirSync(join(folder, 'storage'))
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settingsOf(folder, ...ports)))
  const properties = { 'java.security.manager': 'allow', 'cassandra.config': `file://${config}`, 'cassandra.storagedir': join(folder, 'storage'), 'cassandra.skip_wait_for_gossip_to_settle': '0', 'cassandra.ring_delay_ms': '0', 'cassandra.superuser_setup_delay_ms': '0', 'cassandra-foreground': 'yes' }
  const args = [
    '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-javaagent:${join(libraries, agent)}`, ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    ...exported.flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]), ...opened.flatMap((name) => ['--add-opens', `java.base/${name}=ALL-UNNAMED`]), '--add-opens', 'jdk.management/com.sun.management.internal=ALL-UNNAMED',
    '-cp', `${folder}:${libraries}/*`, 'org.apache.cassandra.service.CassandraDaemon',
  ]
  return startProgram(java, args, { cwd: folder })
}

/** Null: it is not installed. */
export async function startCassandra(): Promise<TestDatabase | null> {
  const [java, libraries] = [findProgram('java', ['/usr/lib/jvm/java-17-openjdk-amd64/bin']), serverFolder('cassandra')]
  if (java === null || !existsSync(libraries)) return null
  const folder = makeFolder('cassandra', null)
  const port = await freePort()
  const daemon = startDaemon(java, libraries, folder, [port, await freePort()])
  const { default: { Client, policies } } = await loadPeer<Cassandra>('cassandra-driver')
  const as = async <T>(credentials: { readonly username: string; readonly password: string }, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = new Client({ contactPoints: ['127.0.0.1'], protocolOptions: { port }, credentials, policies: { loadBalancing: new policies.loadBalancing.RoundRobinPolicy() } })
    try {
      await client.connect()
      return await work(client)
    } finally {
      await client.shutdown()
    }
  }
  const keeper = { username: 'cassandra', password: 'cassandra' }
  const run = (query: string): Promise<readonly Readonly<Record<string, unknown>>[]> => as(keeper, async (client) => (await client.execute(query)).rows)
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, async () => (await run('SELECT key FROM system.local')).length === 1)
    await run(`CREATE USER ${admin.username} WITH PASSWORD '${admin.password}' SUPERUSER`)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    plugin: 'cassandra-database-plugin',
    details: { hosts: '127.0.0.1', port },
    admin, stop,
    resetAdmin: async () => void (await run(`ALTER USER ${admin.username} WITH PASSWORD '${admin.password}'`)),
    creation: [`CREATE USER '{{username}}' WITH PASSWORD '{{password}}' NOSUPERUSER; GRANT SELECT ON ALL KEYSPACES TO '{{username}}'`],
    refused: [`CREATE USER '{{username}}' WITH PASSWORD '{{password}}' NOSUPERUSER`, 'GRANT NOTHING'],
    halfRotation: [`ALTER USER '{{username}}' WITH PASSWORD '{{password}}'`, 'GRANT NOTHING'],
    canLogIn: (username, password) => as({ username, password }, async () => true).catch((error: { innerErrors?: object }) => {
      if (Object.values(error.innerErrors ?? {}).some((reason) => (reason as Error).name === 'AuthenticationError')) return false
      throw error
    }),
    users: async (prefix) => (await run('LIST ROLES')).map(({ role }) => String(role)).filter((name) => name.startsWith(prefix)),
    makeUser: async (username, password) => void (await run(`CREATE USER ${username} WITH PASSWORD '${password}' NOSUPERUSER`)),
    dropUser: async (username) => void (await run(`DROP USER IF EXISTS '${username}'`)),
  }
}
