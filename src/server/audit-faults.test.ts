/**
 * Audit devices of a real server that block, vanish or hang: with no device that records, nothing is answered and nothing is changed at any worker, health is
 * told all the same, the log names the device and the reason, and all goes on by itself when the cause is gone.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { checkFolder } from './testing/crash-rounds.ts'
import { withCrew, type Answer, type Connection, type RunningCrew } from './workers/testing/crew.ts'

interface Faulty {
  readonly options: Readonly<Record<string, string>>
  readonly breakIt: () => void | Promise<void>
  readonly mend: () => void | Promise<void>
  readonly close: () => void | Promise<void>
  /** What the log says of it. */
  readonly reason: RegExp
}

const workers = 2
/** In the lines of devices that record it as it is, to fill buffers soon. */
const ballast = 'x'.repeat(500_000)

/** A pipe whose reader goes on reading, stops, or goes. */
function pipe(path: string, isGone: boolean): Faulty {
  execFileSync('mkfifo', [path])
  const buffer = Buffer.alloc(1 << 20)
  let reader: number | null = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const drain = (): void => {
    try {
      while (reader !== null && readSync(reader, buffer) > 0);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
    }
  }
  const timer = { reading: setInterval(drain, 2) }
  return {
    options: { type: 'file', file_path: path, mode: '0000' },
    breakIt() {
      clearInterval(timer.reading)
      if (isGone && reader !== null) {
        closeSync(reader)
        reader = null
      }
    },
    mend() {
      reader ??= openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      timer.reading = setInterval(drain, 2)
    },
    close() {
      clearInterval(timer.reading)
      if (reader !== null) closeSync(reader)
    },
    reason: isGone ? /EPIPE|ENXIO/ : /EAGAIN|in time|within/,
  }
}

/** The other end of a socket that reads, hangs, or goes. */
async function peer(isGone: boolean): Promise<Faulty> {
  const sockets = new Set<Socket>()
  let isReading = true
  const accept = (socket: Socket): void => {
    sockets.add(socket.on('error', () => null).on('close', () => sockets.delete(socket)))
    if (isReading) socket.resume()
  }
  const listen = (port: number): Promise<Server> => new Promise((resolve) => {
    const made: Server = createServer(accept).listen(port, '127.0.0.1', () => resolve(made))
  })
  let server = await listen(0)
  const { port } = server.address() as { port: number }
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return {
    options: { type: 'socket', address: `127.0.0.1:${port}`, socket_type: 'tcp', write_timeout: '300ms' },
    async breakIt() {
      isReading = false
      if (isGone) return await close()
      for (const socket of sockets) socket.pause()
      // A connection that is made anew would take some megabytes again before it hangs.
      server.close()
    },
    async mend() {
      isReading = true
      server = await listen(port)
      for (const socket of sockets) socket.resume()
    },
    close,
    reason: isGone ? /ECONNREFUSED|closed|ECONNRESET|EPIPE/ : /not (?:taken|written) within 300 ms|ECONNREFUSED/,
  }
}

/** Something stands where the folder was. */
function folder(path: string): Faulty {
  mkdirSync(path)
  return {
    options: { type: 'file', file_path: join(path, 'audit.log') },
    breakIt() {
      renameSync(path, `${path}-aside`)
      writeFileSync(path, '')
    },
    mend() {
      rmSync(path)
      renameSync(`${path}-aside`, path)
    },
    close: () => undefined,
    reason: /ENOTDIR|EEXIST/,
  }
}

const faults: Readonly<Record<string, (crew: RunningCrew) => Faulty | Promise<Faulty>>> = {
  'a pipe that nobody reads any more': ({ place }) => pipe(join(place.folder, 'pipe'), false),
  'a pipe whose reader is gone': ({ place }) => pipe(join(place.folder, 'pipe'), true),
  'a socket whose other end hangs': () => peer(false),
  'a socket whose other end is gone': () => peer(true),
  'a file whose folder is gone': ({ place }) => folder(join(place.folder, 'logs')),
}

const secret = 'guarded value'
const isRefused = ({ status, text }: Answer): boolean => status === 500 && text.trim() === '{"errors":["internal error"]}'
const store = (one: Connection, name: string): Promise<Answer> => one.ask('POST', `secret/data/${name}`, { data: { ballast } })

/** Until every worker has noticed. */
async function untilAll(all: readonly Connection[], isSo: (answer: Answer) => boolean, what: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await pause(20)) {
    // Whatever is answered meanwhile was recorded by the device before it failed.
    const found = await Promise.all(all.map((one, i) => store(one, `filling-${i}`)))
    if (found.every(isSo)) return
    assert.ok(Date.now() < deadline, `never: ${what}: ${found.map(({ status }) => status).join()}`)
  }
}

for (const [name, make] of Object.entries(faults)) test(`${name} lets nothing out, is named in the log, and is used again when it works`, (t) => {
  if (process.platform !== 'linux') return t.skip('pipes and buffers as Linux has them')
  return withCrew(workers, async (crew) => {
    const all = await crew.connect(2 * workers)
    const [one] = all as [Connection]
    const faulty = await make(crew)
    try {
      await one.ok('POST', 'secret/data/guarded', { data: { value: secret } })
      await one.ok('PUT', 'sys/audit/it', { type: faulty.options['type'], options: { log_raw: 'true', ...faulty.options } })
      for (const each of all) await each.ok('GET', 'secret/data/guarded')
      await faulty.breakIt()
      await untilAll(all, isRefused, 'all are refused')
      for (const each of all) for (let i = 0; i < 3; i++) {
        const answers = [await each.ask('GET', 'secret/data/guarded'), await each.ask('POST', 'secret/data/guarded', { data: { value: 'changed' } })]
        for (const answer of answers) assert.ok(isRefused(answer), `${answer.status} ${answer.text}`)
        assert.equal((await each.ask('GET', 'sys/health')).status, 200)
      }
      const line = /audit: audit device fails: device=it\/ reason=(.*)/.exec(crew.server.out())
      assert.match(line?.[1] ?? '', faulty.reason)
      assert.ok(!crew.server.out().includes(secret))
      await faulty.mend()
      await untilAll(all, ({ status }) => status === 200, 'all are answered again')
      assert.match(crew.server.out(), /audit device works again: device=it\//)
      for (const each of all) assert.deepEqual((await each.ok('GET', 'secret/data/guarded')).data['data'], { value: secret })
      assert.equal((await crew.server.stop()).code, 0)
      await checkFolder(join(crew.place.folder, 'd'))
    } finally {
      await faulty.close()
    }
  })
})

test('an audit file that is deleted, also with its folder, is made anew without a refusal, and each piece proves itself', () => withCrew(workers, async (crew) => {
  const folderOf = join(crew.place.folder, 'logs')
  const file = join(folderOf, 'audit.log')
  const all = await crew.connect(2 * workers)
  const [one] = all as [Connection]
  await one.ok('PUT', 'sys/audit/it', { type: 'file', options: { file_path: file } })
  const isRecorded = (path: string): boolean => {
    try {
      return readFileSync(file, 'utf8').includes(path)
    } catch {
      return false
    }
  }
  for (const [round, lose] of [() => rmSync(file), () => rmSync(folderOf, { recursive: true })].entries()) {
    lose()
    // What is open still takes lines, until a worker looks for the file.
    for (const [i, each] of all.entries()) {
      const path = `secret/data/after-${round}-${i}`
      for (const deadline = Date.now() + 30_000; !isRecorded(path); await pause(20)) {
        await each.ok('POST', path, { data: { a: 1 } })
        assert.ok(Date.now() < deadline, 'the file is not made anew')
      }
    }
  }
  assert.match(crew.server.out(), /it is opened again: device=it\//)
  assert.equal((await crew.server.stop()).code, 0)
  const { code, out, err } = crew.place.shell('coffer audit verify logs/audit.log')
  assert.equal(code, 0, out + err)
}))
