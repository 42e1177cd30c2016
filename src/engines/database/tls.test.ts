/** TLS to real databases: whom a connection trusts, what it says when it does not, and logins by client certificate alone. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { overTls, type Details, type Place } from '../../request/testing/database-tls.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { loadPeer } from './driver.ts'
import { startMariadb } from './testing/mariadb.ts'
import { startPostgres } from './testing/postgresql.ts'
import { startRedis } from './testing/redis.ts'
import type { TestDatabase } from './testing/test-database.ts'

interface CertificateLogin {
  readonly username: string
  readonly cert: string
  readonly key: string
}

/** A role whose users have a certificate and nothing else. */
async function certificateOf({ server, authority }: Place<TestDatabase>, creation: readonly string[], more: Details = {}): Promise<CertificateLogin & { readonly lease: string; readonly renewable: unknown }> {
  const config = { ca_cert: authority.ca, ca_private_key: authority.caKey, key_type: 'ec', common_name_template: '{{.Username}}', ...more }
  await server.ok('write', 'db/roles/cert', { data: { db_name: 'x', creation_statements: creation, default_ttl: '1h', credential_type: 'client_certificate', credential_config: config } })
  const { data, body } = await server.ok('read', 'db/creds/cert')
  assert.deepEqual(Object.keys(data ?? {}).sort(), ['client_certificate', 'private_key', 'private_key_type', 'username'])
  return { username: String(data?.['username']), cert: String(data?.['client_certificate']), key: String(data?.['private_key']), lease: String(body?.['lease_id']), renewable: body?.['renewable'] }
}

interface Pg {
  readonly default: { readonly Client: new (config: object) => { connect(): Promise<void>; query(text: string): Promise<{ rows: { me: string }[] }>; end(): Promise<void>; on(event: 'error', listener: () => void): void } }
}

overTls('PostgreSQL over TLS', {
  start: startPostgres, caDetail: 'tls_ca',
  details: ({ port }, host, ca) => ({ connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/postgres?sslmode=verify-full`, tls_ca: ca }),
}, (inPlace) => {
  test('a user with a client certificate logs in by it alone, as long as it is there', inPlace(async (place) => {
    const { db, server, authority, configure } = place
    await db.sql('DO $$ BEGIN CREATE ROLE cert_users; EXCEPTION WHEN duplicate_object THEN NULL; END $$')
    assert.equal((await configure({ connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${db.port}/postgres`, tls_ca: authority.ca })).status, 204)
    const made = await certificateOf(place, [`CREATE ROLE "{{name}}" LOGIN IN ROLE cert_users VALID UNTIL '{{expiration}}'`])
    const { default: { Client } } = await loadPeer<Pg>('pg')
    const logIn = async ({ username, cert, key }: CertificateLogin): Promise<string | undefined> => {
      const client = new Client({ host: '127.0.0.1', port: db.port, database: 'postgres', user: username, ssl: { ca: authority.ca, cert, key } })
      client.on('error', () => undefined)
      await client.connect()
      try {
        return (await client.query('SELECT current_user AS me')).rows[0]?.me
      } finally {
        await client.end()
      }
    }
    assert.equal(await logIn(made), made.username)
    const other = await certificateOf(place, [`CREATE ROLE "{{name}}" LOGIN IN ROLE cert_users`], { key_type: 'rsa', signature_bits: '384' })
    assert.equal(await logIn(other), other.username)
    await assert.rejects(logIn({ ...other, username: made.username }), /certificate authentication failed/)
    assert.equal(made.renewable, false)
    const end = new Date(new X509Certificate(made.cert).validTo).getTime()
    assert.ok(Math.abs(end - server.clock.now() - 3_605_000) < 60_000)
    for (const { lease } of [made, other]) await server.ok('write', 'sys/leases/revoke', { data: { lease_id: lease, sync: true } })
    await assert.rejects(logIn(made))
    assert.deepEqual(await db.roles('v-'), [])
  }))

  test('a key of the authority is never shown, and what does not fit together is refused with the field', inPlace(async (place) => {
    const { db, server, authority, configure } = place
    await configure({ connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${db.port}/postgres`, tls_ca: authority.ca })
    const good = { ca_cert: authority.ca, ca_private_key: authority.caKey, key_type: 'ed25519', common_name_template: 'x' }
    const write = (config: Details, more: Details = {}): ReturnType<ServeHarness['request']> =>
      server.request('write', 'db/roles/cert', { data: { db_name: 'x', creation_statements: 'SELECT 1', credential_type: 'client_certificate', credential_config: config, ...more } })
    const leaf = authority.issue('localhost')
    for (const [change, reason] of [
      [{ key_type: 'dsa' }, /invalid key_type/], [{ key_type: 'rsa', key_bits: '1024' }, /invalid key_bits/], [{ signature_bits: '160' }, /invalid signature_bits/],
      [{ common_name_template: '' }, /missing required common_name_template/], [{ common_name_template: '{{.Nobody}}' }, /invalid common_name_template/],
      [{ ca_cert: '' }, /missing required ca_cert/], [{ ca_private_key: '' }, /missing required ca_private_key/], [{ ca_cert: 'x' }, /certificate not found/],
      [{ ca_private_key: 'x' }, /private key not found/], [{ ca_cert: leaf.cert, ca_private_key: leaf.key }, /not marked for CA use/], [{ ca_private_key: leaf.key }, /not the key of ca_cert/],
    ] as const) {
      const { status, errors } = await write({ ...good, ...change })
      assert.equal(status, 400)
      assert.match(errors[0] ?? '', reason)
    }
    await server.ok('write', 'db/roles/cert', { data: { db_name: 'x', creation_statements: 'SELECT 1', credential_type: 'client_certificate', credential_config: good } })
    const shown = await server.ok('read', 'db/roles/cert')
    assert.deepEqual(shown.data?.['credential_config'], { ca_cert: authority.ca, common_name_template: 'x', key_bits: 0, key_type: 'ed25519', signature_bits: 256 })
    const { errors } = await write(good, { default_ttl: '72h' })
    assert.deepEqual(errors, [])
    assert.match((await server.request('read', 'db/creds/cert')).errors[0] ?? '', /outlive the certificate of its authority/)
    assert.match((await server.request('write', 'db/static-roles/s', { data: { db_name: 'x', username: 'a', rotation_period: '1h', credential_type: 'client_certificate' } })).errors[0] ?? '', /client_certificate/)
  }))
})

interface MysqlPromise {
  readonly default: { readonly createConnection: (options: object) => Promise<{ query(text: string): Promise<readonly [readonly { me: string }[], unknown]>; end(): Promise<void> }> }
}

overTls('MariaDB over TLS', {
  start: startMariadb, caDetail: 'tls_ca',
  details: ({ port }, host, ca) => ({ connection_url: `{{username}}:{{password}}@tcp(${host}:${port})/?tls=true`, tls_ca: ca }),
}, (inPlace) => {
  test('a user that must show a subject logs in with the certificate of it alone', inPlace(async (place) => {
    const { db, server, authority, configure } = place
    assert.deepEqual((await configure({ connection_url: `{{username}}:{{password}}@tcp(127.0.0.1:${db.port})/?tls=true`, tls_ca: authority.ca })).errors, [])
    const made = await certificateOf(place, [`CREATE USER '{{name}}'@'%' REQUIRE SUBJECT '/{{subject}}'`], { common_name_template: 'app-{{.RoleName}}' })
    const { default: { createConnection } } = await loadPeer<MysqlPromise>('mysql2/promise')
    const logIn = async ({ username, cert, key }: CertificateLogin): Promise<string | undefined> => {
      const connection = await createConnection({ host: 'localhost', port: db.port, user: username, ssl: { ca: authority.ca, cert, key } })
      try {
        return (await connection.query('SELECT CURRENT_USER() AS me'))[0][0]?.me
      } finally {
        await connection.end()
      }
    }
    assert.equal(await logIn(made), `${made.username}@%`)
    await assert.rejects(logIn({ ...made, ...authority.issue('localhost') }), /Access denied/)
    await server.ok('write', 'sys/leases/revoke', { data: { lease_id: made.lease, sync: true } })
    await assert.rejects(logIn(made), /Access denied/)
  }))
})

overTls('Redis over TLS', {
  start: startRedis, caDetail: 'ca_cert',
  details: (db, host, ca) => ({ ...db.details, host, tls: true, ca_cert: ca }),
}, (inPlace) => {
  test('a connection in the clear to a server that wants TLS fails with a reason, and `insecure_tls` trusts anybody', inPlace(async ({ db, configure }) => {
    assert.match((await configure({ ...db.details })).errors[0] ?? '', /error verifying connection/)
    assert.equal((await configure({ ...db.details, tls: true, insecure_tls: true })).status, 204)
  }))
})
