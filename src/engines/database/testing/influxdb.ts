/** An InfluxDB server (1.x) for tests. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, freePort, makeFolder, removeFolder, startProgram, untilReady } from './place.ts'
import type { TestDatabase } from './test-database.ts'

/** Null: InfluxDB is not installed. */
export async function startInfluxdb(): Promise<TestDatabase | null> {
  const program = findProgram('influxd')
  if (program === null) return null
  const folder = makeFolder('influxdb', null)
  const [port, other] = [await freePort(), await freePort()]
  const config = join(folder, 'influxdb.conf')
  const parts = {
    meta: `dir = "${join(folder, 'meta')}"`,
    data: `dir = "${join(folder, 'data')}"\nwal-dir = "${join(folder, 'wal')}"\nquery-log-enabled = false`,
    http: `bind-address = "127.0.0.1:${port}"\nauth-enabled = true\nlog-enabled = false`,
    monitor: 'store-enabled = false',
  }
  writeFileSync(config, `reporting-disabled = true\nbind-address = "127.0.0.1:${other}"\n${Object.entries(parts).map(([name, text]) => `[${name}]\n${text}\n`).join('')}`)
  const daemon = startProgram(program, ['-config', config], { cwd: folder, env: { HOME: folder, PATH: process.env['PATH'] } })
  const keeper = { username: 'keeper', password: 'keeper-password' }
  const ask = async (q: string, { username, password } = keeper): Promise<{ status: number; text: string }> => {
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    const answer = await fetch(`http://127.0.0.1:${port}/query`, { method: 'POST', headers: { authorization }, body: new URLSearchParams({ q }) })
    return { status: answer.status, text: await answer.text() }
  }
  const run = async (q: string): Promise<string> => {
    const { status, text } = await ask(q)
    if (status !== 200 || (text.includes('"error"') && !text.includes('user not found'))) throw new Error(`${q}: ${text}`)
    return text
  }
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const stop = async (): Promise<void> => {
    await daemon.stop('SIGKILL')
    removeFolder(folder)
  }
  const setPassword = (username: string, password: string): Promise<string> => run(`SET PASSWORD FOR "${username}" = '${password}'`)
  try {
    // The first user must be an administrator, and needs no login.
    await untilReady(daemon, async () => (await ask(`CREATE USER keeper WITH PASSWORD '${keeper.password}' WITH ALL PRIVILEGES`)).status === 200)
    await run(`CREATE USER coffer_admin WITH PASSWORD '${admin.password}' WITH ALL PRIVILEGES`)
    await run('CREATE DATABASE app')
  } catch (error) {
    await stop()
    throw error
  }
  return {
    plugin: 'influxdb-database-plugin',
    details: { host: '127.0.0.1', port },
    admin, stop,
    resetAdmin: async () => void (await setPassword(admin.username, admin.password)),
    creation: [`CREATE USER "{{username}}" WITH PASSWORD '{{password}}'; GRANT READ ON "app" TO "{{username}}"`],
    refused: [`CREATE USER "{{username}}" WITH PASSWORD '{{password}}'`, 'GRANT NOTHING'],
    halfRotation: [`SET PASSWORD FOR "{{username}}" = '{{password}}'`, 'GRANT NOTHING'],
    canLogIn: async (username, password) => (await ask('SHOW DATABASES', { username, password })).status === 200,
    async users(prefix) {
      const { results } = JSON.parse(await run('SHOW USERS')) as { results: [{ series: [{ values?: [string, boolean][] }] }] }
      return (results[0].series[0].values ?? []).map(([name]) => name).filter((name) => name.startsWith(prefix))
    },
    makeUser: async (username, password) => void (await run(`CREATE USER "${username}" WITH PASSWORD '${password}'`)),
    dropUser: async (username) => void (await run(`DROP USER "${username}"`)),
  }
}
