/** The guides do what they say: every block is run, once with the root token and once with the policy that the guide asks for. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingProgram, runProgram } from '../compat/clients/shell.ts'
import { startInfluxdb } from '../src/engines/database/testing/influxdb.ts'
import { startMariadb } from '../src/engines/database/testing/mariadb.ts'
import { startPostgres } from '../src/engines/database/testing/postgresql.ts'
import { startRedis } from '../src/engines/database/testing/redis.ts'
import { startApiServer } from '../src/engines/kubernetes/testing/api-server.ts'
import { startSlapd } from '../src/engines/ldap/testing/slapd.ts'
import { startRabbitmq } from '../src/engines/rabbitmq/testing/rabbitmq.ts'
import { startKeyService } from '../src/engines/service-keys/testing/key-service.ts'
import { cleanEnvironment, cofferCommand, projectRoot, startDevServer, type TestServer } from '../compat/server.ts'
import { isAsExpected, outputsOf, parseGuide, scriptOf } from './guide-blocks.ts'

const folder = join(projectRoot, 'docs/guides')
const guides = readdirSync(folder).filter((name) => name !== 'README.md')
const skip = missingProgram(['bash', '--version']) || missingProgram(['curl', '--version']) || missingProgram(['openssl', 'version']) || missingProgram(['ssh', '-V'])

/** Servers that a guide has on this machine, at their usual ports: what to write in place of those, and how to end them. */
interface Surroundings {
  readonly places: readonly (readonly [written: string, real: string])[]
  readonly stop: () => Promise<void>
}

async function withDatabases(): Promise<Surroundings | null> {
  const [postgres, mariadb] = [await startPostgres(), await startMariadb()]
  const stop = async (): Promise<void> => void (await Promise.all([postgres?.stop(), mariadb?.stop()]))
  if (postgres === null || mariadb === null) return await stop().then(() => null)
  for (const text of [`CREATE ROLE root SUPERUSER LOGIN PASSWORD 'rootpassword'`, 'CREATE DATABASE myapp']) await postgres.sql(text)
  await mariadb.sql(`DROP USER IF EXISTS root@'127.0.0.1', root@'::1'`)
  await mariadb.sql(`CREATE USER root@'%' IDENTIFIED BY 'rootpassword'`)
  await mariadb.sql(`GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION`)
  // The name of this machine has a second address, at which nobody listens.
  return { stop, places: [['localhost:5432', `127.0.0.1:${postgres.port}`], ['-h localhost -p 5432', `-h 127.0.0.1 -p ${postgres.port}`], ['localhost:3306', `127.0.0.1:${mariadb.port}`], ['-P 3306', `-P ${mariadb.port}`]] }
}

async function withShop(): Promise<Surroundings> {
  const { url, admin, stop } = await startKeyService()
  return { stop, places: [['http://localhost:9000/api', url], ['shop-admin-token', admin]] }
}

async function withDirectory(): Promise<Surroundings | null> {
  const slapd = await startSlapd()
  if (slapd === null) return null
  for (const name of ['old-app', 'shared-1', 'shared-2']) slapd.makeAccount(name, 'as it was')
  return { stop: slapd.stop, places: [['ldap://localhost:389', slapd.url], ['directory-password', slapd.admin.bindpass]] }
}

async function withRabbitmq(): Promise<Surroundings | null> {
  const rabbit = await startRabbitmq()
  return rabbit === null ? null : { stop: rabbit.stop, places: [['http://localhost:15672', rabbit.uri], ['rabbit-password', rabbit.admin.password]] }
}

async function withCluster(): Promise<Surroundings> {
  const { url, jwt, stop } = await startApiServer()
  return { stop, places: [['http://localhost:6443', url], ['token-of-the-server', jwt]] }
}

async function withOtherDatabases(): Promise<Surroundings | null> {
  const [redis, influx] = [await startRedis(), await startInfluxdb()]
  const stop = async (): Promise<void> => void (await Promise.all([redis?.stop(), influx?.stop()]))
  if (redis === null || influx === null) return await stop().then(() => null)
  const [redisPort, influxPort] = [redis.details['port'], influx.details['port']].map(String)
  return { stop, places: [['host=localhost port=6379', `host=127.0.0.1 port=${redisPort}`], ['-p 6379', `-p ${redisPort}`], ['host=localhost port=8086', `host=127.0.0.1 port=${influxPort}`], ['localhost:8086', `127.0.0.1:${influxPort}`], ['database-password', redis.admin.password]] }
}

const surroundings: Readonly<Record<string, () => Promise<Surroundings | null>>> = {
  'database.md': withDatabases, 'database-rotation.md': withDatabases, 'other-databases.md': withOtherDatabases, 'service-keys.md': withShop, 'ldap.md': withDirectory, 'rabbitmq.md': withRabbitmq,
  'kubernetes.md': withCluster,
}

/** Runs a script in bash as a reader would: `coffer` is a command, and `login` has kept the token. */
async function runScript(server: TestServer, token: string, script: string): Promise<string> {
  const home = mkdtempSync(join(server.folder, 'reader-'))
  const bin = join(home, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'coffer'), `#!/bin/sh\nexec ${cofferCommand.map((word) => `'${word}'`).join(' ')} "$@"\n`)
  chmodSync(join(bin, 'coffer'), 0o755)
  const env = { ...cleanEnvironment(home), COFFER_ADDR: server.addr, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
  const text = `coffer login -no-print ${token}\n${script.replaceAll('http://127.0.0.1:8200', server.addr)}`
  const { stdout, stderr } = await runProgram(['bash', '-c', text], { env, cwd: home, timeout: 120_000 })
  assert.equal(stderr, '')
  rmSync(home, { recursive: true })
  return stdout
}

/** Null, or why it could not be run. */
async function checkGuide(name: string, tokenOf: (server: TestServer) => Promise<string>): Promise<string | null> {
  const blocks = parseGuide(readFileSync(join(folder, name), 'utf8'))
  assert.ok(blocks.filter(({ expected }) => expected !== null).length > 5, 'too few blocks: the guide is not read as it should be')
  const around = surroundings[name] === undefined ? { places: [], stop: async () => undefined } : await surroundings[name]()
  if (around === null) return 'the servers that it needs are not installed'
  const server = await startDevServer()
  try {
    const script = around.places.reduce((text, [written, real]) => text.replaceAll(written, real), scriptOf(blocks))
    const outputs = outputsOf(await runScript(server, await tokenOf(server), script))
    assert.equal(outputs.length, blocks.length)
    for (const [i, { line, commands, expected }] of blocks.entries()) {
      const output = outputs[i] ?? ''
      const shown: string = around.places.reduce((text, [written, real]) => text.replaceAll(real, written), output)
      if (expected !== null && !isAsExpected(expected, shown)) assert.equal(shown, expected, `docs/guides/${name}:${line}\n${commands}`)
    }
    return null
  } finally {
    await server.stop()
    await around.stop()
  }
}

/** A token with the policy that a guide ends with, and no other right. */
async function makeOperator(name: string, server: TestServer): Promise<string> {
  const policy = /^```hcl\n([^]*?)^```$/m.exec(readFileSync(join(folder, name), 'utf8'))?.[1]
  assert.ok(policy, `${name} names no policy`)
  const script = `coffer policy write operator - <<'END' > /dev/null\n${policy}END\ncoffer token create -policy=operator -field=token\n`
  return (await runScript(server, server.token, script)).trim()
}

const skipped = (t: { skip: (why: string) => void }, why: string | null): void => (why === null ? undefined : t.skip(why))

for (const name of guides) {
  test(`${name}: every step prints what the guide says`, { skip }, async (t) => skipped(t, await checkGuide(name, async ({ token }) => token)))
  test(`${name}: the policy that it names is enough`, { skip }, async (t) => skipped(t, await checkGuide(name, (server) => makeOperator(name, server))))
}

test('a block that prints something else is noticed, times and tokens are not', () => {
  const [block] = parseGuide('```sh\nx\n```\n\n```text\ntoken    hvs.8eGqbeKYejq3s7C51fUnEU8t\ntime  2026-11-21T04:34:29.781Z\nttl  768h\n```\n')
  const expected = block?.expected ?? ''
  assert.equal(isAsExpected(expected, 'token  hvs.AAAAAAAAAAAAAAAAAAAAAAAA\ntime    2027-01-01T00:00:00Z\nttl   767h59m58s\n'), true)
  assert.equal(isAsExpected(expected, 'token  hvs.AAAAAAAAAAAAAAAAAAAAAAAA\ntime    n/a\nttl   768h\n'), false)
})

test('blocks with words behind `sh` are shown and not run, and a text that answers no block is none', () => {
  const blocks = parseGuide('```sh once\nnpm link\n```\n\n```sh\na\n```\n\nwords\n\n```text\nb\n```\n')
  assert.deepEqual(blocks, [{ line: 5, commands: 'a\n', expected: null }])
})
