/** Users of a real database: one PostgreSQL, started for the run, in which every server under test makes its users. */
import { startPostgres, type PostgresServer } from '../src/engines/database/testing/postgresql.ts'
import { call, type Target } from './api.ts'
import { formatRequest } from './load.ts'

const mount = 'bench-db'

let running: Promise<PostgresServer | null> | null = null

export async function prepareDatabase(target: Target, appToken: (target: Target) => Promise<string>): Promise<{ readonly requests: string[] }> {
  const postgres = await (running ??= startPostgres())
  if (postgres === null) throw new Error('db-creds needs PostgreSQL, which is not installed')
  const { username, password } = postgres.admin
  await call(target, 'POST', `sys/mounts/${mount}`, { type: 'database' })
  await call(target, 'POST', `${mount}/config/pg`, { plugin_name: postgres.plugin, connection_url: postgres.url, username, password, allowed_roles: '*' })
  const creation_statements = [`CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT pg_read_all_data TO "{{name}}";`]
  await call(target, 'POST', `${mount}/roles/app`, { db_name: 'pg', creation_statements, default_ttl: '1h', max_ttl: '24h' })
  return { requests: [formatRequest({ method: 'GET', path: `${mount}/creds/app`, token: await appToken(target) })] }
}

/** The database goes first, with all its users: to revoke them one by one would take longer than the measurement. */
export async function finishDatabase(targets: readonly Target[]): Promise<void> {
  const postgres = await running
  running = null
  await postgres?.stop()
  for (const target of targets) {
    await call(target, 'POST', `sys/leases/revoke-force/${mount}`)
    await call(target, 'DELETE', `sys/mounts/${mount}`)
  }
}
