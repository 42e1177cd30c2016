/** A MariaDB server for tests. */
import { join } from 'node:path'
import { loadPeer } from '../driver.ts'
import { tlsFiles, type TestAuthority } from './authority.ts'
import { findProgram, freePort, makeFolder, ownerFor, removeFolder, runProgram, startProgram, untilReady } from './place.ts'
import type { TestDatabase } from './test-database.ts'

interface Connection {
  query(sql: string, values: readonly unknown[]): Promise<readonly [unknown, unknown]>
  end(): Promise<void>
}
interface MysqlPromise {
  readonly default: { readonly createConnection: (options: object) => Promise<Connection> }
}

/** Null: MariaDB is not installed. */
export async function startMariadb(tls: TestAuthority | null = null): Promise<(TestDatabase & { readonly port: number; readonly sql: (text: string, values?: readonly unknown[]) => Promise<Record<string, unknown>[]> }) | null> {
  const [install, daemonPath] = [findProgram('mariadb-install-db'), findProgram('mariadbd')]
  const owner = ownerFor('mysql')
  if (install === null || daemonPath === null || (process.getuid?.() === 0 && owner === null)) return null
  const folder = makeFolder('mariadb', owner)
  const [data, socketPath] = [join(folder, 'data'), join(folder, 'socket')]
  runProgram(install, ['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'], { owner, cwd: folder })
  const port = await freePort()
  const args = ['--no-defaults', `--datadir=${data}`, `--socket=${socketPath}`, `--port=${port}`, '--bind-address=127.0.0.1', `--pid-file=${join(folder, 'pid')}`, '--skip-name-resolve', '--innodb-buffer-pool-size=8M', '--innodb-flush-log-at-trx-commit=0', '--skip-log-bin']
  if (tls !== null) {
    const { ca, cert, key } = tlsFiles(tls, folder, owner)
    args.push(`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`)
  }
  const daemon = startProgram(daemonPath, args, { owner, cwd: folder })
  const { default: { createConnection } } = await loadPeer<MysqlPromise>('mysql2/promise')
  const as = async <T>(options: object, work: (connection: Connection) => Promise<T>): Promise<T> => {
    const connection = await createConnection(options)
    try {
      return await work(connection)
    } finally {
      await connection.end().catch(() => undefined)
    }
  }
  const sql = (text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> =>
    as({ socketPath, user: 'root' }, async (connection) => (await connection.query(text, values))[0] as Record<string, unknown>[])
  const admin = { username: 'coffer_admin', password: `first/Pass w:o"r'd@%1\\` }
  const resetAdmin = async (): Promise<void> => void (await sql(`ALTER USER 'coffer_admin'@'%' IDENTIFIED BY ?`, [admin.password]))
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, async () => (await sql('SELECT 1')).length === 1)
    await sql(`CREATE USER 'coffer_admin'@'%'`)
    await sql(`GRANT ALL ON *.* TO 'coffer_admin'@'%' WITH GRANT OPTION`)
    await resetAdmin()
  } catch (error) {
    await stop()
    throw error
  }
  return {
    plugin: 'mysql-database-plugin',
    details: { connection_url: `{{username}}:{{password}}@tcp(127.0.0.1:${port})/` },
    admin, sql, port, resetAdmin, stop,
    creation: [`CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'; GRANT SELECT ON *.* TO '{{name}}'@'%'`],
    refused: [`CREATE USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'`, 'GRANT NOTHING'],
    halfRotation: [`ALTER USER '{{name}}'@'%' IDENTIFIED BY '{{password}}'`, 'GRANT NOTHING'],
    canLogIn: (user, password) => as({ host: '127.0.0.1', port, user, password }, async () => true).catch((error: { errno?: number }) => {
      if (error.errno === 1045) return false
      throw error
    }),
    users: async (prefix) => (await sql('SELECT User FROM mysql.user WHERE User LIKE ? ORDER BY 1', [`${prefix}%`])).map(({ User }) => String(User)),
    makeUser: async (username, password) => void (await sql('CREATE USER ?@? IDENTIFIED BY ?', [username, '%', password])),
    dropUser: async (username) => void (await sql('DROP USER IF EXISTS ?@?', [username, '%'])),
  }
}
