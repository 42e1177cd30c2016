/** The first worker is forked before the configuration is read: whatever that says, no process is left that serves nobody. */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as nodeTest } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gone, inPlace, type Place } from '../testing/process.ts'
import { endAhead, forkAhead, takeAhead } from './fork.ts'
import { childrenOf } from './testing/crew.ts'

/** Processes are read from /proc. */
const test = (name: string, body: () => Promise<void>): void => void nodeTest(name, { skip: process.platform === 'linux' ? false : 'needs /proc of Linux' }, body)

/** All processes that were started with this word in their environment. */
function startedWith(mark: string): number[] {
  const has = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)
    } catch {
      return false
    }
  }
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && has(name)).map(Number)
}

const listener = 'listener "tcp" {\n address = "127.0.0.1:0"\n tls_disable = true\n}\n'

test('a mistake in the configuration, or in a flag, is said as ever, and no process is left', () => inPlace(async (place) => {
  place.file('c.hcl', 'storage "inmem" {}\nlog_level = "loud"')
  const environment = { COFFER_TEST_MARK: place.folder }
  const mistakes: [readonly string[], RegExp][] = [
    [['-config=c.hcl'], /^Error in the configuration: c\.hcl:2:1: log_level: expected [^\n]+\n$/],
    [['-config=nowhere.hcl'], /^Error in the configuration: [^\n]*nowhere\.hcl[^\n]*\n$/],
    [['-nonsense'], /nonsense/],
  ]
  for (const [args, said] of mistakes) {
    const { code, signal, err } = await place.start(args, { environment }).ended
    assert.deepEqual([code, signal], [1, null])
    assert.match(err, said)
  }
  await gone(startedWith(place.folder))
}))

test('a server that serves in one process has no other, whatever told it so', () => inPlace(async (place) => {
  place.file('one.hcl', `storage "lmdb" { path = "d" }\nworkers = 1\n${listener}`)
  place.file('memory.hcl', `storage "inmem" {}\n${listener}`)
  for (const args of [['-config=one.hcl'], ['-config=memory.hcl'], ['-dev', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token'], ['-dev-tls=true', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token']]) {
    const server = await place.started(args)
    const children = childrenOf(server.child.pid ?? 0)
    await gone(children)
    assert.deepEqual(childrenOf(server.child.pid ?? 0).filter((pid) => !children.includes(pid)), [])
    await server.stop()
  }
}))

test('the process that was forked ahead serves as the first worker, and there are no more than configured', () => inPlace(async (place) => {
  place.file('c.hcl', `storage "lmdb" { path = "d" }\nworkers = 2\n${listener}`)
  const server = place.start(['-config=c.hcl'])
  const seen = new Set<number>()
  while (!/a worker serves: worker=2/.test(server.out())) {
    for (const pid of childrenOf(server.child.pid ?? 0)) seen.add(pid)
    assert.ok(server.child.exitCode === null)
    await pause(5)
  }
  assert.equal(seen.size, 2)
  assert.equal(Number(/a worker serves: worker=1 pid=(\d+)/.exec(server.out())?.[1]), Math.min(...seen))
  assert.equal((await server.stop()).code, 0)
  await gone([...seen])
}))

test('SIGTERM and SIGKILL leave no process, at whatever moment of the start they come', () => inPlace(async (place) => {
  place.file('c.hcl', `storage "lmdb" { path = "d" }\nworkers = 2\n${listener}`)
  for (const ms of [10, 30, 50, 80, 120, 200]) {
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) await endedAfter(place, ms, signal)
  }
}))

async function endedAfter(place: Place, ms: number, signal: NodeJS.Signals): Promise<void> {
  const server = place.start(['-config=c.hcl'], { environment: { COFFER_TEST_MARK: place.folder } })
  await pause(ms)
  await server.stop(signal)
  await gone(startedWith(place.folder))
}

/** A folder with a file that waits on its channel. */
async function withFile(body: (file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-fork-'))
  try {
    const file = join(folder, 'waits.cjs')
    writeFileSync(file, "process.on('disconnect', () => process.exit()); process.on('message', (message) => process.send(message))")
    await body(file)
  } finally {
    endAhead()
    rmSync(folder, { recursive: true })
  }
}

const ended = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once('exit', resolve))

test('it is given out once, and not when it has ended; words that say that there is one process fork nothing', () => withFile(async (file) => {
  for (const words of [['-dev'], ['--dev-tls'], ['-config=c', '-help'], ['-workers=1']]) {
    forkAhead(file, words, 2)
    assert.equal(takeAhead(), null)
  }
  forkAhead(file, ['-config=c'], 1)
  assert.equal(takeAhead(), null)
  forkAhead(file, ['-config=c'], 2)
  const child = takeAhead() as ChildProcess
  assert.equal(takeAhead(), null)
  child.send('there')
  assert.equal(await new Promise((resolve) => child.once('message', resolve)), 'there')
  child.kill('SIGKILL')
  await ended(child)
  const before = childrenOf(process.pid)
  forkAhead(file, [], 2)
  const [pid = 0] = childrenOf(process.pid).filter((one) => !before.includes(one))
  process.kill(pid, 'SIGKILL')
  while (existsSync(`/proc/${pid}`)) await pause(5)
  assert.equal(takeAhead(), null)
}))
