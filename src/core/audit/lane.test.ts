/** What a lane does when its device misbehaves, and that the log stays provable. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { auditSigner } from './chain.ts'
import type { AuditDevice } from './devices/device.ts'
import type { AuditEntry } from './entry.ts'
import { fileDevice } from './devices/file.ts'
import { nodeFileSystem, type FileSystem, type OpenFile } from './devices/file-system.ts'
import { Lane } from './lane.ts'
import { Redactor } from './redact.ts'
import { anywhere, entryOf, entryPaths, inFolder, newKeys, readLines, testHost } from './testing.ts'
import { verifyAudit, type AuditReport } from './verify.ts'

const keys = newKeys()
const prove = (path: string): Promise<AuditReport> => verifyAudit(createReadStream(path), { publicKeys: [keys.publicKey] })

let chains = 0
const laneOf = (device: AuditDevice, deadlineMs = 300): Lane =>
  new Lane({
    path: 'one/',
    config: { deadlineMs, prefix: '' },
    device,
    redactor: new Redactor(Buffer.from('salt'), { hmacAccessor: true, logRaw: false, elideListResponses: false }, new Map()),
    signer: auditSigner(keys.privateKey),
    host: testHost(),
    chainId: () => `w.${++chains}`,
    checkpoints: { lines: 20, ms: 60_000 },
  })

/** The real file system, with `change` applied to every file that is opened. */
const faulty = (change: (file: OpenFile) => Partial<OpenFile>): FileSystem => ({
  ...nodeFileSystem,
  open: async (path, mode) => {
    const file = await nodeFileSystem.open(path, mode)
    return { ...file, ...change(file) }
  },
})

const withLane = (files: FileSystem, work: (lane: Lane, path: string) => Promise<void>, fsync = false): Promise<void> =>
  inFolder(async (folder) => {
    const path = join(folder, 'audit.log')
    const lane = laneOf(fileDevice({ target: { kind: 'file', path, mode: 0o600, fsync }, limits: anywhere, now: () => 0, files }))
    try {
      await work(lane, path)
    } finally {
      await lane.close()
    }
  })

test('a disk that fills up in the middle of a batch: what was written is confirmed, the rest refused, and the log stays proven', async () => {
  let cases = 0
  for (let cut = 100, isWhole = false; !isWhole; cut += 83, cases++) {
    const budget = { left: cut }
    const files = faulty((file) => ({
      write: async (bytes) => {
        if (budget.left === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
        const taken = await file.write(bytes.subarray(0, budget.left))
        budget.left -= taken
        return taken
      },
    }))
    await withLane(files, async (lane, path) => {
      const results = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => lane.write(entryOf(`a/${i}`))))
      const confirmed = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [`a/${i}`] : []))
      isWhole = confirmed.length === 10
      budget.left = 1_000_000
      await lane.write(entryOf('after'))
      await lane.close()
      const report = await prove(path)
      assert.deepEqual(report.findings, [], `cut at ${cut}\n${readFileSync(path, 'utf8')}`)
      // A line that lacked nothing but its line feed is there although it was refused.
      const found = entryPaths(readLines(path).filter((line) => line.endsWith('}')))
      const extra = found.filter((name) => !confirmed.includes(name))
      assert.deepEqual(found.filter((name) => confirmed.includes(name)), confirmed)
      assert.ok(extra.at(-1) === 'after' && extra.length <= 2)
    })
  }
  assert.ok(cases > 20)
})

test('an error after the lines reached the file: they are refused, written again, and the log stays proven', async () => {
  let failures = 3
  const files = faulty(() => ({ sync: async () => { if (failures-- > 0) throw new Error('EIO: i/o error, fdatasync') } }))
  await withLane(files, async (lane, path) => {
    await assert.rejects(lane.write(entryOf('one')), /EIO/)
    await lane.write(entryOf('two'))
    await lane.close()
    assert.deepEqual((await prove(path)).findings, [])
    assert.equal(entryPaths(readLines(path)).at(-1), 'two')
  }, true)
})

test('a write that hangs is refused at the deadline, later ones at once, and all is well when it returns', async () => {
  let release = (): void => {}
  let isHanging = false
  const files = faulty((file) => ({
    write: async (bytes) => {
      if (isHanging) await new Promise<void>((resolve) => void (release = resolve))
      return await file.write(bytes)
    },
  }))
  await withLane(files, async (lane, path) => {
    await lane.write(entryOf('one'))
    isHanging = true
    const started = performance.now()
    await assert.rejects(lane.write(entryOf('two')), /not written within 300 ms/)
    assert.ok(performance.now() - started < 1000)
    const later = performance.now()
    await assert.rejects(lane.write(entryOf('three')), /has not answered/)
    assert.ok(performance.now() - later < 50)
    assert.equal(lane.status().state, 'hanging')
    isHanging = false
    release()
    await pause(50)
    await lane.write(entryOf('four'))
    assert.equal(lane.status().state, 'ok')
    await lane.close()
    assert.deepEqual(entryPaths(readLines(path)), ['one', 'two', 'four'])
    assert.deepEqual((await prove(path)).findings, [])
  })
})

test('closing does not wait for a device that hangs', async () => {
  const device: AuditDevice = {
    open: async () => ({ ends: [], torn: null }),
    staleness: () => null,
    size: () => null,
    write: () => new Promise(() => {}),
    close: async () => {},
  }
  const lane = laneOf(device, 200)
  const refused = assert.rejects(lane.write(entryOf('one')))
  await lane.close()
  await refused
})

test('a device that answers wrongly, or throws at once, is a device that fails', async () => {
  const broken: AuditDevice = {
    open: () => { throw new Error('thrown') },
    staleness: () => null,
    size: () => null,
    write: () => Promise.reject(new Error('no')),
    close: async () => {},
  }
  const lane = laneOf(broken)
  await assert.rejects(lane.write(entryOf('one')), /thrown/)
  await lane.close()
})

test('several processes append to one file: nothing is lost, nothing mixed, everything proven', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'audit.log')
    const module = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
    const script = (name: string): string => `
      import { AuditBroker } from ${module('./broker.js')}
      import { anywhere, deviceRecord, entryOf, testHost } from ${module('./testing.js')}
      import { createPrivateKey } from 'node:crypto'
      const broker = new AuditBroker({ host: testHost(), limits: anywhere, checkpoints: { lines: 50, ms: 60_000 } })
      const signingKey = createPrivateKey(process.env.KEY)
      await broker.configure({ devices: [deviceRecord({ file_path: ${JSON.stringify(path)} })], headers: new Map(), signingKey })
      for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 25 }, (_, j) => broker.write(entryOf('${name}/' + (i * 25 + j)))))
      await broker.close()
    `
    const env = { ...process.env, KEY: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
    const run = promisify(execFile)
    await Promise.all(['a', 'b', 'c'].map((name) => run(process.execPath, ['--input-type=module', '-e', script(name)], { env })))
    const paths = entryPaths(readLines(path))
    for (const name of ['a', 'b', 'c']) assert.deepEqual(paths.filter((p) => p.startsWith(name)), Array.from({ length: 1000 }, (_, i) => `${name}/${i}`))
    const report = await prove(path)
    assert.deepEqual([report.findings, report.unproven, report.chains], [[], [], 3])
  })
})

/** So much that the line comes in pieces. */
const longEntry = (path: string): AuditEntry => ({ ...entryOf(path), type: 'response', response: { data: { keys: Array.from({ length: 4000 }, (_, i) => `${path}-${i}`) } } })

test('very long lines and short ones at the same time: each is whole, none is missing, and the log stays proven', () =>
  withLane(nodeFileSystem, async (lane, path) => {
    const paths = Array.from({ length: 60 }, (_, i) => `${i % 6 === 0 ? 'long' : 'short'}-${i}`)
    await Promise.all(paths.map((name) => lane.write(name.startsWith('long') ? longEntry(name) : entryOf(name))))
    await lane.write(entryOf('last'))
    await lane.close()
    assert.deepEqual(entryPaths(readLines(path)).toSorted(), [...paths, 'last'].toSorted())
    assert.equal(entryPaths(readLines(path)).at(-1), 'last')
    assert.deepEqual((await prove(path)).findings, [])
  }))

test('a very long line that the disk takes in part is refused, and so is nothing after it', async () => {
  let isBroken = true
  const files = faulty((file) => ({ writeAll: (pieces) => (isBroken ? file.write(Buffer.concat(pieces).subarray(0, 100_000)) : file.writeAll(pieces)) }))
  await withLane(files, async (lane, path) => {
    await lane.write(entryOf('first'))
    await assert.rejects(lane.write(longEntry('cut')))
    isBroken = false
    await lane.write(longEntry('whole'))
    await lane.write(entryOf('last'))
    await lane.close()
    const report = await prove(path)
    assert.deepEqual(report.findings, [])
    const lines = readFileSync(path, 'utf8').split('\n').flatMap((line) => (/"path":"(?:cut|whole|first|last)"/.exec(line) === null ? [] : [line]))
    assert.deepEqual(lines.map((line) => /"path":"(\w+)"/.exec(line)?.[1]), ['first', 'cut', 'cut', 'whole', 'last'])
  })
})

test('what the requests that were just told go on to write is in one batch with what came meanwhile', async () => {
  const batches: number[] = []
  let written = (): void => {}
  const files = faulty((file) => ({
    write: async (bytes) => {
      batches.push(entryPaths(Buffer.from(bytes).toString().split('\n')).length)
      await new Promise<void>((resolve) => (written = resolve))
      return await file.write(bytes)
    },
  }))
  await withLane(files, async (lane) => {
    const twoLines = async (name: string): Promise<void> => {
      await lane.write(entryOf(`${name}/request`))
      // What a request does between its two entries, without waiting for anything.
      for (let steps = 0; steps < 20; steps++) await Promise.resolve()
      await lane.write(entryOf(`${name}/answer`))
    }
    const nextBatch = async (count: number): Promise<void> => {
      while (batches.length < count) await nextTurn()
    }
    const first = [twoLines('a'), twoLines('b')]
    await nextBatch(1)
    const second = [twoLines('c'), twoLines('d')]
    for (let count = 2; count <= 3; count++) {
      written()
      await nextBatch(count)
    }
    written()
    await Promise.all([...first, ...second])
    assert.deepEqual(batches, [2, 4, 2])
    const closing = lane.close()
    await nextBatch(4)
    written()
    await closing
  })
})
