/** A Redis server for tests. */
import { RespClient, type RespValue } from '../drivers/resp.ts'
import { tlsFiles, type TestAuthority } from './authority.ts'
import { findProgram, freePort, makeFolder, removeFolder, startProgram, untilReady } from './place.ts'
import type { TestDatabase } from './test-database.ts'

function secured(tls: TestAuthority, folder: string, port: number): string[] {
  const { ca, cert, key } = tlsFiles(tls, folder, null)
  return ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', ca, '--tls-cert-file', cert, '--tls-key-file', key]
}

/** Null: neither Redis nor Valkey is installed. */
export async function startRedis(tls: TestAuthority | null = null): Promise<TestDatabase | null> {
  const program = findProgram('redis-server') ?? findProgram('valkey-server')
  if (program === null) return null
  const folder = makeFolder('redis', null)
  const port = await freePort()
  const daemon = startProgram(program, ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, '--daemonize', 'no', ...(tls === null ? ['--port', String(port)] : secured(tls, folder, port))], { cwd: folder })
  // Nobody in the tests is called `keeper`; the user that everybody is by default is switched off.
  const keeper = { username: 'keeper', password: 'keeper-password' }
  const as = async <T>({ username, password }: typeof keeper, work: (client: RespClient) => Promise<T>): Promise<T> => {
    const client = await RespClient.open({ host: '127.0.0.1', port, tls: tls === null ? null : { ca: tls.ca } }, AbortSignal.timeout(5_000))
    try {
      if (username !== '') await client.command('AUTH', username, password)
      return await work(client)
    } finally {
      client.close()
    }
  }
  const run = (...args: readonly string[]): Promise<RespValue> => as(keeper, (client) => client.command(...args))
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const resetAdmin = async (): Promise<void> => void (await run('ACL', 'SETUSER', admin.username, 'resetpass', `>${admin.password}`))
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, () => as({ username: '', password: '' }, async (client) => (await client.command('PING')) === 'PONG'))
    await as({ username: '', password: '' }, async (client) => {
      await client.command('ACL', 'SETUSER', keeper.username, 'on', `>${keeper.password}`, '~*', '&*', '+@all')
      await client.command('ACL', 'SETUSER', admin.username, 'on', `>${admin.password}`, '~*', '&*', '+@all')
      await client.command('ACL', 'SETUSER', 'default', 'off')
    })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    plugin: 'redis-database-plugin',
    details: { host: '127.0.0.1', port },
    admin, resetAdmin, stop,
    creation: ['["~*", "+@read", "+ping"]'],
    refused: ['["+@nothing"]'],
    halfRotation: [],
    canLogIn: (username, password) => as({ username, password }, async () => true).catch((error: Error) => {
      if (/WRONGPASS/.test(error.message)) return false
      throw error
    }),
    users: async (prefix) => ((await run('ACL', 'USERS')) as readonly string[]).filter((name) => name.toLowerCase().startsWith(prefix.toLowerCase())),
    makeUser: async (username, password) => void (await run('ACL', 'SETUSER', username, 'on', `>${password}`, '~*', '+@read')),
    dropUser: async (username) => void (await run('ACL', 'DELUSER', username)),
  }
}
