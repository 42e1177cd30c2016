/** Snowflake over its SQL API, as far as it is documented: the token of a login, statements, and users with passwords and with keys. */
import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { snowflake } from './drivers/snowflake.ts'
import { startHttpDatabase, type Answer, type Asked } from './testing/http-database.ts'
import type { TestDatabase } from './testing/test-database.ts'

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** The claims, if the key has signed them as the API wants it. */
function claimsOf({ headers }: Asked, key: KeyObject): Readonly<Record<string, unknown>> | null {
  const [head = '', claims = '', signature = ''] = (headers.authorization ?? '').replace(/^Bearer /, '').split('.')
  const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
  if (headers['x-snowflake-authorization-token-type'] !== 'KEYPAIR_JWT' || !verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))) return null
  const { iat, exp, ...rest } = read(claims)
  const isFresh = Math.abs(Number(iat) - Date.now() / 1000) < 60 && Number(exp) === Number(iat) + 3_600
  return read(head)['alg'] === 'RS256' && isFresh ? rest : null
}

const said: string[] = []

function answerTo(asked: Asked): Answer {
  if (asked.path === '/') return { status: 302 }
  const claims = claimsOf(asked, pair.publicKey)
  const print = createHash('sha256').update(pair.publicKey.export({ type: 'spki', format: 'der' })).digest('base64')
  if (claims?.['sub'] !== 'ACME.KEEPER' || claims['iss'] !== `ACME.KEEPER.SHA256:${print}`) return { status: 401, body: { code: '390144', message: 'JWT token is invalid.' } }
  const { statement, database, warehouse } = JSON.parse(asked.body) as Record<string, string>
  if (asked.path !== '/api/v2/statements' || database !== 'app' || warehouse !== 'w') return { status: 422, body: { message: 'not that' } }
  const no = (message: string): Answer => ({ status: 422, body: { code: '001003', message, sqlState: '42000' } })
  const [, verb, name = '', what] = /^(CREATE|ALTER|DROP) USER (?:IF EXISTS )?"((?:[^"]|"")*)"(.*)$/s.exec(statement ?? '') ?? []
  if (statement !== 'SELECT 1') said.push(statement ?? '')
  if (verb === 'DROP') asked.users.delete(name)
  else if (verb !== undefined) {
    if (asked.users.has(name) !== (verb === 'ALTER')) return no(`User '${name}' does not exist or not authorized.`)
    asked.users.set(name, /(?:PASSWORD|RSA_PUBLIC_KEY) = '([^']*)'/.exec(what ?? '')?.[1] ?? asked.users.get(name) ?? '')
  } else if (!/^(?:SELECT 1|GRANT ROLE \w+ TO USER "[^"]+")$/.test(statement ?? '')) return no('SQL compilation error: syntax error')
  return { status: 200, body: { code: '090001', statementHandle: 'x' } }
}

const described = { plugin: 'snowflake-database-plugin', creation: [`CREATE USER "{{name}}" PASSWORD = '{{password}}' DAYS_TO_EXPIRY = {{expiration}}; GRANT ROLE reader TO USER "{{name}}"`], refused: [], halfRotation: [] }

const onSnowflake = (work: (server: ServeHarness, db: TestDatabase) => Promise<void>) => async (): Promise<void> => {
  const db = await startHttpDatabase(described, (url) => ({ connection_url: `${url}/app?warehouse=w&account=acme.eu-central-1`, username: 'keeper', private_key: pem }), answerTo)
  try {
    await withServer(async (server) => {
      await server.ok('write', 'sys/mounts/db', { data: { type: 'database' } })
      await server.ok('write', 'db/config/x', { data: { plugin_name: db.plugin, allowed_roles: '*', ...db.details } })
      await work(server, db)
    })
  } finally {
    await db.stop()
  }
}

test('a user with a password comes and goes with its lease, one statement at a time', onSnowflake(async (server, db) => {
  await server.ok('write', 'db/roles/app', { data: { db_name: 'x', creation_statements: db.creation } })
  said.length = 0
  const { data, body } = await server.ok('read', 'db/creds/app')
  assert.equal(await db.canLogIn(String(data?.['username']), String(data?.['password'])), true)
  assert.match(said.join('\n'), /^CREATE USER "v_root_app_\w{20}_\d+" PASSWORD = '[^']+' DAYS_TO_EXPIRY = \d+\nGRANT ROLE reader TO USER "v_root_app/)
  await server.ok('write', 'sys/leases/renew', { data: { lease_id: String(body?.['lease_id']) } })
  await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(body?.['lease_id']), sync: true } })
  assert.deepEqual(await db.users('v'), [])
}))

test('a user with a key has the public half of what is shown, and a static role gets another one', onSnowflake(async (server, db) => {
  const statements = [`CREATE USER "{{name}}" RSA_PUBLIC_KEY = '{{public_key}}'`]
  await server.ok('write', 'db/roles/app', { data: { db_name: 'x', creation_statements: statements, credential_type: 'rsa_private_key', credential_config: { key_bits: '2048' } } })
  const bare = (key: unknown): string => createPublicKey(String(key)).export({ type: 'spki', format: 'der' }).toString('base64')
  const { data, body } = await server.ok('read', 'db/creds/app')
  assert.equal(await db.canLogIn(String(data?.['username']), bare(data?.['rsa_private_key'])), true)
  await server.ok('write', 'sys/leases/revoke', { data: { lease_id: String(body?.['lease_id']), sync: true } })
  await db.makeUser('account', 'old')
  await server.ok('write', 'db/static-roles/s', { data: { db_name: 'x', username: 'account', rotation_period: '1h', credential_type: 'rsa_private_key' } })
  assert.equal(await db.canLogIn('account', bare((await server.ok('read', 'db/static-creds/s')).data?.['rsa_private_key'])), true)
}))

test('what is refused leaves no user, another key is said to be one, and the key is not shown', onSnowflake(async (server, db) => {
  await server.ok('write', 'db/roles/app', { data: { db_name: 'x', creation_statements: [...db.creation, 'GRANT NOTHING'] } })
  assert.match((await server.request('read', 'db/creds/app')).errors[0] ?? '', /^failed to execute query: 422: SQL compilation error/)
  assert.deepEqual(await db.users('v'), [])
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  assert.match((await server.request('write', 'db/config/y', { data: { plugin_name: db.plugin, ...db.details, private_key: other } })).errors[0] ?? '', /user=keeper.*401: JWT token is invalid/)
  assert.ok(!(await server.ok('read', 'db/config/x')).text.includes('PRIVATE KEY'))
  assert.match((await server.request('write', 'db/rotate-root/x')).errors[0] ?? '', /no password in configuration/)
}))

test('a connection without an RSA key is refused', () => {
  const target = (private_key: string): unknown => snowflake.target({ connection_url: 'acme.snowflakecomputing.com/app', username: 'u', private_key })
  assert.doesNotThrow(() => target(pem))
  assert.throws(() => target(''), /private_key cannot be empty/)
  assert.throws(() => target('x'), /not a private key/)
  assert.throws(() => target(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()), /expected an RSA key/)
})
