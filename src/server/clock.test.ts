/**
 * A clock that is set by hours and by years while the server runs: nothing that was revoked comes back, nothing ends before its time by that clock or outlives it,
 * time-outs and the leader do not notice, and the log says what happened.
 */
import assert from 'node:assert/strict'
import { closeSync, openSync, writeSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { checkFolder } from './testing/crash-rounds.ts'
import { buildShim } from './testing/disk.ts'
import { inPlace } from './testing/process.ts'
import { withCrew, type Connection, type RunningCrew } from './workers/testing/crew.ts'

const hour = 3_600
const year = 8_766 * hour
const workers = 2

interface Clocked {
  readonly crew: RunningCrew
  readonly all: readonly [Connection, ...Connection[]]
  /** Seconds beside the real time. */
  readonly set: (seconds: number) => Promise<void>
}

/** Runs with a server whose clock can be set, or says why it cannot. */
async function withClock(t: { skip: (why: string) => void }, body: (clocked: Clocked) => Promise<void>): Promise<void> {
  await inPlace(async (own) => {
    const shim = buildShim(own.folder, 'clock')
    if (shim === null) return t.skip('setting the clock of a process needs Linux and a C compiler (cc)')
    const file = own.file('clock', '\0'.repeat(8))
    let before = 0
    await withCrew(workers, async (crew) => {
      const set = async (seconds: number): Promise<void> => {
        const lines = (): number => crew.server.out().split('the clock of this machine was set').length
        const [seen, moved] = [lines(), seconds - before]
        before = seconds
        setClock(file, seconds)
        if (Math.abs(moved) < 2) return
        await until(() => lines() > seen, 'a line of the log')
        assert.match(crew.server.out(), new RegExp(`by_seconds=${moved}$`, 'm'))
      }
      const [first, ...others] = await crew.connect(2 * workers)
      await body({ crew, all: [first as Connection, ...others], set })
      assert.equal((await crew.server.stop()).code, 0)
      await checkFolder(join(crew.place.folder, 'd'))
    }, () => ({ environment: { LD_PRELOAD: shim, SHIM_CLOCK: file } }))
  })
}

/** By a clock that nobody sets. */
async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = performance.now() + 60_000; !(await isSo()); await pause(20)) assert.ok(performance.now() < deadline, `never: ${what}`)
}

function setClock(file: string, seconds: number): void {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(seconds))
  const fd = openSync(file, 'r+')
  writeSync(fd, bytes, 0, bytes.length, 0)
  closeSync(fd)
}

interface Token {
  readonly token: string
  readonly accessor: string
}

async function makeToken(by: Connection, ttl: string, more: object = {}): Promise<Token> {
  const { body } = await by.ok('POST', 'auth/token/create', { policies: ['root'], ttl, ...more })
  const { client_token: token, accessor } = body['auth'] as Readonly<Record<string, string>>
  return { token: String(token), accessor: String(accessor) }
}

/** What each of the connections says of a token: its seconds, or the status of the refusal. Fails when they differ by more than the time that asking takes. */
async function lifeOf(all: readonly Connection[], { token }: Token): Promise<number> {
  const found = await Promise.all(all.map(async (one) => {
    const { status, data } = await one.ask('GET', 'auth/token/lookup-self', undefined, token)
    return status === 200 ? Number(data['ttl']) : -status
  }))
  assert.ok(Math.max(...found) - Math.min(...found) <= 5, `workers disagree: ${found.join()}`)
  return Math.min(...found)
}

/** So many seconds, but for those that the test has taken. */
const assertNear = (found: number, seconds: number): void => assert.ok(found <= seconds && found > seconds - 120, `${found} s, not ${seconds} s`)

/** The sweeper has removed it. */
async function swept([one]: Clocked['all'], { accessor }: Token): Promise<void> {
  await until(async () => !((await one.ok('GET', 'auth/token/accessors?list=true')).data['keys'] as readonly string[]).includes(accessor), 'it is swept')
}

/** The id of the lease of a certificate that is made by a token. */
async function makeLease([one]: Clocked['all'], token: string, ttl: string): Promise<string> {
  return String((await one.ok('POST', 'pki/issue/leased', { common_name: 'a.example.com', ttl }, token)).body['lease_id'])
}

/** Whether the sweeper has left it. */
const isThere = async ([one]: Clocked['all'], lease: string): Promise<boolean> => (await one.ask('PUT', 'sys/leases/lookup', { lease_id: lease })).status === 200

async function makePki([one]: Clocked['all']): Promise<void> {
  await one.ok('POST', 'sys/mounts/pki', { type: 'pki', config: { max_lease_ttl: '30h' } })
  await one.ok('POST', 'pki/root/generate/internal', { common_name: 'Test CA', ttl: '30h', key_type: 'ec' })
  await one.ok('POST', 'pki/roles/leased', { allowed_domains: 'example.com', allow_subdomains: true, generate_lease: true, key_type: 'ec', max_ttl: '20h' })
}

test('when the clock is set by hours, what was revoked stays so, what lives ends by that clock, and the sweeper goes on', (t) => withClock(t, async (clocked) => {
  const { all, set } = clocked
  const [one] = all
  await makePki(all)
  const [long, short, gone] = [await makeToken(one, '24h'), await makeToken(one, '10m'), await makeToken(one, '24h')]
  const [longLease, shortLease] = [await makeLease(all, long.token, '20h'), await makeLease(all, long.token, '10m')]
  await one.ok('POST', 'auth/token/revoke', { token: gone.token })
  await set(3 * hour)
  assertNear(await lifeOf(all, long), 21 * hour)
  assert.deepEqual([await lifeOf(all, short), await lifeOf(all, gone)], [-403, -403])
  await swept(all, short)
  await until(async () => !(await isThere(all, shortLease)), 'the lease is over')
  const later = await makeToken(one, '1h')
  await set(0)
  assertNear(await lifeOf(all, long), 24 * hour)
  assertNear(await lifeOf(all, later), 4 * hour)
  assert.deepEqual([await lifeOf(all, short), await lifeOf(all, gone)], [-403, -403])
  assert.deepEqual([await isThere(all, shortLease), await isThere(all, longLease)], [false, true])
  await set(-5 * hour)
  assertNear(await lifeOf(all, long), 29 * hour)
  assert.equal(await lifeOf(all, gone), -403)
  // Nothing is waited for that lies hours ahead: what is made now ends now.
  const brief = await makeToken(one, '1s')
  await swept(all, brief)
  assert.equal(await lifeOf(all, brief), -403)
  await set(4 * hour + 1)
  assert.equal(await lifeOf(all, later), -403)
  await swept(all, later)
}))

test('a worker that leads and is killed while the clock is wrong is followed at once, and time-outs do not notice the clock', (t) => withClock(t, async (clocked) => {
  const { all, set, crew } = clocked
  const socket = connect(crew.port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk: Buffer) => (answer += String(chunk)))
  socket.write('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n')
  await set(9 * hour)
  await set(-9 * hour)
  socket.write('Connection: close\r\n\r\n')
  await new Promise((resolve) => socket.once('close', resolve))
  assert.match(answer, /^HTTP\/1\.1 200 /)
  // One of them led; whichever it was, the sweeper works.
  for (const [round, pid] of crew.workers().entries()) {
    process.kill(pid, 'SIGKILL')
    await crew.served(workers + round + 1)
    const [fresh] = (await crew.connect(workers)) as [Connection]
    const brief = await makeToken(fresh, '1s')
    await swept([fresh], brief)
  }
  assert.ok(all.length > 0)
}))

test('a clock that is wrong by ten years, or leaps by a second, ends what is over by it and nothing else, and certificates say the time', (t) => withClock(t, async (clocked) => {
  const { all, set, crew } = clocked
  const [one] = all
  await makePki(all)
  const [long, gone] = [await makeToken(one, '24h'), await makeToken(one, '24h')]
  await one.ok('POST', 'auth/token/revoke', { token: gone.token })
  await set(1)
  await pause(1_200)
  assertNear(await lifeOf(all, long), 24 * hour)
  await set(-10 * year)
  assertNear(await lifeOf(all, long), 24 * hour + 10 * year)
  assert.equal(await lifeOf(all, gone), -403)
  await one.ok('POST', 'secret/data/a', { data: { when: 'long ago' } })
  const early = await makeLease(all, crew.rootToken, '1h')
  await set(0)
  assertNear(await lifeOf(all, long), 24 * hour)
  await until(async () => !(await isThere(all, early)), 'the lease is over')
  await set(10 * year)
  assert.deepEqual([await lifeOf(all, long), await lifeOf(all, gone)], [-403, -403])
  await swept(all, long)
  // The authority has expired by this clock.
  const { status, text } = await one.ask('POST', 'pki/issue/leased', { common_name: 'a.example.com', ttl: '1h' })
  assert.ok(status >= 400 && status < 500, `${status} ${text}`)
  await set(0)
  assert.deepEqual([await lifeOf(all, long), await lifeOf(all, gone)], [-403, -403])
  assert.deepEqual((await one.ok('GET', 'secret/data/a')).data['data'], { when: 'long ago' })
  await makeLease(all, crew.rootToken, '1h')
}))
