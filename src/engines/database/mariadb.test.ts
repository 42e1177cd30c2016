/** The contract over MariaDB, and what is its own: addresses as Go's driver has them, rollback statements, accounts of several hosts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseContract } from '../../request/testing/database-contract.ts'
import { parseMysqlUrl } from './drivers/mysql.ts'
import { startMariadb } from './testing/mariadb.ts'

databaseContract('MariaDB', startMariadb)

test('an address is what Go takes for one', () => {
  const parsed = (connection_url: string, more = {}): unknown => {
    const { login, shown: _, ...server } = parseMysqlUrl({ connection_url, username: 'u:1', password: 'p@s/s:w', ...more })
    return { ...login, ...server }
  }
  const place = { host: 'db', port: 3306, ssl: null }
  assert.deepEqual(parsed('{{username}}:{{password}}@tcp(db:3307)/app'), { ...place, username: 'u:1', password: 'p@s/s:w', port: 3307, database: 'app' })
  assert.deepEqual(parsed('root:x@tcp([::1]:3306)/'), { ...place, username: 'root', password: 'x', host: '::1' })
  assert.deepEqual(parsed('{{username}}@unix(/run/s)/'), { ...place, username: 'u:1', password: 'p@s/s:w', host: '/run/s', socketPath: '/run/s' })
  assert.deepEqual(parsed('/'), { ...place, username: 'u:1', password: 'p@s/s:w', host: '127.0.0.1' })
  assert.deepEqual(parsed('a:b@tcp(db)/?tls=skip-verify'), { ...place, username: 'a', password: 'b', ssl: { rejectUnauthorized: false } })
  assert.deepEqual(parsed('a:b@tcp(db)/?tls=true'), { ...place, username: 'a', password: 'b', ssl: { rejectUnauthorized: true } })
  for (const url of ['mysql://a:b@host/', 'a:b@tcp(db)', 'a:b@tcp(db)/?tls=maybe', '{{']) assert.throws(() => parsed(url), { code: 'bad_request' })
  assert.throws(() => parsed('a:b@tcp(db)/', { tls_ca: 'PEM' }), /tls_ca: there is no certificate in it/)
})
