/** A server with a database engine, over a real database, for tests. */
import { after, before } from 'node:test'
import { leasesUnder } from '../../core/leases/folders.ts'
import type { LeaseRecord } from '../../core/leases/record.ts'
import { withServer } from './checked-server.ts'
import type { ServeHarness } from './serve-harness.ts'
import { startPostgres, type PostgresServer } from '../../engines/database/testing/postgresql.ts'

const createRole = `CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`

export interface Mounted {
  readonly server: ServeHarness
  readonly db: PostgresServer
  /** Configures `db/config/pg`, which every role may use. */
  readonly connect: (details?: Readonly<Record<string, string | number | boolean>>, name?: string) => Promise<void>
  readonly role: (name: string, fields?: Readonly<Record<string, string | number | readonly string[]>>) => Promise<void>
  readonly creds: (role: string) => Promise<Made>
  readonly leases: () => Promise<LeaseRecord[]>
}

export interface Made {
  readonly username: string
  readonly password: string
  readonly lease: string
  readonly seconds: number
}

/** One server for all tests of a file, each of which gets a mount of its own. */
export function withPostgres(): (work: (mounted: Mounted) => Promise<void>) => (t: { skip: (why: string) => void }) => Promise<void> {
  let db: PostgresServer | null = null
  before(async () => {
    db = await startPostgres()
  })
  after(async () => await db?.stop())
  return (work) => async (t) => {
    if (db === null) return t.skip('PostgreSQL is not installed')
    await withMount(db, work)
  }
}

/** The state is checked at the end: no lease without its user is looked at there, as that is up to the test. */
async function withMount(db: PostgresServer, work: (mounted: Mounted) => Promise<void>): Promise<void> {
  await withServer(async (server) => {
    await server.ok('write', 'sys/mounts/db', { data: { type: 'database' } })
    try {
      await work(mountedOn(server, db))
    } finally {
      await db.resetAdmin()
      for (const { engine } of server.core.registry.all) await engine.release?.()
    }
  }, { secrets: [db.admin.password] })
}

function mountedOn(server: ServeHarness, db: PostgresServer): Mounted {
  return {
    server,
    db,
    async connect(details = {}, name = 'pg') {
      const data = { plugin_name: 'postgresql-database-plugin', connection_url: db.url, allowed_roles: '*', ...db.admin, ...details }
      await server.ok('write', `db/config/${name}`, { data })
    },
    async role(name, fields = {}) {
      await server.ok('write', `db/roles/${name}`, { data: { db_name: 'pg', creation_statements: createRole, default_ttl: '1h', max_ttl: '24h', ...fields } })
    },
    async creds(role) {
      const { data, body } = await server.ok('read', `db/creds/${role}`)
      return { username: String(data?.['username']), password: String(data?.['password']), lease: String(body?.['lease_id']), seconds: Number(body?.['lease_duration']) }
    },
    async leases() {
      const found: LeaseRecord[] = []
      for await (const lease of leasesUnder(server.core, 'db/')) found.push(lease)
      return found
    },
  }
}
