/** File descriptors that run out: connections that are there are served, others are told to come back, the log says why, and all is well when some close. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { treeOf } from './testing/process.ts'
import { withCrew, type RunningCrew } from './workers/testing/crew.ts'

const question = 'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n'

interface Held {
  readonly socket: Socket
  answers: string
  isClosed: boolean
}

/** Opens a connection, and asks on it. */
function open(port: number): Held {
  const held: Held = { socket: connect(port, '127.0.0.1'), answers: '', isClosed: false }
  held.socket.on('error', () => null).on('close', () => (held.isClosed = true)).on('data', (chunk: Buffer) => (held.answers += String(chunk)))
  held.socket.write(question)
  return held
}

const isSettled = ({ answers, isClosed }: Held): boolean => isClosed || answers !== ''

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; !isSo(); await pause(10)) assert.ok(Date.now() < deadline, `never: ${what}`)
}

const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length
const ofAll = ({ server }: RunningCrew): number => treeOf(server.child.pid ?? 0).reduce((sum, pid) => sum + descriptors(pid), 0)

/** Each connection is served, on each worker, and something can be stored. */
async function worksAgain(crew: RunningCrew): Promise<void> {
  for (const one of await crew.connect(4)) await one.ok('POST', 'secret/data/a', { data: { a: 1 } })
}

for (const workers of [1, 2]) test(`with ${workers} workers and few file descriptors, who is connected is served, and who comes then gets a 503`, async (t) => {
  if (process.platform !== 'linux') return t.skip('looks into /proc')
  await withCrew(workers, async (crew) => {
    const before = ofAll(crew)
    const held: Held[] = []
    for (let i = 0; i < 340 * workers; i++) {
      held.push(open(crew.port))
      await until(() => isSettled(held.at(-1) as Held), 'an answer, or the end')
    }
    const served = held.filter(({ answers }) => answers.startsWith('HTTP/1.1 200'))
    // Three quarters of 400, but for what the helper of the test had open.
    assert.ok(served.length >= 280 * workers && served.length <= 300 * workers, `${served.length} were served`)
    const refused = held.filter((one) => !served.includes(one))
    assert.ok(refused.some(({ answers }) => /^HTTP\/1\.1 503 .*\r\nRetry-After: 1\r\n.*too many connections/s.test(answers)), refused[0]?.answers)
    await until(() => refused.every(({ isClosed }) => isClosed), 'who is refused is let go')
    for (const one of served) {
      one.answers = ''
      one.socket.write(question)
    }
    await until(() => served.every(({ answers }) => answers.startsWith('HTTP/1.1 200')), 'who is connected is served on')
    assert.match(crew.server.out(), /connections are refused: 300 are open/)
    for (const { socket } of held) socket.destroy()
    await until(() => (crew.server.out().match(/connections are taken again; \d+ were refused/g) ?? []).length === workers, 'the log says that it is over')
    await until(() => ofAll(crew) <= before, 'all descriptors are free')
    await worksAgain(crew)
    assert.equal((await crew.server.stop()).code, 0)
  }, () => ({ after: 'ulimit -n 400' }))
})

test('connections that no worker can be handed are given up, and the next ones are served', async (t) => {
  if (spawnSync('prlimit', ['--version']).status !== 0) return t.skip('prlimit (util-linux) is not installed')
  await withCrew(2, async (crew) => {
    const before = ofAll(crew)
    // Less than the worker believes to have, as if something else had taken them.
    for (const pid of crew.workers()) execFileSync('prlimit', ['--pid', `${pid}`, '--nofile=50:50'])
    const held = Array.from({ length: 120 }, () => open(crew.port))
    await crew.server.printed(/a worker was handed connections that it did not get: too few file descriptors/)
    for (const { socket } of held) socket.destroy()
    await until(() => ofAll(crew) <= before, 'all descriptors are free')
    await worksAgain(crew)
    assert.equal((await crew.server.stop()).code, 0)
  })
})
