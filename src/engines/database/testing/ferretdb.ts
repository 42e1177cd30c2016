/** A FerretDB for tests: MongoDB's wire protocol over SQLite, with users and SCRAM, but without roles. */
import { join } from 'node:path'
import { mkdirSync } from 'node:fs'
import { loadPeer } from '../driver.ts'
import { findProgram, freePort, makeFolder, removeFolder, startProgram, untilReady } from './place.ts'
import { serverFolder } from './slow-servers.ts'
import type { TestDatabase } from './test-database.ts'

interface Client {
  connect(): Promise<void>
  db(name: string): { command(command: object): Promise<Readonly<Record<string, unknown>>> }
  close(): Promise<void>
}
interface MongoDb {
  readonly default: { readonly MongoClient: new (url: string, options: object) => Client }
}

/** Null: it is not installed. */
export async function startFerretdb(): Promise<TestDatabase | null> {
  const program = findProgram('ferretdb', [serverFolder('bin')])
  if (program === null) return null
  const folder = makeFolder('ferretdb', null)
  const port = await freePort()
  for (const name of ['data', 'state']) mkdirSync(join(folder, name))
  const keeper = { username: 'keeper', password: 'keeper-password' }
  const flags = {
    handler: 'sqlite', 'sqlite-url': `file:${join(folder, 'data')}/`, 'state-dir': join(folder, 'state'), 'listen-addr': `127.0.0.1:${port}`, 'debug-addr': '-', telemetry: 'disable',
    'setup-database': 'admin', 'setup-username': keeper.username, 'setup-password': keeper.password, 'log-level': 'ERROR',
  }
  const daemon = startProgram(program, ['--test-enable-new-auth', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)], { cwd: folder })
  const { default: { MongoClient } } = await loadPeer<MongoDb>('mongodb')
  const as = async <T>(auth: { readonly username: string; readonly password: string }, work: (client: Client) => Promise<T>): Promise<T> => {
    const client = new MongoClient(`mongodb://127.0.0.1:${port}/`, { auth, authSource: 'admin', serverSelectionTimeoutMS: 5_000 })
    try {
      await client.connect()
      return await work(client)
    } finally {
      await client.close()
    }
  }
  const command = (body: object): Promise<Readonly<Record<string, unknown>>> => as(keeper, (client) => client.db('admin').command(body))
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, async () => (await command({ ping: 1 }))['ok'] === 1)
    await command({ createUser: admin.username, pwd: admin.password, roles: [] })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    plugin: 'mongodb-database-plugin',
    details: { connection_url: `mongodb://{{username}}:{{password}}@127.0.0.1:${port}/admin` },
    admin, stop,
    resetAdmin: async () => void (await command({ updateUser: admin.username, pwd: admin.password })),
    creation: ['{"db": "admin", "roles": []}'],
    refused: ['{"db": "admin", "roles": ["nothing"]}'],
    halfRotation: [],
    canLogIn: (username, password) => as({ username, password }, async (client) => (await client.db('admin').command({ ping: 1 }))['ok'] === 1).catch((error: { code?: number }) => {
      if (error.code === 18) return false
      throw error
    }),
    async users(prefix) {
      const { users } = await command({ usersInfo: 1 }) as { users: { user: string }[] }
      return users.map(({ user }) => user).filter((name) => name.startsWith(prefix))
    },
    makeUser: async (username, password) => void (await command({ createUser: username, pwd: password, roles: [] })),
    dropUser: async (username) => void (await command({ dropUser: username }).catch(() => undefined)),
  }
}
