/** Several workers behind one supervisor: whatever one of them learns holds for all, and whichever process dies, nothing that was promised is lost. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test as nodeTest } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { checkFolder } from '../testing/crash-rounds.ts'
import { childrenOf, isAlive, withConfiguredCrew, withCrew, type Answer, type Connection, type RunningCrew } from './testing/crew.ts'

/** Which processes are whose children is read from /proc. */
const test = (name: string, body: () => Promise<void>): void => void nodeTest(name, { skip: process.platform === 'linux' ? false : 'needs /proc of Linux' }, body)

const count = 3
const eachOf = <T>(of: readonly Connection[], work: (connection: Connection, n: number) => Promise<T>): Promise<T[]> => Promise.all(of.map(work))
const statuses = (answers: readonly Answer[]): Record<string, number> => {
  const found: Record<string, number> = {}
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1
  return found
}
const clientToken = ({ body }: Answer): string => String((body['auth'] as Readonly<Record<string, unknown>>)['client_token'])

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; !isSo(); await pause(10)) if (Date.now() > deadline) throw new Error(`never: ${what}`)
}

test('what one worker acknowledged holds at all others: tokens that are revoked, policies, limits, levels and figures', () => withCrew(count, async (crew) => {
  const all = await crew.connect(2 * count)
  const [first, second] = all as [Connection, Connection, ...Connection[]]
  await revocations(all, first, second)
  await policies(all, first, second)
  await limitedUses(all, first)
  await checkAndSet(all)
  await rates(all, first)
  await levels(crew, all)
  await figures(all)
  assert.equal((await crew.server.stop()).code, 0)
  await checkFolder(join(crew.place.folder, 'd'))
}))

/** Each worker has just used the token, and is asked again the instant that another one has acknowledged its end. */
async function revocations(all: readonly Connection[], first: Connection, second: Connection): Promise<void> {
  for (let round = 0; round < 60; round++) {
    const token = clientToken(await first.ok('POST', 'auth/token/create', { policies: ['root'], ttl: '1h' }))
    assert.deepEqual(statuses(await eachOf(all, (one) => one.ask('GET', 'auth/token/lookup-self', undefined, token))), { 200: all.length })
    await (round % 2 === 0 ? first : second).ok('POST', 'auth/token/revoke', { token })
    assert.deepEqual(statuses(await eachOf(all, (one) => one.ask('GET', 'auth/token/lookup-self', undefined, token))), { 403: all.length }, `round ${round}`)
  }
}

async function policies(all: readonly Connection[], first: Connection, second: Connection): Promise<void> {
  await first.ok('POST', 'secret/data/guarded', { data: { a: 1 } })
  const token = clientToken(await first.ok('POST', 'auth/token/create', { policies: ['changing'], ttl: '1h' }))
  for (let round = 0; round < 60; round++) {
    const isAllowed = round % 2 === 0
    const policy = `path "secret/data/${isAllowed ? 'guarded' : 'other'}" { capabilities = ["read"] }`
    await (round % 3 === 0 ? first : second).ok('POST', 'sys/policies/acl/changing', { policy })
    const found = statuses(await eachOf(all, (one) => one.ask('GET', 'secret/data/guarded', undefined, token)))
    assert.deepEqual(found, { [isAllowed ? 200 : 403]: all.length }, `round ${round}`)
  }
}

const tries = 1_000
const many = <T>(all: readonly Connection[], work: (one: Connection, n: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: tries }, (_, n) => work(all[n % all.length] as Connection, n)))

async function limitedUses(all: readonly Connection[], first: Connection): Promise<void> {
  const token = clientToken(await first.ok('POST', 'auth/token/create', { policies: ['root'], ttl: '1h', num_uses: 7 }))
  assert.deepEqual(statuses(await many(all, (one) => one.ask('GET', 'secret/data/guarded', undefined, token))), { 200: 7, 403: tries - 7 })
}

async function checkAndSet(all: readonly Connection[]): Promise<void> {
  assert.deepEqual(statuses(await many(all, (one, n) => one.ask('POST', 'secret/data/once', { options: { cas: 0 }, data: { n } }))), { 200: 1, 400: tries - 1 })
}

async function rates(all: readonly Connection[], first: Connection): Promise<void> {
  await first.ok('POST', 'sys/quotas/rate-limit/few', { path: 'secret/data/limited', rate: 5, interval: '1h' })
  assert.deepEqual(statuses(await many(all.slice(0, 3), (one) => one.ask('GET', 'secret/data/limited'))), { 404: 5, 429: tries - 5 })
  await first.ok('DELETE', 'sys/quotas/rate-limit/few')
}

/** The level that is set at one worker holds for the lines of another one, and who watches at one sees them. */
async function levels(crew: RunningCrew, all: readonly Connection[]): Promise<void> {
  const levelAt = async (one: Connection): Promise<unknown> => (await one.ok('GET', 'sys/loggers/core')).data['core']
  await all[0]?.ok('POST', 'sys/loggers/core', { level: 'warn' })
  for (const one of all) while ((await levelAt(one)) !== 'warn') await pause(5)
  const watching = new AbortController()
  const seen = await watch(crew, watching.signal)
  while (!seen().includes('operation on the keys')) {
    for (const one of all) await one.ask('DELETE', 'sys/rekey/init')
    await pause(20)
  }
  watching.abort()
  const shown = crew.server.out().match(/operation on the keys/g) ?? []
  assert.deepEqual(shown, [], 'the level is off everywhere')
  await all[1]?.ok('DELETE', 'sys/loggers/core')
  for (const one of all) while ((await levelAt(one)) !== 'info') await pause(5)
}

async function watch(crew: RunningCrew, signal: AbortSignal): Promise<() => string> {
  const answer = await fetch(`http://127.0.0.1:${crew.port}/v1/sys/monitor?log_level=info`, { headers: { 'x-vault-token': crew.rootToken }, signal })
  let text = ''
  void (async () => {
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString()
  })().catch(() => undefined)
  return () => text
}

async function figures(all: readonly Connection[]): Promise<void> {
  const countAt = async (one: Connection): Promise<number> =>
    Number(/duration_seconds_count\{mount_type="secret",operation="list",status="4xx"\} (\d+)/.exec((await one.ok('GET', 'sys/metrics?format=prometheus')).text)?.[1] ?? 0)
  for (const one of all) await one.ask('GET', 'secret/metadata/nowhere?list=true')
  assert.deepEqual(await eachOf(all, countAt), all.map(() => all.length))
  assert.match((await all[0]?.ok('GET', 'sys/metrics?format=prometheus'))?.text ?? '', new RegExp(`^coffer_workers ${count}$`, 'm'))
}

test('a worker that is killed is replaced: no other connection notices, what was acknowledged is there, and the audit file proves itself', () => withCrew(count, async (crew) => {
  const audit = join(crew.place.folder, 'audit.log')
  const all = await crew.connect(3 * count)
  await all[0]?.ok('POST', 'sys/audit/file', { type: 'file', options: { file_path: audit } })
  const acknowledged = new Map<string, string>()
  const broken = new Set<number>()
  let isOver = false
  const writing = eachOf(all, async (one, n) => {
    for (let i = 0; !isOver; i++) {
      try {
        await one.ok('POST', `secret/data/own-${n}`, { data: { value: `${i}` } })
        acknowledged.set(`own-${n}`, `${i}`)
      } catch {
        return void broken.add(n)
      }
    }
  })
  await pause(300)
  const [victim] = crew.workers() as [number]
  process.kill(victim, 'SIGKILL')
  await crew.server.printed(/a worker ended and is replaced: worker=\d how=SIGKILL/)
  await crew.served(count + 1)
  await pause(200)
  isOver = true
  await writing
  const hit = [...broken].map((n) => n % count)
  assert.deepEqual([broken.size, new Set(hit).size], [3, 1], 'the connections of one worker, all of them, and no other')
  const [fresh] = (await crew.connect(count)) as [Connection]
  for (const [key, value] of acknowledged) {
    const found = Number(((await fresh.ok('GET', `secret/data/${key}`)).data['data'] as { value: string }).value)
    assert.ok(found === Number(value) || (broken.has(Number(key.slice(4))) && found === Number(value) + 1), key)
  }
  assert.equal(crew.workers().length, count)
  assert.equal((await crew.server.stop()).code, 0)
  const verified = crew.place.shell('coffer audit verify audit.log')
  assert.equal(verified.code, 0, verified.out + verified.err)
  await checkFolder(join(crew.place.folder, 'd'))
}))

test('a supervisor that is killed leaves nothing: its workers go, and the next server starts at the same port at once', () => withCrew(count, async (crew) => {
  let { server } = crew
  for (let round = 0; round < 3; round++) {
    const [one] = (await crew.connect(count)) as [Connection]
    await one.ok('POST', 'secret/data/kept', { data: { round } })
    const workers = childrenOf(server.child.pid ?? 0)
    process.kill(server.child.pid ?? 0, 'SIGKILL')
    // Not even the end of the process is waited for.
    server = await startedAgain(crew)
    await until(() => workers.every((pid) => !isAlive(pid)), 'the workers of the server before are gone')
    const [next] = (await crew.connect(1)) as [Connection]
    assert.deepEqual((await next.ok('GET', 'secret/data/kept')).data['data'], { round })
  }
}))

async function startedAgain(crew: RunningCrew): Promise<RunningCrew['server']> {
  for (const deadline = Date.now() + 10_000; ; await pause(5)) {
    const server = crew.place.start(crew.args)
    try {
      await server.printed(/server started!/)
      return server
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}

test('when all workers are killed at once, the server unseals itself again, and connections wait for it', () => withCrew(count, async (crew) => {
  for (const pid of crew.workers()) process.kill(pid, 'SIGKILL')
  const [one] = (await crew.connect(1)) as [Connection]
  assert.equal((await one.ok('GET', 'auth/token/lookup-self')).status, 200)
  await crew.served(2 * count)
  assert.equal((await crew.server.stop()).code, 0)
}))

test('workers that only ever end are given up with a line that says so', () => withCrew(2, async (crew) => {
  for (let round = 1; round <= 10; round++) {
    const [victim] = crew.workers() as [number]
    process.kill(victim, 'SIGABRT')
    if (round < 10) await crew.served(2 + round)
  }
  const { code, err } = await crew.server.ended
  assert.equal(code, 1)
  assert.match(err, /^The server has stopped: workers end as soon as they are started \(SIGABRT\): giving up\n$/m)
}))

test('Ctrl-C, which signals every process of the server, waits for requests that are under way, and leaves nothing', () => withCrew(2, async (crew) => {
  const workers = crew.workers()
  const socket = connect(crew.port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += String(chunk)))
  await new Promise((resolve) => socket.write('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n', resolve))
  // Until a worker has it: a connection on which nothing came may be cut.
  for (const one of await crew.connect(2)) await one.ask('GET', 'sys/health')
  await pause(100)
  for (const pid of [...workers, crew.server.child.pid ?? 0]) process.kill(pid, 'SIGINT')
  await crew.server.printed(/stopping on SIGINT/)
  await pause(300)
  assert.equal(crew.server.child.exitCode, null)
  socket.write('\r\n')
  assert.equal((await crew.server.ended).code, 0)
  assert.match(answer, /^HTTP\/1\.1 200 /)
  assert.deepEqual(workers.map(isAlive), [false, false])
}))

const shares = 3
const threshold = 2

test('sealing at one worker is sealing at all, and shares that come over different connections unseal all of them', () => withConfiguredCrew(count, 'pid_file = "server.pid"', async (crew) => {
  const all = await crew.connect(2 * count)
  const [first, second, third] = all as [Connection, Connection, Connection, ...Connection[]]
  const { body } = await first.ok('PUT', 'sys/init', { secret_shares: shares, secret_threshold: threshold })
  const keys = body['keys'] as readonly string[]
  for (const one of all) one.token = String(body['root_token'])
  const unseal = async (): Promise<void> => {
    assert.equal((await second.ok('PUT', 'sys/unseal', { key: keys[0] })).body['sealed'], true)
    assert.deepEqual((await eachOf(all, (one) => one.ok('GET', 'sys/seal-status'))).map((answer) => answer.body['progress']), all.map(() => 1))
    assert.equal((await third.ok('PUT', 'sys/unseal', { key: keys[1] })).body['sealed'], false)
    assert.deepEqual(statuses(await eachOf(all, (one) => one.ask('GET', 'auth/token/lookup-self'))), { 200: all.length })
  }
  await unseal()
  for (let round = 0; round < 5; round++) {
    let isOver = false
    const reading = eachOf(all.slice(count), async (one) => {
      while (!isOver) assert.ok([200, 503].includes((await one.ask('GET', 'auth/token/lookup-self')).status))
    })
    await (all[round % count] as Connection).ok('PUT', 'sys/seal')
    isOver = true
    assert.deepEqual(statuses(await eachOf(all.slice(0, count), (one) => one.ask('GET', 'auth/token/lookup-self'))), { 503: count }, `round ${round}`)
    await reading
    await unseal()
  }
  await replacedWhileSealed(crew, first)
  for (const [i, one] of (await crew.connect(threshold)).entries()) await one.ok('PUT', 'sys/unseal', { key: keys[i] }, '')
  await rekeyed(crew, keys, first.token)
  const pidFile = join(crew.place.folder, 'server.pid')
  assert.equal(readFileSync(pidFile, 'utf8'), `${crew.server.child.pid}\n`)
  assert.equal((await crew.server.stop()).code, 0)
  assert.ok(!existsSync(pidFile))
}))

/** A worker that comes while the server is sealed is sealed; nobody gives it a key. */
async function replacedWhileSealed(crew: RunningCrew, first: Connection): Promise<void> {
  await first.ok('PUT', 'sys/seal')
  process.kill(crew.workers().at(-1) as number, 'SIGKILL')
  await crew.served(count + 1)
  const fresh = await crew.connect(count)
  assert.deepEqual(statuses(await eachOf(fresh, (one) => one.ask('GET', 'sys/health', undefined, ''))), { 503: count })
}

/** Old shares that come over different connections; the new one counts at all workers, also at one that starts afterwards. */
async function rekeyed(crew: RunningCrew, keys: readonly string[], token: string): Promise<void> {
  const [one, two, three] = (await crew.connect(count)) as [Connection, Connection, Connection]
  const { nonce } = (await one.ok('PUT', 'sys/rekey/init', { secret_shares: 1, secret_threshold: 1 }, token)).body
  await two.ok('PUT', 'sys/rekey/update', { key: keys[0], nonce }, token)
  const { body } = await three.ok('PUT', 'sys/rekey/update', { key: keys[1], nonce }, token)
  const [key] = body['keys'] as [string]
  process.kill(crew.workers()[0] as number, 'SIGKILL')
  await crew.served(count + 2)
  const fresh = await crew.connect(count)
  const areServing = async (): Promise<void> => assert.deepEqual(statuses(await eachOf(fresh, (it) => it.ask('GET', 'auth/token/lookup-self', undefined, token))), { 200: count })
  await areServing()
  await fresh[0]?.ok('PUT', 'sys/seal', undefined, token)
  assert.equal((await fresh[1]?.ok('PUT', 'sys/unseal', { key }))?.body['sealed'], false)
  await areServing()
}
