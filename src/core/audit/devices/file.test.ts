/** Files: appending, rotation, failing disks, and files that are none of our business. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { AuditLimits } from '../config.ts'
import { anywhere, inFolder, readLines } from '../testing.ts'
import { deviceContract } from './contract.ts'
import { WriteFailure, type AuditDevice } from './device.ts'
import { fileDevice } from './file.ts'
import { nodeFileSystem, type FileSystem } from './file-system.ts'

interface Made {
  readonly mode?: number
  readonly fsync?: boolean
  readonly limits?: AuditLimits
  readonly files?: FileSystem
}

const deviceAt = (path: string, { mode = 0o600, fsync = false, limits = anywhere, files = nodeFileSystem }: Made = {}): AuditDevice =>
  fileDevice({ target: { kind: 'file', path, mode, fsync }, limits, now: () => 0, files })

for (const fsync of [false, true]) {
  deviceContract(`file${fsync ? ' with fsync' : ''}`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-audit-'))
    const path = join(folder, 'sub', 'audit.log')
    return {
      device: deviceAt(path, { fsync }),
      received: async () => readLines(path),
      // A gone directory: in its place is something that is none.
      disable: async () => {
        renameSync(join(folder, 'sub'), join(folder, 'aside'))
        writeFileSync(join(folder, 'sub'), '')
      },
      repair: async () => {
        rmSync(join(folder, 'sub'))
        renameSync(join(folder, 'aside'), join(folder, 'sub'))
      },
      dispose: async () => rmSync(folder, { recursive: true, force: true }),
      lineMax: 5_000_000,
    }
  })
}

/** Calls `work` with the path of a file in a new folder and a device for it. */
const withFile = (work: (path: string, device: AuditDevice, folder: string) => Promise<void>, made: Made = {}): Promise<void> =>
  inFolder(async (folder) => {
    const path = join(folder, 'audit.log')
    const device = deviceAt(path, made)
    try {
      await work(path, device, folder)
    } finally {
      await device.close()
    }
  })

const permissions = (path: string): number => statSync(path).mode & 0o777

test('a new file is readable by its owner only, unless the option says otherwise', async () => {
  await withFile(async (path, device) => {
    await device.open()
    assert.equal(permissions(path), 0o600)
  })
  await withFile(async (path, device) => {
    await device.open()
    assert.equal(permissions(path), 0o640)
  }, { mode: 0o640 })
})

test('a file that exists gets the mode of the option, and mode 0 leaves it alone', async () => {
  for (const [mode, expected] of [[0o600, 0o600], [0, 0o644]] as const) {
    await withFile(async (path, device) => {
      writeFileSync(path, '{"time":"x"}\n')
      chmodSync(path, 0o644)
      await device.open()
      assert.equal(permissions(path), expected)
    }, { mode })
  }
})

test('what is there is kept, and what comes is appended', async () => {
  await withFile(async (path, device) => {
    writeFileSync(path, '{"time":"old"}\n')
    await device.open()
    await device.write(['{"time":"new"}\n'])
    assert.deepEqual(readLines(path), ['{"time":"old"}', '{"time":"new"}'])
    assert.equal(device.size(), statSync(path).size)
  })
})

test('a file that was deleted, replaced or truncated is noticed', async () => {
  await withFile(async (path, device) => {
    await device.open()
    assert.equal(await device.staleness(true), null)
    rmSync(path)
    assert.equal(await device.staleness(true), 'moved')
    await device.close()
    await device.open()
    renameSync(path, `${path}.1`)
    writeFileSync(path, '')
    assert.equal(await device.staleness(true), 'moved')
    await device.close()
    await device.open()
    await device.write(['{"time":"a"}\n'])
    truncateSync(path, 0)
    assert.equal(await device.staleness(true), 'cut')
  })
})

test('between two looks at the name, the system is not asked', async () => {
  await withFile(async (path, device) => {
    await device.open()
    rmSync(path)
    assert.equal(device.staleness(), null)
  })
})

test('a full disk is an error that says so', async () => {
  const device = deviceAt('/dev/full')
  await device.open()
  await assert.rejects(device.write(['{}\n']), (error) => error instanceof WriteFailure && error.whole === 0 && /ENOSPC/.test(error.message))
  await device.close()
})

/** A file system that takes `left` bytes more and then is full; `left` may be raised. */
const fillable = (budget: { left: number }): FileSystem => ({
  ...nodeFileSystem,
  open: async (path, mode) => {
    const file = await nodeFileSystem.open(path, mode)
    return {
      ...file,
      write: async (bytes) => {
        if (budget.left === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
        const taken = await file.write(bytes.subarray(0, budget.left))
        budget.left -= taken
        return taken
      },
      writeAll: async (pieces) => {
        const taken = await file.write(Buffer.concat(pieces).subarray(0, budget.left))
        budget.left -= taken
        return taken
      },
    }
  },
})

test('a write that was cut short counts the whole lines and describes the piece', async () => {
  const budget = { left: 25 }
  await withFile(async (path, device) => {
    await device.open()
    const lines = ['{"time":1}\n', '{"time":2}\n', '{"time":3}\n']
    await assert.rejects(device.write(lines), (error) => {
      assert.ok(error instanceof WriteFailure)
      assert.equal(error.whole, 2)
      assert.equal(error.torn?.bytes, 3)
      return true
    })
    assert.equal(readFileSync(path, 'utf8'), '{"time":1}\n{"time":2}\n{"t')
    await device.close()
    const opening = await device.open()
    assert.equal(opening.torn?.bytes, 3)
  }, { files: fillable(budget) })
})

test('a line in pieces that was cut short is not counted, those before it are', async () => {
  await withFile(async (path, device) => {
    await device.open()
    const long = ['{"time":2,', '"a":"ü"', '}\n'].map((text) => Buffer.from(text))
    await assert.rejects(device.write(['{"time":1}\n', long]), (error) => error instanceof WriteFailure && error.whole === 1 && error.torn?.bytes === 14)
    assert.equal(readFileSync(path).length, 25)
  }, { files: fillable({ left: 25 }) })
})

test('a line of more pieces than the system takes at once is written in one go all the same', async () => {
  let calls = 0
  const files: FileSystem = {
    ...nodeFileSystem,
    open: async (path, mode) => {
      const file = await nodeFileSystem.open(path, mode)
      const counted = <T>(work: (given: T) => Promise<number>) => (given: T): Promise<number> => (calls++, work(given))
      return { ...file, write: counted(file.write), writeAll: counted(file.writeAll) }
    },
  }
  await withFile(async (path, device) => {
    await device.open()
    await device.write([Array.from({ length: 3000 }, (_, i) => Buffer.from(`${i % 10}`)), '\n'])
    await device.write([[Buffer.from('a'), Buffer.from('b\n')]])
    assert.equal(calls, 2)
    assert.match(readFileSync(path, 'utf8'), /^(?:0123456789){300}\nab\n$/)
  }, { files })
})

test('a disk error in fsync counts nothing as written', async () => {
  const files: FileSystem = {
    ...nodeFileSystem,
    open: async (path, mode) => ({ ...(await nodeFileSystem.open(path, mode)), sync: () => Promise.reject(new Error('EIO: i/o error, fdatasync')) }),
  }
  await withFile(async (_, device) => {
    await device.open()
    await assert.rejects(device.write(['{}\n']), (error) => error instanceof WriteFailure && error.whole === 0 && /EIO/.test(error.message))
  }, { files, fsync: true })
})

/** 0 when there is nothing at the moment. */
function readSome(fd: number): number {
  try {
    return readSync(fd, Buffer.alloc(8192))
  } catch {
    return 0
  }
}

test('a pipe without a reader fails at once, and a full one waits for its reader', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const device = deviceAt(path)
    await assert.rejects(device.open(), /ENXIO/)
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    await device.open()
    const line = `${'x'.repeat(999)}\n`
    const writing = device.write(Array.from({ length: 300 }, () => line))
    await pause(50)
    for (let read = 0; read < 300_000; ) {
      const taken = readSome(reader)
      read += taken
      if (taken === 0) await pause(1)
    }
    await writing
    await device.close()
    closeSync(reader)
  })
})

test('CVE-2025-6000, CVE-2026-105816: the data folder is out of reach, also through links and dots', async () => {
  await inFolder(async (folder) => {
    const data = join(folder, 'data')
    mkdirSync(data)
    writeFileSync(join(data, 'data.mdb'), '')
    symlinkSync(data, join(folder, 'link'))
    symlinkSync(join(data, 'data.mdb'), join(folder, 'file-link'))
    const limits = { ...anywhere, dataFolder: data }
    for (const path of [join(data, 'data.mdb'), join(data, 'new.log'), join(data, 'new', 'x.log'), `${folder}/x/../data/a.log`, join(folder, 'link', 'a.log'), join(folder, 'file-link'), data]) {
      await assert.rejects(deviceAt(path, { limits }).open(), /data folder/, path)
    }
    assert.equal(statSync(join(data, 'data.mdb')).size, 0)
    const device = deviceAt(join(folder, 'data-audit.log'), { limits })
    await device.open()
    await device.close()
  })
})

test('CVE-2025-54997: files that other programs obey are not appended to', async () => {
  await inFolder(async (folder) => {
    const contents = ['ssh-ed25519 AAAA me\n', '#!/bin/sh\n', '{"storage": {"file": {}}}\n', 'root:x:0:0\n', '\x7fELF', 'x\n{"time":"2026"}\n']
    for (const content of contents) {
      const path = join(folder, 'theirs')
      writeFileSync(path, content)
      await assert.rejects(deviceAt(path).open(), /not an audit log/, content)
      assert.equal(readFileSync(path, 'utf8'), content)
    }
    for (const path of ['/proc/self/mem', '/dev/sda', '/dev/shm/x', '/sys/power/state', folder]) await assert.rejects(deviceAt(path).open(), /"file_path"|EISDIR/, path)
  })
})

test('CVE-2025-6000: with folders in the configuration, audit files lie below them', async () => {
  await inFolder(async (folder) => {
    const limits = { ...anywhere, folders: [join(folder, 'logs')] }
    await assert.rejects(deviceAt(join(folder, 'a.log'), { limits }).open(), /outside/)
    await assert.rejects(deviceAt(join(folder, 'logs-too', 'a.log'), { limits }).open(), /outside/)
    const device = deviceAt(join(folder, 'logs', 'a.log'), { limits })
    await device.open()
    await device.close()
  })
})

test('the end of the file tells how its chains ended', async () => {
  await withFile(async (path, device) => {
    const line = (id: string, seq: number): string => `{"time":"x","chain":{"id":"${id}","seq":${seq},"prev":""}}`
    writeFileSync(path, `${line('a', 0)}\n${line('b', 7)}\n${line('a', 1)}\n${'y'.repeat(10)}`)
    const { ends, torn } = await device.open()
    assert.deepEqual(ends.map(({ id, seq }) => [id, seq]), [['b', 7], ['a', 1]])
    assert.equal(torn?.bytes, 10)
  })
})

test('stdout is written to and never closed, discard swallows everything', async () => {
  const device = deviceAt('discard')
  await device.open()
  await device.write(['{}\n'])
  await device.close()
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', `
    import { fileDevice } from ${JSON.stringify(new URL('./file.js', import.meta.url).href)}
    const device = fileDevice({ target: { kind: 'file', path: 'stdout', mode: 0, fsync: false }, limits: { dataFolder: null, folders: null, prefix: false }, now: () => 0 })
    await device.open()
    await device.write(['{"time":1}\\n', '{"time":2}\\n'])
    await device.close()
    await device.open()
    await device.write(['{"time":3}\\n'])
    process.stdout.write('still open')
  `])
  assert.equal(output.toString(), '{"time":1}\n{"time":2}\n{"time":3}\nstill open')
})
