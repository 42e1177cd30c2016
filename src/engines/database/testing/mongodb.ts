/**
 * As much of MongoDB's protocol as its driver and the management of users need: OP_MSG, the greeting as OP_QUERY, SCRAM-SHA-256, and commands for users with roles.
 * https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { loadPeer } from '../driver.ts'
import type { TestDatabase } from './test-database.ts'

interface Bson {
  readonly serialize: (document: object) => Uint8Array
  readonly deserialize: (bytes: Uint8Array, options: object) => Command
  readonly Binary: new (bytes: Uint8Array) => object
}
type Command = Readonly<Record<string, unknown>>
interface User {
  readonly password: string
  readonly roles: readonly unknown[]
}
type Users = Map<string, User>

export interface MongoDatabase extends TestDatabase {
  readonly rolesOf: (username: string) => readonly unknown[] | undefined
}

const operations = { reply: 1, query: 2004, message: 2013 }
const failed = (code: number, codeName: string, errmsg: string): Command => ({ ok: 0, code, codeName, errmsg })
const greeting: Command = { ok: 1, helloOk: true, ismaster: true, isWritablePrimary: true, maxBsonObjectSize: 16_777_216, maxMessageSizeBytes: 48_000_000, maxWriteBatchSize: 100_000, minWireVersion: 0, maxWireVersion: 21, saslSupportedMechs: ['SCRAM-SHA-256'] }
const knownRoles: ReadonlySet<string> = new Set(['read', 'readWrite', 'root'])

/** One login (RFC 5802, RFC 7677): its first message, then its proof. Null: refused. */
class Scram {
  readonly #users: Users
  #first = ''
  #ours = ''
  #user = ''
  readonly #salt = randomBytes(28)
  isDone = false

  constructor(users: Users) {
    this.#users = users
  }

  begin(payload: string): string {
    const [, bare = '', name = '', nonce = ''] = /^n,,(n=([^,]*),r=(.*))$/.exec(payload) ?? []
    this.#user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    this.#first = bare
    this.#ours = `r=${nonce}${randomBytes(18).toString('base64')},s=${this.#salt.toString('base64')},i=4096`
    return this.#ours
  }

  finish(payload: string): string | null {
    const [, without = '', proof = ''] = /^(.*),p=(.*)$/.exec(payload) ?? []
    const said = `${this.#first},${this.#ours},${without}`
    const hmac = (key: Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()
    const salted = pbkdf2Sync(this.#users.get(this.#user)?.password ?? randomBytes(16), this.#salt, 4096, 32, 'sha256')
    const stored = createHash('sha256').update(hmac(salted, 'Client Key')).digest()
    const mask = hmac(stored, said)
    const given = Buffer.from(proof, 'base64').map((byte, at) => byte ^ (mask[at] ?? 0))
    this.isDone = given.length === 32 && timingSafeEqual(createHash('sha256').update(given).digest(), stored)
    return this.isDone ? `v=${hmac(hmac(salted, 'Server Key'), said).toString('base64')}` : null
  }
}

function answerUser(command: Command, users: Users): Command {
  const name = String(command['createUser'] ?? command['updateUser'] ?? command['dropUser'])
  const user = users.get(name)
  if (command['createUser'] === undefined && user === undefined) return failed(11, 'UserNotFound', `Could not find user "${name}" for db "admin"`)
  if (command['createUser'] !== undefined && user !== undefined) return failed(51_003, 'Location51003', `User "${name}@admin" already exists`)
  if (command['dropUser'] !== undefined) return users.delete(name) ? { ok: 1 } : failed(11, 'UserNotFound', name)
  const roles = (command['roles'] ?? user?.roles ?? []) as readonly unknown[]
  const unknown = roles.map((role) => (typeof role === 'string' ? role : (role as { role: string }).role)).find((role) => !knownRoles.has(role))
  if (unknown !== undefined) return failed(31, 'RoleNotFound', `Could not find role: ${unknown}@admin`)
  users.set(name, { password: String(command['pwd'] ?? user?.password), roles })
  return { ok: 1 }
}

/** What a connection answers, one command after the other. */
function session(users: Users, { Binary }: Bson): (command: Command) => Command {
  const scram = new Scram(users)
  const payloadOf = (command: Command): string => Buffer.from((command['payload'] as { buffer: Uint8Array }).buffer).toString('utf8')
  return (command) => {
    if (command['hello'] !== undefined || command['ismaster'] !== undefined || command['isMaster'] !== undefined) return greeting
    if (command['saslStart'] !== undefined) return { ok: 1, conversationId: 1, done: false, payload: new Binary(Buffer.from(scram.begin(payloadOf(command)))) }
    if (command['saslContinue'] !== undefined) {
      const proof = scram.isDone ? '' : scram.finish(payloadOf(command))
      return proof === null ? failed(18, 'AuthenticationFailed', 'Authentication failed.') : { ok: 1, conversationId: 1, done: true, payload: new Binary(Buffer.from(proof)) }
    }
    if (command['endSessions'] !== undefined) return { ok: 1 }
    if (!scram.isDone) return failed(13, 'Unauthorized', 'command requires authentication')
    if (command['ping'] !== undefined) return { ok: 1 }
    return ['createUser', 'updateUser', 'dropUser'].some((name) => command[name] !== undefined) ? answerUser(command, users) : failed(59, 'CommandNotFound', 'no such command')
  }
}

function serve(socket: Socket, users: Users, bson: Bson): void {
  const answer = session(users, bson)
  let buffer = Buffer.alloc(0)
  const write = (to: number, operation: number, head: Buffer, document: Command): void => {
    const body = Buffer.concat([head, bson.serialize(document)])
    const start = Buffer.alloc(16)
    for (const [at, value] of [body.length + 16, 1, to, operation].entries()) start.writeInt32LE(value, at * 4)
    socket.write(Buffer.concat([start, body]))
  }
  const read = (bytes: Uint8Array): Command => bson.deserialize(bytes, { promoteBuffers: false, promoteValues: true })
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk])
    for (; buffer.length >= 16 && buffer.length >= buffer.readInt32LE(0); buffer = buffer.subarray(buffer.readInt32LE(0))) {
      const [id, operation, whole] = [buffer.readInt32LE(4), buffer.readInt32LE(12), buffer.subarray(0, buffer.readInt32LE(0))]
      // Flags and one section of the kind 0; flags, a name, two numbers; flags, a cursor, two numbers.
      if (operation === operations.message) write(id, operations.message, Buffer.alloc(5), answer(read(whole.subarray(21))))
      else if (operation === operations.query) write(id, operations.reply, Buffer.from([8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]), answer(read(whole.subarray(whole.indexOf(0, 20) + 9))))
      else socket.destroy()
    }
  })
}

export async function startMongodb(): Promise<MongoDatabase> {
  const bson = await loadPeer<Bson>('bson')
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const users: Users = new Map([[admin.username, { password: admin.password, roles: ['root'] }]])
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    serve(socket, users, bson)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    plugin: 'mongodb-database-plugin',
    details: { connection_url: `mongodb://{{username}}:{{password}}@127.0.0.1:${port}/admin`, write_concern: '{"w": "majority"}' },
    admin,
    creation: ['{"db": "admin", "roles": [{"role": "read", "db": "app"}, {"role": "readWrite"}, "read"]}'],
    refused: ['{"db": "admin", "roles": ["nothing"]}'],
    halfRotation: [],
    rolesOf: (username) => users.get(username)?.roles,
    canLogIn: (username, password) => Promise.resolve(users.get(username)?.password === password),
    users: (prefix) => Promise.resolve([...users.keys()].filter((name) => name.startsWith(prefix))),
    makeUser: (username, password) => Promise.resolve(void users.set(username, { password, roles: [] })),
    dropUser: (username) => Promise.resolve(void users.delete(username)),
    resetAdmin: () => Promise.resolve(void users.set(admin.username, { password: admin.password, roles: ['root'] })),
    stop: () => new Promise((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    }),
  }
}
