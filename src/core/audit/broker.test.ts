/** Nothing passes unrecorded, and no device holds up another. */
import assert from 'node:assert/strict'
import { createReadStream, mkdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ApiError } from '../../kit/errors.ts'
import { AuditBroker, type AuditConfiguration } from './broker.ts'
import type { AuditDeviceRecord, AuditLimits } from './config.ts'
import { anywhere, deviceRecord, entryOf, entryPaths, inFolder, newKeys, readLines, testHost, type TestHost } from './testing.ts'
import { verifyAudit } from './verify.ts'

const keys = newKeys()
const configuration = (...devices: AuditDeviceRecord[]): AuditConfiguration => ({ devices, headers: new Map(), signingKey: keys.privateKey })

interface Bench {
  readonly broker: AuditBroker
  readonly host: TestHost
  readonly path: string
  readonly folder: string
}

/** A broker with a file device at `path` (unless other devices are given), closed at the end. */
const withBroker = (work: (bench: Bench) => Promise<void>, devices?: (path: string) => readonly AuditDeviceRecord[], limits: AuditLimits = anywhere): Promise<void> =>
  inFolder(async (folder) => {
    const path = join(folder, 'audit.log')
    const host = testHost()
    const broker = new AuditBroker({ host, limits })
    await broker.configure(configuration(...(devices?.(path) ?? [deviceRecord({ file_path: path })])))
    try {
      await work({ broker, host, path, folder })
    } finally {
      await broker.close()
    }
  })

const isRefusal = (error: unknown): boolean => error instanceof ApiError && error.code === 'internal' && /audit device/.test(error.message)
const isProven = async (path: string): Promise<void> => {
  const report = await verifyAudit(createReadStream(path), { publicKeys: [keys.publicKey] })
  assert.deepEqual(report.findings, [])
}

test('without devices every entry passes at once', async () => {
  await withBroker(async ({ broker }) => {
    await broker.write(entryOf('a'))
    assert.equal(broker.isHealthy, true)
    assert.deepEqual(broker.status(), [])
  }, () => [])
})

test('an entry is in the file when write resolves', async () => {
  await withBroker(async ({ broker, path }) => {
    for (let i = 0; i < 5; i++) {
      await broker.write(entryOf(`secret/${i}`))
      assert.deepEqual(entryPaths(readLines(path)).length, i + 1)
    }
  })
})

test('entries of one turn are one write, in their order', async () => {
  await withBroker(async ({ broker, path }) => {
    const paths = Array.from({ length: 3000 }, (_, i) => `secret/${i}`)
    await Promise.all(paths.map((p) => broker.write(entryOf(p))))
    assert.deepEqual(entryPaths(readLines(path)), paths)
    assert.equal(broker.status()[0]?.written, 3000)
    await isProven(path)
  })
})

test('a full disk refuses every entry, and says which device and why in the detail only', async () => {
  await withBroker(async ({ broker, host }) => {
    for (let i = 0; i < 3; i++) {
      await assert.rejects(broker.write(entryOf('a')), (error) => isRefusal(error) && error instanceof ApiError && /one\/ \(ENOSPC/.test(error.detail ?? '') && !/ENOSPC/.test(error.message))
    }
    assert.equal(broker.isHealthy, false)
    const [status] = broker.status()
    assert.deepEqual([status?.state, status?.failed, status?.written], ['failing', 3, 0])
    assert.match(status?.lastError ?? '', /ENOSPC/)
    assert.equal(host.logged.filter((line) => line.includes('audit device fails')).length, 1)
  }, () => [deviceRecord({ file_path: '/dev/full' })])
})

test('a folder that is gone refuses entries, and the device works again by itself when it is back', async () => {
  await withBroker(async ({ broker, host, folder, path }) => {
    await broker.write(entryOf('before'))
    renameSync(path, `${path}.1`)
    const parent = join(folder, 'sub')
    await broker.configure(configuration(deviceRecord({ file_path: join(parent, 'audit.log') })))
    await broker.write(entryOf('one'))
    rmSync(parent, { recursive: true })
    writeFileSync(parent, '')
    host.advance(5000)
    await assert.rejects(broker.write(entryOf('lost')), isRefusal)
    rmSync(parent)
    await broker.write(entryOf('two'))
    assert.deepEqual(entryPaths(readLines(join(parent, 'audit.log'))), ['two'])
    assert.equal(broker.isHealthy, true)
    assert.ok(host.logged.some((line) => line.includes('works again')))
  })
})

test('an entry that cannot be rendered is refused', async () => {
  await withBroker(async ({ broker }) => {
    const data = { get broken(): string { throw new Error('no') } }
    await assert.rejects(broker.write(entryOf('a', { request: { id: 'r', operation: 'update', path: 'a', data } })), isRefusal)
  })
})

/** A TCP server that accepts and reads nothing. It is gone when the test is over. */
async function silentServer(t: TestContext): Promise<{ readonly address: string; readonly close: () => Promise<void> }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.pause().on('error', () => {})))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => void server.close(resolve))
  }
  t.after(close)
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

const big = { x: 'y'.repeat(1_000_000) }
const bigEntry = (path: string) => entryOf(path, { request: { id: 'r', operation: 'update', path, data: big } })

test('a socket that hangs does not hold up the file beside it', async (t) => {
  const server = await silentServer(t)
  const socket = deviceRecord({ address: server.address, write_timeout: '500ms', log_raw: 'true' }, { path: 'sock/', type: 'socket' })
  await withBroker(async ({ broker, path }) => {
    const times: number[] = []
    for (let i = 0; i < 30; i++) {
      const started = performance.now()
      await broker.write(bigEntry(`big/${i}`))
      times.push(performance.now() - started)
    }
    // Each would wait for as long as the deadline, once it hangs.
    assert.ok((times.toSorted((a, b) => a - b)[15] ?? 0) < 400, times.join())
    const isSeen = (): boolean => (broker.status()[1]?.failed ?? 0) > 0
    for (const end = Date.now() + 60_000; !isSeen() && Date.now() < end; ) await pause(50)
    const [file, hanging] = broker.status()
    assert.equal(file?.state, 'ok')
    assert.ok(hanging !== undefined && hanging.state !== 'ok' && hanging.failed > 0)
    assert.equal(broker.isHealthy, true)
    assert.equal(entryPaths(readLines(path)).length, 30)
  }, (path) => [deviceRecord({ file_path: path }), socket])
})

test('a dead socket beside a live file costs nothing', async (t) => {
  const server = await silentServer(t)
  await server.close()
  const socket = deviceRecord({ address: server.address }, { path: 'sock/', type: 'socket' })
  await withBroker(async ({ broker, path }) => {
    const started = performance.now()
    for (let i = 0; i < 50; i++) await broker.write(entryOf(`a/${i}`))
    // A deadline each would be 50 s.
    assert.ok(performance.now() - started < 10_000)
    assert.equal(entryPaths(readLines(path)).length, 50)
  }, (path) => [socket, deviceRecord({ file_path: path })])
})

test('a device that fails at once does not refuse what a slower one takes', async () => {
  await withBroker(async ({ broker, path }) => {
    for (let i = 0; i < 5; i++) await broker.write(entryOf(`a/${i}`))
    assert.equal(entryPaths(readLines(path)).length, 5)
    assert.deepEqual(broker.status().map(({ state }) => state), ['failing', 'ok'])
  }, (path) => [deviceRecord({ file_path: path, prefix: 'x' }), deviceRecord({ file_path: path, fsync: 'true' }, { path: 'two/' })], { ...anywhere, prefix: false })
})

test('a device that hangs alone refuses within its deadline, and at once while it hangs', async (t) => {
  const server = await silentServer(t)
  const socket = deviceRecord({ address: server.address, write_timeout: '300ms', log_raw: 'true' }, { path: 'sock/', type: 'socket' })
  await withBroker(async ({ broker }) => {
    const results = await Promise.allSettled(Array.from({ length: 12 }, (_, i) => broker.write(bigEntry(`b/${i}`))))
    assert.ok(results.some(({ status }) => status === 'rejected'))
    const started = performance.now()
    await assert.rejects(async () => {
      for (let i = 0; i < 40; i++) await broker.write(bigEntry(`c/${i}`))
    }, isRefusal)
    assert.ok(performance.now() - started < 10_000)
  }, () => [socket])
})

test('when all devices fail, the refusal comes', async () => {
  await withBroker(async ({ broker }) => {
    await assert.rejects(broker.write(entryOf('a')), isRefusal)
  }, () => [deviceRecord({ file_path: '/dev/full' }), deviceRecord({ file_path: '/dev/full' }, { path: 'two/' })])
})

test('a deleted or replaced file is noticed and opened again, and both files are proven', async () => {
  await withBroker(async ({ broker, host, path }) => {
    await broker.write(entryOf('one'))
    renameSync(path, `${path}.1`)
    host.advance(1000)
    await broker.write(entryOf('two'))
    assert.deepEqual(entryPaths(readLines(path)), ['two'])
    assert.deepEqual(entryPaths(readLines(`${path}.1`)), ['one'])
    rmSync(path)
    host.advance(1000)
    await broker.write(entryOf('three'))
    assert.deepEqual(entryPaths(readLines(path)), ['three'])
    assert.equal(host.logged.filter((line) => line.includes('no longer finds its file')).length, 2)
    await broker.close()
    for (const file of [path, `${path}.1`]) await isProven(file)
    const ended = await verifyAudit(createReadStream(`${path}.1`), { publicKeys: [keys.publicKey] })
    assert.deepEqual(ended.unproven, [])
  })
})

test('a file that was truncated in place begins a new chain', async () => {
  await withBroker(async ({ broker, host, path }) => {
    await broker.write(entryOf('one'))
    truncateSync(path, 0)
    host.advance(1000)
    await broker.write(entryOf('two'))
    assert.deepEqual(entryPaths(readLines(path)), ['two'])
    await broker.close()
    await isProven(path)
  })
})

test('reopen closes the chain in the old file and names it in the new one', async () => {
  await withBroker(async ({ broker, path }) => {
    await broker.write(entryOf('one'))
    renameSync(path, `${path}.1`)
    await broker.reopen()
    await broker.write(entryOf('two'))
    await broker.close()
    const [old, fresh] = [await verifyAudit(createReadStream(`${path}.1`), { publicKeys: [keys.publicKey] }), await verifyAudit(createReadStream(path), { publicKeys: [keys.publicKey] })]
    assert.deepEqual([old.findings, old.unproven, fresh.findings, fresh.unproven], [[], [], [], []])
    assert.match(fresh.notes.join(), /continues chain/)
    writeFileSync(`${path}.2`, readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8'))
    assert.deepEqual((await verifyAudit(createReadStream(`${path}.2`), { publicKeys: [keys.publicKey] })).notes, [])
  })
})

test('entries that a device could not take are counted in its next checkpoint', async () => {
  await withBroker(async ({ broker, host, folder }) => {
    const parent = join(folder, 'sub')
    const path = join(parent, 'audit.log')
    await broker.configure(configuration(deviceRecord({ file_path: path })))
    await broker.write(entryOf('one'))
    renameSync(parent, `${parent}.away`)
    writeFileSync(parent, '')
    host.advance(1000)
    for (let i = 0; i < 3; i++) await assert.rejects(broker.write(entryOf('lost')))
    rmSync(parent)
    renameSync(`${parent}.away`, parent)
    await broker.write(entryOf('two'))
    await broker.close()
    const report = await verifyAudit(createReadStream(path), { publicKeys: [keys.publicKey] })
    assert.deepEqual(report.findings, [])
    assert.match(report.notes.join(), /3 entries before it could not be recorded/)
  })
})

test('two workers append to one file without losing or mixing lines', async () => {
  await withBroker(async ({ broker, path }) => {
    const other = new AuditBroker({ host: testHost(), limits: anywhere })
    await other.configure(configuration(deviceRecord({ file_path: path })))
    const write = async (by: AuditBroker, name: string): Promise<void> => {
      for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 25 }, (_, j) => by.write(entryOf(`${name}/${i * 25 + j}`))))
    }
    await Promise.all([write(broker, 'a'), write(other, 'b')])
    await Promise.all([broker.close(), other.close()])
    const paths = entryPaths(readLines(path))
    for (const name of ['a', 'b']) assert.deepEqual(paths.filter((p) => p.startsWith(name)), Array.from({ length: 1000 }, (_, i) => `${name}/${i}`))
    await isProven(path)
  })
})

test('filters choose the devices, the fallback takes the rest, and what no filter wants is dropped without harm', async () => {
  const record = (name: string, options: Record<string, string>) => (path: string) => deviceRecord({ file_path: `${path}.${name}`, ...options }, { path: `${name}/` })
  const kv = record('kv', { filter: 'path matches "^kv/"' })
  const sys = record('sys', { filter: 'path matches "^sys/"' })
  const rest = record('rest', { fallback: 'true' })
  const seen = (path: string, name: string): string[] => entryPaths(readLines(`${path}.${name}`))
  await withBroker(async ({ broker, path }) => {
    for (const p of ['kv/a', 'sys/b', 'pki/c']) await broker.write(entryOf(p))
    assert.deepEqual([seen(path, 'kv'), seen(path, 'sys'), seen(path, 'rest')], [['kv/a'], ['sys/b'], ['pki/c']])
  }, (path) => [kv(path), sys(path), rest(path)])
  await withBroker(async ({ broker, path }) => {
    await broker.write(entryOf('pki/c'))
    assert.deepEqual([seen(path, 'kv'), seen(path, 'sys')], [[], []])
  }, (path) => [kv(path), sys(path)])
})

test('no filter loses refused and privileged requests', async () => {
  await withBroker(async ({ broker, path }) => {
    await broker.write(entryOf('pki/usual', { verdict: { allowed: true } }))
    await broker.write(entryOf('pki/refused', { verdict: { allowed: false } }))
    await broker.write(entryOf('pki/sudo', { verdict: { allowed: true }, privileged: true }))
    await broker.write(entryOf('pki/failed', { error: 'wrong password' }))
    assert.deepEqual(entryPaths(readLines(path)), ['pki/refused', 'pki/sudo', 'pki/failed'])
  }, (path) => [deviceRecord({ file_path: path, filter: 'path matches "^kv/"' })])
})

test('a device whose filter excludes the entry does not stand in for one that fails', async () => {
  await withBroker(async ({ broker }) => {
    await assert.rejects(broker.write(entryOf('kv/a')), isRefusal)
  }, (path) => [deviceRecord({ file_path: '/dev/full', filter: 'path matches "^kv/"' }), deviceRecord({ file_path: path, filter: 'path matches "^sys/"' }, { path: 'two/' })])
})

test('changing the configuration keeps what did not change, closes what is gone, and loses nothing', async () => {
  await withBroker(async ({ broker, path }) => {
    const one = deviceRecord({ file_path: path })
    const two = deviceRecord({ file_path: `${path}.2` }, { path: 'two/' })
    const writing = Promise.all(Array.from({ length: 500 }, (_, i) => broker.write(entryOf(`a/${i}`))))
    await broker.configure(configuration({ ...one }, two))
    await writing
    await broker.write(entryOf('b'))
    const starts = (file: string): number => readLines(file).filter((line) => line.includes('"reason":"start"')).length
    assert.equal(starts(path), 1)
    await broker.configure(configuration(two))
    await broker.write(entryOf('c'))
    assert.equal(entryPaths(readLines(path)).length, 501)
    assert.match(readLines(path).at(-1) ?? '', /"reason":"end"/)
    assert.deepEqual(entryPaths(readLines(`${path}.2`)), ['b', 'c'])
  })
})

test('new header rules hold for devices that stay', async () => {
  await withBroker(async ({ broker, path }) => {
    const request = { id: 'r', operation: 'read', path: 'a', headers: { 'x-one': 'seen' } }
    await broker.write(entryOf('a', { request: { ...request } }))
    await broker.configure({ ...configuration(deviceRecord({ file_path: path })), headers: new Map([['x-one', { hmac: false }]]) })
    await broker.write(entryOf('a', { request: { ...request } }))
    assert.deepEqual(readLines(path).filter((line) => line.includes('"headers":{"x-one":["seen"]}')).length, 1)
  })
})

test('a device that the configuration no longer allows fails, and the server starts nevertheless', async () => {
  await withBroker(async ({ broker }) => {
    await assert.rejects(broker.write(entryOf('a')), (error) => isRefusal(error) && error instanceof ApiError && /prefix/.test(error.detail ?? ''))
    assert.equal(broker.status()[0]?.state, 'failing')
  }, (path) => [deviceRecord({ file_path: path, prefix: 'x' })], { ...anywhere, prefix: false })
})

test('enabling a device writes a probe, and says what is wrong where it cannot', async () => {
  await withBroker(async ({ broker, path, folder }) => {
    assert.deepEqual(await broker.test(deviceRecord({ file_path: path, colour: 'red' }), keys.privateKey), ['option "colour" is not known and has no effect'])
    assert.deepEqual(entryPaths(readLines(path)), ['sys/audit/test'])
    await isProven(path)
    const wrong: readonly (readonly [Record<string, string>, RegExp, string?])[] = [
      [{ file_path: '/dev/full' }, /audit device "one\/" does not work: ENOSPC/],
      [{ file_path: folder }, /EISDIR|no file/],
      [{ file_path: path, mode: '0755' }, /executable/],
      [{ address: '127.0.0.1:1' }, /ECONNREFUSED/, 'socket'],
      [{}, /address is required/, 'socket'],
    ]
    for (const [options, reason, type = 'file'] of wrong) {
      await assert.rejects(broker.test(deviceRecord(options, { type }), keys.privateKey), (error) => error instanceof ApiError && error.code === 'bad_request' && reason.test(error.message), String(reason))
    }
  }, () => [])
})

test('CVE-2025-6000, CVE-2026-105816: a device whose file lies in the data folder is refused, and nothing is written', async () => {
  await inFolder(async (folder) => {
    const data = join(folder, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'data.mdb'), '')
    const broker = new AuditBroker({ host: testHost(), limits: { ...anywhere, dataFolder: data } })
    await assert.rejects(broker.test(deviceRecord({ file_path: join(data, 'data.mdb') }), null), /data folder/)
    assert.equal(statSync(join(data, 'data.mdb')).size, 0)
  })
})

test('the hash of a text is the one in the lines of that device', async () => {
  await withBroker(async ({ broker, path }) => {
    await broker.write(entryOf('a', { request: { id: 'r', operation: 'update', path: 'a', data: { password: 'hunter2' } } }))
    assert.ok(readFileSync(path, 'utf8').includes(`"password":"${broker.hash('one/', 'hunter2')}"`))
    assert.throws(() => broker.hash('none/', 'x'), /unknown audit backend "none\/"/)
  })
})

test('after close, entries are refused', async () => {
  await withBroker(async ({ broker }) => {
    await broker.close()
    await assert.rejects(broker.write(entryOf('a')), isRefusal)
  })
})

test('what was written is covered by a checkpoint after a short time without traffic', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'audit.log')
    const broker = new AuditBroker({ host: testHost(), limits: anywhere, checkpoints: { lines: 1000, ms: 50 } })
    await broker.configure(configuration(deviceRecord({ file_path: path })))
    await broker.write(entryOf('a'))
    for (let tries = 0; readLines(path).length < 3 && tries < 100; tries++) await pause(10)
    assert.match(readLines(path)[2] ?? '', /"reason":"interval"/)
    await pause(200)
    assert.equal(readLines(path).length, 3)
    await broker.close()
  })
})
