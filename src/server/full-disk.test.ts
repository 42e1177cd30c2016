/**
 * Full and read-only disks, as small file systems of their own. To mount one takes rights; who has none but may have a namespace of his own runs this file in
 * one, where he is root over his own mounts.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { checkFolder } from './testing/crash-rounds.ts'
import { ask, freePort, inPlace, type Ended } from './testing/process.ts'

const takesNamespace = process.getuid?.() !== 0 && spawnSync('unshare', ['-rm', 'true']).status === 0

/** Mounts a file system for as long as `work` takes. Skips where that needs rights that are missing. */
async function onFileSystem(t: { skip: (why: string) => void }, folder: string, options: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.skip('mounting a small file system needs root on Linux')
  }
  try {
    await work()
  } finally {
    execFileSync('umount', ['-l', folder])
  }
}

/** Writes until so many bytes are written, or no more fit. */
function fillDisk(path: string, bytes: number): void {
  rmSync(path, { force: true })
  try {
    writeFileSync(path, Buffer.alloc(bytes))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
}

function assertOneLine({ code, out, err }: Ended, why: RegExp): void {
  assert.equal(code, 1)
  assert.match(err, why)
  assert.equal(err.trim().split('\n').length, 1, err)
  assert.ok(!out.includes('server started'), out)
}

function inNamespace(): void {
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const { status, stdout } = spawnSync('unshare', ['-rm', process.execPath, '--enable-source-maps', '--test-reporter=tap', import.meta.filename], { env: environment, encoding: 'utf8' })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /^# pass 4$/m)
  assert.match(stdout, /^# skipped 0$/m)
}

if (takesNamespace) test('disks that are full, or may only be read, in a namespace of its own', inNamespace)
else describe('disks', () => {
  test('a server on a full disk refuses writes with a plain error, goes on reading, and loses nothing', (t) => inPlace((place) =>
    onFileSystem(t, join(place.folder, 'disk'), 'size=24m,mode=700', async () => {
      const data = join(place.folder, 'disk', 'data')
      const port = await freePort()
      const args = [`-data=${data}`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token']
      const server = await place.started(args)
      const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
      const at = (path: string): string => `http://127.0.0.1:${port}/v1/${path}`
      const put = (name: string, value: string) => ask(at(`secret/data/${name}`), { method: 'POST', token, body: { data: { value } } })
      assert.equal((await put('first', 'x')).status, 200)
      writeFileSync(join(place.folder, 'disk', 'ballast'), Buffer.alloc(20 * 1024 * 1024))
      let refused = { status: 0, text: '' }
      let written = 0
      for (; written < 400 && refused.status === 0; written++) {
        const answer = await put(`many/${written}`, 'y'.repeat(100_000))
        if (answer.status !== 200) refused = answer
      }
      assert.ok(refused.status >= 500 && refused.status < 600, `${refused.status} after ${written} writes`)
      assert.match(refused.text, /disk|space|storage|full/i)
      assert.match((await ask(at('secret/data/first'), { token })).text, /"value":"x"/)
      // A server that is started on the full disk serves what it has.
      assert.equal((await server.stop('SIGKILL')).signal, 'SIGKILL')
      fillDisk(join(place.folder, 'disk', 'ballast2'), 24 * 1024 * 1024)
      const reader = await place.started(args)
      assert.match((await ask(at('secret/data/first'), { token })).text, /"value":"x"/)
      assert.ok((await put('later', 'z')).status >= 500)
      for (const name of ['ballast', 'ballast2']) rmSync(join(place.folder, 'disk', name))
      assert.equal((await put('later', 'z')).status, 200)
      assert.equal((await reader.stop()).code, 0)
      await checkFolder(data, { isSettled: true, raw: [] })
      const again = await place.started(args)
      for (let i = 0; i < written - 1; i++) assert.equal((await ask(at(`secret/data/many/${i}`), { token })).status, 200)
      assert.equal((await again.stop()).code, 0)
    })))

  test('while the disk of the only audit file is full nothing is answered, and all goes on when it has room again', (t) => inPlace((place) =>
    onFileSystem(t, join(place.folder, 'disk'), 'size=1m,mode=700', async () => {
      const [disk, port] = [join(place.folder, 'disk'), await freePort()]
      const server = await place.started([`-data=${place.folder}/data`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token'])
      const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
      const at = (path: string): string => `http://127.0.0.1:${port}/v1/${path}`
      const put = (value: string) => ask(at('secret/data/a'), { method: 'POST', token, body: { data: { value } } })
      await ask(at('sys/audit/file'), { method: 'POST', token, body: { type: 'file', options: { file_path: join(disk, 'audit.log') } } })
      let acknowledged = 'none'
      let refused = ''
      for (let i = 0; refused === ''; i++) {
        if (i === 20) fillDisk(join(disk, 'ballast'), 1024 * 1024)
        assert.ok(i < 5_000, 'the disk is never full')
        const { status, text } = await put(`value ${i}`)
        if (status === 200) acknowledged = `value ${i}`
        else refused = text
      }
      for (let i = 0; i < 20; i++) for (const { status, text } of [await put('late'), await ask(at('secret/data/a'), { token })]) assert.deepEqual([status, text.trim()], [500, '{"errors":["internal error"]}'])
      assert.equal((await ask(at('sys/health'))).status, 200)
      assert.match(server.out(), /audit device fails: device=file\/ reason=.*ENOSPC/)
      rmSync(join(disk, 'ballast'))
      for (const deadline = Date.now() + 30_000; (await ask(at('sys/mounts'), { token })).status !== 200; ) assert.ok(Date.now() < deadline, 'it is not used again')
      const { text } = await ask(at('secret/data/a'), { token })
      // The request that met the full disk may have been done: only its answer was not recorded.
      assert.ok([acknowledged, `value ${Number(acknowledged.slice(6)) + 1}`].some((value) => text.includes(`"value":"${value}"`)), text)
      assert.match(server.out(), /audit device works again: device=file\//)
      assert.equal((await server.stop()).code, 0)
      const { code, out, err } = place.shell('coffer audit verify disk/audit.log')
      assert.equal(code, 0, out + err)
      await checkFolder(join(place.folder, 'data'), { raw: [] })
    })))

  test('a disk that is full at the start is one line, and nothing is damaged', (t) => inPlace((place) =>
    onFileSystem(t, join(place.folder, 'disk'), 'size=4m,mode=700', async () => {
      const args = [`-data=${join(place.folder, 'disk', 'data')}`, `-listen=127.0.0.1:${await freePort()}`]
      for (const free of [0, 8_192, 200_000]) {
        fillDisk(join(place.folder, 'disk', 'ballast'), 4 * 1024 * 1024 - free)
        assertOneLine(await place.start(args).ended, /disk.* full/)
      }
    })))

  test('a data folder that may only be read is one line, and stays as it is', (t) => inPlace((place) =>
    onFileSystem(t, join(place.folder, 'disk'), 'size=64m,mode=700', async () => {
      const data = join(place.folder, 'disk', 'data')
      const args = [`-data=${data}`, `-listen=127.0.0.1:${await freePort()}`]
      assert.equal((await (await place.started(args)).stop()).code, 0)
      const before = readFileSync(join(data, 'data.mdb'))
      execFileSync('mount', ['-o', 'remount,bind,ro', join(place.folder, 'disk')])
      assertOneLine(await place.start(args).ended, /read-only|cannot be read and written|EROFS|may not/i)
      assert.deepEqual(readFileSync(join(data, 'data.mdb')), before)
      execFileSync('mount', ['-o', 'remount,bind,rw', join(place.folder, 'disk')])
      assert.equal((await (await place.started(args)).stop()).code, 0)
    })))
})
