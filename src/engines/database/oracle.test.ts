/**
 * Oracle without an Oracle: its own package against listeners that refuse, hang and break off, and what is said on a connection against a stand-in that keeps
 * users and sessions. No server of Oracle can be had for a test.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { withServer } from '../../request/testing/checked-server.ts'
import { oracle, sessionOf, type OracleConnection } from './drivers/oracle.ts'
import { parseOracleUrl } from './drivers/oracle-url.ts'
import { makeAuthority } from './testing/authority.ts'
import { listening } from './testing/listening.ts'
import { freePort } from './testing/place.ts'

const refusal = (code: number, text = 'refused'): Error => Object.assign(new Error(`ORA-${String(code).padStart(5, '0')}: ${text}\nHelp: https://docs.oracle.com/error-help/db/`), { errorNum: code })

/** As much of a database as users need: names are kept in upper case unless they stand in quotes. */
class StandIn implements OracleConnection {
  callTimeout = 0
  isClosed = false
  readonly users = new Map<string, string>()
  readonly sessions = new Map<string, string>()
  readonly said: string[] = []
  /** How often a user that was put out counts as logged in all the same. */
  lingering = 0
  failure: Error | null = null

  async ping(): Promise<void> {
    if (this.failure !== null) throw this.failure
  }
  async close(): Promise<void> {
    this.isClosed = true
  }
  async execute(sql: string, binds: Readonly<Record<string, string>>): Promise<{ rows?: readonly (readonly unknown[])[] }> {
    this.said.push(sql)
    if (this.failure !== null) throw this.failure
    if (/;\s*$/.test(sql) && !sql.startsWith('BEGIN')) throw refusal(911, 'invalid character')
    const name = binds['name'] ?? ''
    if (sql.includes('FROM all_users')) return { rows: [...this.users.keys()].filter((user) => user === name || user === name.toUpperCase()).map((user) => [user]) }
    if (sql.includes('FROM gv$session')) return { rows: [...this.sessions].filter(([, user]) => user === name).map(([sid]) => [Number(sid), 77, 1]) }
    this.#change(sql)
    return {}
  }

  #change(sql: string): void {
    const [, verb = '', quoted, plain = '', rest = ''] = /^(CREATE|ALTER|DROP) USER (?:"([^"]+)"|(\w+))(.*)$/s.exec(sql) ?? []
    const user = quoted ?? plain.toUpperCase()
    const password = /IDENTIFIED BY "([^"]*)"/.exec(rest)?.[1]
    if (verb === '') return this.#other(sql)
    if (verb === 'CREATE' && this.users.has(user)) throw refusal(1920, 'user name conflicts with another user or role name')
    if (verb !== 'CREATE' && !this.users.has(user)) throw refusal(1918, `user '${user}' does not exist`)
    if (verb !== 'DROP') return void this.users.set(user, password ?? this.users.get(user) ?? '')
    if ([...this.sessions.values()].includes(user) || this.lingering-- > 0) throw refusal(1940, 'cannot drop a user that is currently connected')
    this.users.delete(user)
  }

  #other(sql: string): void {
    const [, sid] = /^ALTER SYSTEM KILL SESSION '(\d+),77,@1' IMMEDIATE$/.exec(sql) ?? []
    if (sid !== undefined && this.sessions.delete(sid)) throw refusal(31, 'session marked for kill')
    if (sid === undefined && !/^GRANT CREATE SESSION TO |^BEGIN .*; END;$/.test(sql)) throw refusal(900, 'invalid SQL statement')
  }
}

const usual = { splits: true, disconnects: true }
const user = (username: string, statements: readonly string[], rollbackStatements: readonly string[] = []) => ({ username, statements, rollbackStatements, credential: { type: 'password', password: 'Long-enough-1' } as const, expiresAt: 0 })
const creation = ['CREATE USER {{name}} IDENTIFIED BY "{{password}}"; GRANT CREATE SESSION TO {{name}};']

describe('a user', () => {
  test('is made by its statements one at a time, whichever case its name has, and dropped with its sessions', async () => {
    const db = new StandIn()
    const session = sessionOf(db, usual)
    await session.createUser(user('V_app_1', creation))
    assert.deepEqual([...db.users], [['V_APP_1', 'Long-enough-1']])
    db.sessions.set('12', 'V_APP_1').set('13', 'V_APP_1').set('14', 'OTHER')
    db.lingering = 2
    await session.dropUser('V_app_1', [])
    assert.deepEqual([[...db.users.keys()], [...db.sessions.values()]], [[], ['OTHER']])
    assert.ok(db.said.indexOf('ALTER USER "V_APP_1" ACCOUNT LOCK') < db.said.indexOf(`ALTER SYSTEM KILL SESSION '12,77,@1' IMMEDIATE`))
    await session.dropUser('V_app_1', [])
    await session.createUser(user('v-app-2', ['CREATE USER "{{name}}" IDENTIFIED BY "{{password}}"']))
    await session.dropUser('v-app-2', [])
    assert.equal(db.users.size, 0)
  })

  test('that is refused at once changes nothing, least of all one that was there before; midway it is dropped again', async () => {
    const db = new StandIn()
    const session = sessionOf(db, usual)
    db.users.set('THERE', 'as it was')
    await assert.rejects(session.createUser(user('THERE', creation)), { name: 'ApiError', code: 'bad_request', message: 'failed to execute query: ORA-01920: user name conflicts with another user or role name' })
    assert.deepEqual([...db.users], [['THERE', 'as it was']])
    await assert.rejects(session.createUser(user('NEW', [...creation, 'GRANT NOTHING'])), /ORA-00900/)
    await assert.rejects(session.createUser(user('NEWER', [...creation, 'GRANT NOTHING'], ['DROP USER {{name}}'])), /ORA-00900/)
    assert.deepEqual([...db.users.keys()], ['THERE'])
  })

  test('gets another password by the statements of the role, or by our own', async () => {
    const db = new StandIn()
    const session = sessionOf(db, usual)
    db.users.set('ADMIN', 'x')
    await session.setCredential('admin', { type: 'password', password: 'first-one' }, [])
    assert.equal(db.users.get('ADMIN'), 'first-one')
    await session.setCredential('admin', { type: 'password', password: 'second-one' }, ['ALTER USER {{username}} IDENTIFIED BY "{{password}}" ACCOUNT UNLOCK'])
    assert.equal(db.users.get('ADMIN'), 'second-one')
    await session.setExpiration('admin', 0, [])
    await assert.rejects(session.setCredential('nobody', { type: 'password', password: 'third-one' }, []), /ORA-01918/)
    await assert.rejects(session.setCredential('admin', { type: 'password', password: 'a"b' }, []), /may not hold a double quote/)
    await assert.rejects(session.setCredential('admin', { type: 'rsa_private_key', publicKey: 'x' }, []), /unsupported credential_type/)
  })

  test('may be made by a block, which stays whole where statements are not to be split; what quotes in a way of its own is refused', async () => {
    const db = new StandIn()
    const session = sessionOf(db, { splits: false, disconnects: false })
    await session.createUser(user('A', ['CREATE USER {{name}} IDENTIFIED BY "{{password}}"', `BEGIN audit_it('{{name}}'); END;`]))
    assert.deepEqual(db.said, ['CREATE USER A IDENTIFIED BY "Long-enough-1"', `BEGIN audit_it('A'); END;`])
    db.sessions.set('1', 'A')
    await assert.rejects(session.dropUser('A', []), /ORA-01940/)
    assert.equal(db.sessions.size, 1)
    await assert.rejects(session.createUser(user('B', [`BEGIN x(q'[{{name}}]'); END;`])), /q'…'/)
    await assert.rejects(session.createUser(user('B', [])), /empty creation statements/)
    await assert.rejects(session.createUser(user(`B" ACCOUNT LOCK`, ['CREATE USER {{name}} IDENTIFIED BY "{{password}}"'])), /put quotes around it/)
  })
})

test('a connection that breaks is closed, and says so without a password', async () => {
  const db = new StandIn()
  const session = sessionOf(db, usual)
  db.failure = refusal(3113, 'end-of-file on communication channel')
  await assert.rejects(session.createUser(user('A', creation)), { code: 'bad_gateway', message: 'the connection to the database was lost: ORA-03113: end-of-file on communication channel' })
  assert.deepEqual([session.isOpen(), db.isClosed], [false, true])
  await assert.rejects(session.check())
})

/** A packet of a listener that knows no such service, as the package reads it: a head of eight bytes, the kind 4, and why. */
function refusePacket(why: string): Buffer {
  const packet = Buffer.alloc(12 + why.length)
  packet.writeUInt16BE(packet.length, 0)
  packet[4] = 4
  packet.writeUInt16BE(why.length, 10)
  packet.write(why, 12, 'latin1')
  return packet
}

describe('the package', () => {
  const logIn = (port: number, more = {}, signal = AbortSignal.timeout(10_000)) => {
    const target = oracle.target({ connection_url: `{{username}}/{{password}}@127.0.0.1:${port}/APP`, username: 'admin', password: 'secret-password', connect_timeout: 5, ...more })
    return target.connect(target.login, signal)
  }

  test('says of a listener that is not there, that knows no such service, or breaks off, what it is', async () => {
    await assert.rejects(logIn(await freePort()), { name: 'ApiError', code: 'bad_gateway', message: /^failed to connect to `user=admin`: 127\.0\.0\.1:\d+\/APP: NJS-\d+: .*(?:ECONNREFUSED|could not be established)/ })
    await listening((socket) => void socket.once('data', () => socket.write(refusePacket('(DESCRIPTION=(ERR=12514)(VSNNUM=0))'))), async (port) => {
      await assert.rejects(logIn(port), { code: 'bad_gateway', message: /\/APP: NJS-518: .*Service "APP" is not registered/ })
    })
    await listening((socket) => void socket.once('data', () => socket.destroy()), async (port) => {
      await assert.rejects(logIn(port), { code: 'bad_gateway', message: /\/APP: NJS-\d+:/ })
    })
  })

  test('is not waited for when a listener hangs', () => listening(() => undefined, async (port) => {
    const begun = performance.now()
    await assert.rejects(logIn(port, {}, AbortSignal.timeout(200)), { code: 'bad_gateway' })
    assert.ok(performance.now() - begun < 3_000)
  }))

  test('serves a configuration through the whole server, whose password is in no error', async () => {
    const port = await freePort()
    await withServer(async (server) => {
      await server.ok('write', 'sys/mounts/db', { data: { type: 'database' } })
      const { status, errors } = await server.request('write', 'db/config/ora', { data: { plugin_name: 'oracle-database-plugin', connection_url: `{{username}}/{{password}}@127.0.0.1:${port}/APP`, username: 'admin', password: 'secret-password' } })
      assert.equal(status, 400)
      assert.match(errors[0] ?? '', /^error creating database object: error verifying connection: failed to connect to `user=admin`: 127\.0\.0\.1:\d+\/APP: NJS-/)
      for (const { engine } of server.core.registry.all) await engine.release?.()
    }, { secrets: ['secret-password'] })
  })
})

test('an address is one of a service; what would be read from files of the server is refused', async () => {
  const parsed = (connection_url: string, more = {}) => parseOracleUrl({ connection_url, username: 'u', password: 'p/@x', ...more })
  const login = { username: 'u', password: 'p/@x' }
  assert.deepEqual(parsed('{{username}}/{{password}}@db.example:1522/app.example'), { login, connectString: 'db.example:1522/app.example', wallet: '' })
  assert.deepEqual(parsed('oracle://{{username}}:{{password}}@//[::1]/APP:dedicated'), { login, connectString: '[::1]:1521/APP:dedicated', wallet: '' })
  assert.deepEqual(parsed('db/APP'), { login, connectString: 'db:1521/APP', wallet: '' })
  assert.equal(parsed('{{username}}/{{password}}@tcps://db/APP').connectString, 'tcps://db:2484/APP')
  for (const url of ['alias', '(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)))', 'db:1521/APP?wallet_location=/etc', 'config-file:///etc/x', 'db', '@/x', 'db:99999999/x']) assert.throws(() => parsed(url), { code: 'bad_request' }, url)
  const { ca, issue } = await makeAuthority()
  const { cert, key } = issue('localhost')
  assert.equal(parsed('tcps://db/APP', { tls_ca: ca, tls_certificate_key: `${cert}\n${key}` }).wallet, `${cert}\n${key}\n${ca}`)
  for (const more of [{ tls_ca: ca }, { tls_certificate_key: cert }, { tls_skip_verify: true }, { tls_server_name: 'x' }]) assert.throws(() => parsed('tcps://db/APP', more), { code: 'bad_request' })
  assert.throws(() => parsed('db/APP', { tls_ca: ca, tls_certificate_key: `${cert}\n${key}` }), /are for tcps/)
})
