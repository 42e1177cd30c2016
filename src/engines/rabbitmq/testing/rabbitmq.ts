/** A RabbitMQ server with its management plugin for tests, with a port mapper of its own, so that no process is left. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, freePort, makeFolder, removeFolder, startProgram, untilReady } from '../../database/testing/place.ts'

export interface RabbitServer {
  /** Where the management plugin listens. */
  readonly uri: string
  /** May do everything. */
  readonly admin: { readonly username: string; readonly password: string }
  /** Asks the management plugin as somebody; the status, and the body as JSON (null: none). */
  readonly ask: (user: { readonly username: string; readonly password: string }, method: string, path: string, body?: object) => Promise<{ readonly status: number; readonly body: unknown }>
  readonly users: () => Promise<readonly string[]>
  readonly stop: () => Promise<void>
}

const startSeconds = 120

/** Null: RabbitMQ is not installed. */
export async function startRabbitmq(): Promise<RabbitServer | null> {
  const program = findProgram('rabbitmq-server', ['/usr/lib/rabbitmq/bin'])
  const mapper = findProgram('epmd')
  if (program === null || mapper === null) return null
  const folder = makeFolder('rabbitmq', null)
  const [mapperPort = 0, amqpPort = 0, httpPort = 0, distributionPort = 0] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  writeFileSync(join(folder, 'plugins'), '[rabbitmq_management].')
  writeFileSync(join(folder, 'rabbitmq.conf'), [
    `listeners.tcp.1 = 127.0.0.1:${amqpPort}`, 'management.tcp.ip = 127.0.0.1', `management.tcp.port = ${httpPort}`,
    'default_user = keeper', 'default_pass = keeper-password', 'loopback_users = none', '',
  ].join('\n'))
  const erlang = { ERL_EPMD_PORT: String(mapperPort), ERL_EPMD_ADDRESS: '127.0.0.1' }
  const epmd = startProgram(mapper, ['-port', String(mapperPort)], { cwd: folder, env: { ...process.env, ...erlang } })
  const daemon = startProgram(program, [], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'], HOME: folder, ...erlang, RABBITMQ_NODENAME: `coffer${httpPort}@localhost`, RABBITMQ_DIST_PORT: String(distributionPort), RABBITMQ_MNESIA_BASE: folder,
      RABBITMQ_LOG_BASE: folder, RABBITMQ_LOGS: '-', RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'), RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'), RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
    },
  })
  const uri = `http://127.0.0.1:${httpPort}`
  const ask: RabbitServer['ask'] = async ({ username, password }, method, path, body) => {
    const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`, 'content-type': 'application/json' }
    const answer = await fetch(`${uri}/api/${path}`, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
  }
  const keeper = { username: 'keeper', password: 'keeper-password' }
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGTERM')
    await epmd.stop()
    removeFolder(folder)
  }
  try {
    await untilReady(daemon, async () => (await ask(keeper, 'GET', 'users')).status === 200, startSeconds)
    await ask(keeper, 'PUT', `users/${admin.username}`, { password: admin.password, tags: 'administrator' })
  } catch (error) {
    await daemon.stop('SIGKILL')
    await stop()
    throw error
  }
  return {
    uri, admin, ask, stop,
    users: async () => ((await ask(keeper, 'GET', 'users')).body as readonly { readonly name: string }[]).map(({ name }) => name).filter((name) => name !== keeper.username && name !== admin.username).sort(),
  }
}
