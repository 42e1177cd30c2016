/** What every database must do over TLS: whom a connection trusts, and what it says when it does not. Each kind of database runs it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { makeAuthority, type TestAuthority } from '../../engines/database/testing/authority.ts'
import type { TestDatabase } from '../../engines/database/testing/test-database.ts'
import { withServer } from './checked-server.ts'
import type { ServeHarness } from './serve-harness.ts'

export type Details = Readonly<Record<string, string | number | boolean>>

interface Kind<T extends TestDatabase> {
  readonly start: (tls: TestAuthority) => Promise<T | null>
  /** Details for a server of that name that the connection trusts by `ca`. */
  readonly details: (db: T, host: string, ca: string) => Details
  readonly caDetail: string
  /** The form that it has there. Default: the text itself. */
  readonly caText?: (text: string) => string
  /** Whether `tls_min_version` is looked at. Default: it is. */
  readonly hasNoMinVersion?: boolean
}

export interface Place<T> {
  readonly db: T
  readonly server: ServeHarness
  readonly authority: TestAuthority
  /** Configures `db/config/x`. */
  readonly configure: (details: Details) => ReturnType<ServeHarness['request']>
}

async function withMount<T extends TestDatabase>(db: T, authority: TestAuthority, work: (place: Place<T>) => Promise<void>): Promise<void> {
  await withServer(async (server) => {
    // Certificates are judged by the clock of this machine.
    server.clock.advance((Date.now() - server.clock.now()) / 1000)
    await server.ok('write', 'sys/mounts/db', { data: { type: 'database' } })
    const configure: Place<T>['configure'] = (details) => server.request('write', 'db/config/x', { data: { plugin_name: db.plugin, allowed_roles: '*', ...db.admin, ...details } })
    try {
      await work({ db, server, authority, configure })
    } finally {
      for (const { engine } of server.core.registry.all) await engine.release?.()
    }
  }, { secrets: [db.admin.password] })
}

export function overTls<T extends TestDatabase>(name: string, { start, details, caDetail, caText = (text) => text, hasNoMinVersion }: Kind<T>, more: (inPlace: (work: (place: Place<T>) => Promise<void>) => (t: { skip: (why: string) => void }) => Promise<void>) => void = () => undefined): void {
  describe(name, () => {
    let started: { readonly db: T; readonly authority: TestAuthority } | null = null
    before(async () => {
      const authority = await makeAuthority()
      const db = await start(authority)
      started = db === null ? null : { db, authority }
    })
    after(async () => await started?.db.stop())
    const inPlace = (work: (place: Place<T>) => Promise<void>) => async (t: { skip: (why: string) => void }): Promise<void> => {
      if (started === null) return t.skip(`${name} is not installed`)
      await withMount(started.db, started.authority, work)
    }

    test('whoever has a certificate of the authority is trusted, by name and by address', inPlace(async ({ db, server, authority, configure }) => {
      for (const host of ['localhost', '127.0.0.1']) assert.deepEqual((await configure(details(db, host, authority.ca))).errors, [])
      await server.ok('write', 'db/roles/app', { data: { db_name: 'x', creation_statements: db.creation } })
      const { body } = await server.ok('read', 'db/creds/app')
      await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(body?.['lease_id']), sync: true } })
    }))

    test('another authority, another name, and what is no certificate are refused, with the reason', inPlace(async ({ db, server, authority, configure }) => {
      const refused = async (changes: Details, reason: RegExp): Promise<void> => {
        const { status, errors } = await configure({ ...details(db, '127.0.0.1', authority.ca), ...changes })
        assert.equal(status, 400)
        assert.match(errors[0] ?? '', reason)
      }
      await refused({ [caDetail]: caText((await makeAuthority([])).ca) }, /error verifying connection: failed to connect to .*(?:unable to verify|self-signed certificate in certificate chain|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN)/)
      await refused({ tls_server_name: 'elsewhere.example' }, /error verifying connection: .*(?:elsewhere\.example|ERR_TLS_CERT_ALTNAME_INVALID)/)
      await refused({ [caDetail]: caText('not a certificate') }, new RegExp(`^error creating database object: ${caDetail}: there is no certificate`))
      if (hasNoMinVersion !== true) await refused({ tls_min_version: 'tls10' }, /tls_min_version/)
      assert.equal((await server.request('read', 'db/config/x')).status, 404)
    }))
    more(inPlace)
  })
}
