/** The contract over SQL Server's protocol, and what is its own: addresses as Go's driver has them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseContract } from '../../request/testing/database-contract.ts'
import { parseSqlServerUrl } from './drivers/sqlserver-url.ts'
import { startSqlServer } from './testing/sqlserver.ts'

databaseContract('SQL Server', startSqlServer)

test('an address is a URL or words, and encrypted unless it says otherwise', () => {
  const parsed = (connection_url: string, more = {}) => parseSqlServerUrl({ connection_url, username: 'u;1', password: 'p@s;s', ...more })
  const safe = { encrypt: true, trustServerCertificate: false, cryptoCredentialsDetails: {} }
  const login = { username: 'u;1', password: 'p@s;s' }
  assert.deepEqual(parsed('sqlserver://{{username}}:{{password}}@db:1434?database=app'), { login, host: 'db', port: 1434, instance: '', database: 'app', tls: safe })
  assert.deepEqual(parsed('server=db\\one;user id={{username}};password={{password}};encrypt=disable'), { login, host: 'db', port: 1433, instance: 'one', database: '', tls: { encrypt: false } })
  assert.deepEqual(parsed('sqlserver://{{username}}:{{password}}@[::1]/one?TrustServerCertificate=true&hostNameInCertificate=x').tls, { ...safe, trustServerCertificate: true, serverName: 'x' })
  for (const url of ['postgres', 'sqlserver://', 'server=', 'sqlserver://db?encrypt=maybe', 'sqlserver://db?certificate=/etc/ca', 'server=db;port=0']) assert.throws(() => parsed(url), { code: 'bad_request' })
})
