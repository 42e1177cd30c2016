/** A PostgreSQL server for tests. */
import { writeFileSync, chownSync } from 'node:fs'
import { join } from 'node:path'
import { loadPeer } from '../driver.ts'
import { tlsFiles, type TestAuthority } from './authority.ts'
import { findProgram, freePort, makeFolder, newestFolder, ownerFor, removeFolder, runProgram, startProgram, untilReady, type Daemon, type Owner } from './place.ts'
import type { TestDatabase } from './test-database.ts'

export interface PostgresServer extends TestDatabase {
  readonly port: number
  /** With `{{username}}` and `{{password}}` in it. */
  readonly url: string
  /** Runs one statement as the administrator that nothing in a test changes. */
  readonly sql: (text: string, values?: readonly unknown[]) => Promise<Readonly<Record<string, unknown>>[]>
  /** Names of roles that begin so. */
  readonly roles: (prefix: string) => Promise<string[]>
  readonly pause: () => void
  readonly resume: () => void
  readonly kill: () => Promise<void>
  readonly restart: () => Promise<void>
}

interface Client {
  connect(): Promise<void>
  query(text: string, values: readonly unknown[]): Promise<{ readonly rows: Record<string, unknown>[] }>
  on(event: 'error', listener: () => void): void
  end(): Promise<void>
}

const bin = (name: string): string | null => findProgram(name, newestFolder('/usr/lib/postgresql', 'bin'))

/** Whoever is in the role `cert_users` shows a certificate of the authority, and no password. */
function secured(tls: TestAuthority, folder: string, data: string, owner: Owner | null): string[] {
  const rules = ['local all all trust', 'hostssl all +cert_users 127.0.0.1/32 cert', 'hostssl all all 127.0.0.1/32 scram-sha-256', 'hostnossl all keeper 127.0.0.1/32 scram-sha-256']
  writeFileSync(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`)
  const { ca, cert, key } = tlsFiles(tls, folder, owner)
  return ['ssl=on', `ssl_ca_file=${ca}`, `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]
}

/** Null: PostgreSQL is not installed. */
export async function startPostgres(tls: TestAuthority | null = null): Promise<PostgresServer | null> {
  const [initdb, postgres] = [bin('initdb'), bin('postgres')]
  const owner = ownerFor('postgres')
  if (initdb === null || postgres === null || (process.getuid?.() === 0 && owner === null)) return null
  const folder = makeFolder('postgresql', owner)
  const [data, passwordFile] = [join(folder, 'data'), join(folder, 'password')]
  // Made by the caller of the tests, known to nobody else.
  const keeper = { user: 'keeper', password: `keeper-${process.pid}-${Math.trunc(performance.now() * 1000)}` }
  writeFileSync(passwordFile, keeper.password)
  if (owner !== null) chownSync(passwordFile, owner.uid, owner.gid)
  runProgram(initdb, ['-D', data, '-A', 'scram-sha-256', '-U', keeper.user, `--pwfile=${passwordFile}`, '--no-sync', '-E', 'UTF8', '--locale=C'], { owner, cwd: folder })
  const port = await freePort()
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, 'fsync=off', 'max_connections=60', 'shared_buffers=16MB', 'log_min_messages=fatal']
  if (tls !== null) settings.push(...secured(tls, folder, data, owner))
  const start = (): Daemon => startProgram(postgres, ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], { owner, cwd: folder })
  const { default: pg } = await loadPeer<{ readonly default: { readonly Client: new (config: object) => Client } }>('pg')
  const client = async <T>(user: string, password: string, work: (client: Client) => Promise<T>): Promise<T> => {
    const made = new pg.Client({ host: '127.0.0.1', port, database: 'postgres', user, password, connectionTimeoutMillis: 5_000 })
    made.on('error', () => undefined)
    await made.connect()
    try {
      return await work(made)
    } finally {
      await made.end().catch(() => undefined)
    }
  }
  const sql: PostgresServer['sql'] = (text, values) => client(keeper.user, keeper.password, async (one) => (await one.query(text, values ?? [])).rows)
  let daemon = start()
  const ready = (): Promise<void> => untilReady(daemon, async () => (await sql('SELECT 1')).length === 1)
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const resetAdmin = async (): Promise<void> => void (await sql(`ALTER ROLE ${admin.username} PASSWORD '${admin.password}'`))
  try {
    await ready()
    await sql(`CREATE ROLE ${admin.username} WITH SUPERUSER LOGIN`)
    await resetAdmin()
  } catch (error) {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
    throw error
  }
  const url = `postgresql://{{username}}:{{password}}@127.0.0.1:${port}/postgres?sslmode=disable`
  const roles: PostgresServer['roles'] = async (prefix) => (await sql('SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1) ORDER BY 1', [prefix])).map(({ rolname }) => String(rolname))
  return {
    plugin: 'postgresql-database-plugin',
    details: { connection_url: url },
    creation: [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}'`],
    refused: [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}'`, 'GRANT nothing'],
    halfRotation: [`ALTER ROLE "{{name}}" PASSWORD '{{password}}'`, 'GRANT nothing'],
    users: roles,
    makeUser: async (username, password) => void (await sql(`CREATE ROLE ${username} LOGIN PASSWORD '${password}'`)),
    dropUser: async (username) => void (await sql(`DROP ROLE IF EXISTS "${username}"`)),
    port,
    admin,
    resetAdmin,
    url,
    roles,
    sql,
    canLogIn: (username, password) => client(username, password, async () => true).catch((error: unknown) => {
      if ((error as { code?: string }).code === '28P01' || (error as { code?: string }).code === '28000') return false
      throw error
    }),
    pause: () => void daemon.child.kill('SIGSTOP'),
    resume: () => void daemon.child.kill('SIGCONT'),
    kill: () => daemon.stop('SIGQUIT'),
    async restart() {
      await daemon.stop('SIGINT')
      daemon = start()
      await ready()
    },
    async stop() {
      await daemon.stop('SIGQUIT')
      removeFolder(folder)
    },
  }
}
