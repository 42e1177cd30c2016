/** What people see of databases: roles with their leases, and what is rotated, against a real server and databases that nobody can reach. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openShell, type TestShell } from './testing/command.ts'
import { startTestServer, type TestServer } from './testing/server.ts'

let server: TestServer
let shell: TestShell

before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
})
after(async () => {
  shell?.close()
  await server?.stop()
})

const ok = (...words: string[]): Promise<string> => shell.ok(words)
const run = (...words: string[]) => shell.run(words)
const cells = (table: string): readonly (readonly string[])[] => table.trimEnd().split('\n').map((line) => line.trim().split(/ {2,}/))

test('roles are shown with their connections, times and leases', async () => {
  await ok('secrets', 'enable', '-path=db', 'database')
  assert.equal(await ok('database', 'roles', 'db'), 'There are no roles in db/.\n')
  await ok('write', 'db/config/pg', 'plugin_name=postgresql-database-plugin', 'allowed_roles=*', 'verify_connection=false', 'username=root', 'password=hidden-one', 'connection_url=postgresql://{{username}}:{{password}}@127.0.0.1:1/x', 'rotation_period=24h')
  await ok('write', 'db/roles/app', 'db_name=pg', 'creation_statements=SELECT 1', 'default_ttl=1h', 'max_ttl=1h30m')
  const [head, , row, ...more] = cells(await ok('database', 'roles', '/db/'))
  assert.deepEqual([head, row, more], [['Role', 'Connection', 'TTL', 'Longest', 'Leases'], ['app', 'pg', '1h', '1h30m', '0'], []])
  const shown = JSON.parse(await ok('database', 'roles', '-format=json', 'db')) as unknown
  assert.deepEqual(shown, [{ role: 'app', connection: 'pg', default_ttl: 3600, max_ttl: 5400, leases: '0' }])
})

test('what is rotated is shown with how the last time went, when the next one is, and why one failed', async () => {
  await ok('write', 'db/static-roles/old', 'db_name=pg', 'username=stat', 'rotation_schedule=0 4 * * *', 'skip_import_rotation=true')
  const [head, , connection, account, ...more] = cells(await ok('database', 'rotations', 'db'))
  const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/
  assert.deepEqual([head, connection?.slice(0, 5), account?.slice(0, 5), more], [
    ['Name', 'Account', 'When', 'State', 'Last', 'Next'], ['config/pg', 'root', 'every 24h', 'settled', 'never'], ['static-roles/old', 'stat', '0 4 * * *', 'settled', 'never'], [],
  ])
  for (const row of [connection, account]) assert.match(row?.[5] ?? '', time)
  assert.equal((await run('write', '-force', 'db/rotate-root/pg')).code, 2)
  const { out: stdout, err: stderr } = await run('database', 'rotations', 'db')
  assert.match(stdout, /config\/pg +root +every 24h +failing +never/)
  assert.match(stderr, /config\/pg: failed to connect to `user=root database=x`.*ECONNREFUSED/s)
})

test('service keys are shown in the same way, a mount with nothing and one of another kind say so', async () => {
  await ok('secrets', 'enable', 'service-keys')
  assert.equal(await ok('database', 'rotations', 'service-keys'), 'Nothing in service-keys/ can be rotated.\n')
  assert.match((await run('database', 'rotations', 'secret')).err, /secret\/ is of type kv; what can be shown is database, ldap, service-keys/)
})

test('who may not count leases sees the roles all the same', async () => {
  await shell.ok(['policy', 'write', 'db-reader', '-'], { input: 'path "db/roles*" { capabilities = ["read", "list"] }' })
  const token = (await ok('token', 'create', '-policy=db-reader', '-field=token')).trim()
  const other = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: token })
  try {
    assert.deepEqual(cells(await other.ok(['database', 'roles', 'db']))[2], ['app', 'pg', '1h', '1h30m', '?'])
  } finally {
    other.close()
  }
})
