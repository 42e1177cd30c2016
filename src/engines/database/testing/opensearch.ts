/** An OpenSearch for tests, with its security plugin: the libraries that `.ci/databases` has taken from Maven Central, on Java 17. */
import { chownSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createPrivateKey } from 'node:crypto'
import { makeAuthority, type TestAuthority } from './authority.ts'
import { findProgram, freePort, makeFolder, ownerFor, removeFolder, startProgram, untilReady, type Daemon, type Owner } from './place.ts'
import { serverFolder } from './slow-servers.ts'
import type { TestDatabase } from './test-database.ts'

/** The home of a node: programs, certificates for the way between nodes, and the users and roles that the plugin begins with. */
function makeHome(folder: string, { ca, issue }: TestAuthority, ports: readonly [number, number], owner: Owner | null): void {
  cpSync(serverFolder('opensearch'), folder, { recursive: true })
  cpSync(join(folder, 'plugins', 'opensearch-security', 'config'), join(folder, 'config', 'opensearch-security'), { recursive: true })
  const { cert, key } = issue('localhost')
  const settings = {
    'cluster.name': 'test', 'http.port': ports[0], 'transport.port': ports[1], 'network.host': '127.0.0.1', 'discovery.type': 'single-node',
    'plugins.security.ssl.transport.pemcert_filepath': 'cert.pem', 'plugins.security.ssl.transport.pemkey_filepath': 'key.pem', 'plugins.security.ssl.transport.pemtrustedcas_filepath': 'ca.pem',
    'plugins.security.ssl.transport.enforce_hostname_verification': false, 'plugins.security.ssl.http.enabled': false, 'plugins.security.allow_default_init_securityindex': true,
    'plugins.security.nodes_dn': ['CN=localhost'], 'plugins.security.restapi.roles_enabled': ['all_access'], 'plugins.security.audit.type': 'noop',
  }
  const log = 'status = error\nappender.c.type = Console\nappender.c.name = c\nappender.c.layout.type = PatternLayout\nappender.c.layout.pattern = %m%n\nrootLogger.level = error\nrootLogger.appenderRef.c.ref = c\n'
  const files = { 'opensearch.yml': JSON.stringify(settings), 'log4j2.properties': log, 'jvm.options': '', 'ca.pem': ca, 'cert.pem': cert, 'key.pem': createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' }).toString() }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'config', name), text)
  for (const name of ['config', 'data', 'logs', 'modules']) {
    mkdirSync(join(folder, name), { recursive: true })
    if (owner !== null) chownSync(join(folder, name), owner.uid, owner.gid)
  }
}

function startDaemon(java: string, home: string, owner: Owner | null): Daemon {
  const properties = { 'java.io.tmpdir': join(home, 'logs'), 'opensearch.path.home': home, 'opensearch.path.conf': join(home, 'config'), 'java.security.manager': 'allow', 'log4j2.disable.jmx': 'true' }
  const args = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`), '-cp', `${join(home, 'lib')}/*`, 'org.opensearch.bootstrap.OpenSearch']
  return startProgram(java, args, { cwd: home, owner })
}

/** Null: it is not installed. */
export async function startOpensearch(): Promise<TestDatabase | null> {
  const java = findProgram('java', ['/usr/lib/jvm/java-17-openjdk-amd64/bin'])
  // It refuses to run as root.
  const owner = ownerFor('nobody')
  if (java === null || !existsSync(serverFolder('opensearch'))) return null
  const folder = makeFolder('opensearch', owner)
  const port = await freePort()
  makeHome(folder, await makeAuthority(), [port, await freePort()], owner)
  const daemon = startDaemon(java, folder, owner)
  const url = `http://127.0.0.1:${port}`
  const keeper = { username: 'admin', password: 'admin' }
  const ask = (method: string, path: string, body?: object, { username, password } = keeper): Promise<Response> => fetch(`${url}/_plugins/_security/${path}`, {
    method, headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`, 'content-type': 'application/json' }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const must = async (method: string, path: string, body?: object): Promise<void> => {
    const answer = await ask(method, path, body)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  }
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const makeUser = (username: string, password: string, more: object = {}): Promise<void> => must('PUT', `api/internalusers/${username}`, { password, ...more })
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, async () => (await ask('GET', 'authinfo')).status === 200)
    await makeUser(admin.username, admin.password, { backend_roles: ['admin'] })
  } catch (error) {
    await stop()
    throw error
  }
  const definition = { index_permissions: [{ index_patterns: ['app-*'], allowed_actions: ['read'] }] }
  return {
    plugin: 'opensearch-database-plugin',
    // Each change of a user takes it up to a second.
    details: { url, connect_timeout: '300s', operation_timeout: '300s' },
    admin, makeUser, stop,
    resetAdmin: () => makeUser(admin.username, admin.password, { backend_roles: ['admin'] }),
    creation: [JSON.stringify({ opensearch_roles: ['readall'], opensearch_role_definition: definition })],
    refused: [JSON.stringify({ opensearch_role_definition: { nothing: [] } })],
    halfRotation: [],
    canLogIn: async (username, password) => (await ask('GET', 'authinfo', undefined, { username, password })).status === 200,
    users: async (prefix) => Object.keys(await (await ask('GET', 'api/internalusers')).json() as object).filter((name) => name.startsWith(prefix)),
    dropUser: async (username) => void (await ask('DELETE', `api/internalusers/${username}`)),
  }
}
