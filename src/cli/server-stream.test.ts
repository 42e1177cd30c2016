import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Readable } from 'node:stream'

const lines = 30_000
/** Writes 3 MB in lines, says on stderr that it went on, and writes a last line when it hears from stdin. */
const script = `
import { openStream } from ${JSON.stringify(`file://${join(import.meta.dirname, 'server-stream.js')}`)}
const write = openStream(1, () => process.abort())
for (let i = 0; i < ${lines}; i++) write(String(i).padStart(99, '.') + '\\n')
process.stderr.write('done')
process.stdin.once('data', () => {
  write('last\\n')
  process.stdin.destroy()
  setTimeout(() => null, 300)
})
`
const args = ['--input-type=module', '-e', script]

interface Started {
  readonly child: ChildProcess
  /** Not read before somebody listens. */
  readonly output: Readable
}

const onSocket = (): Started => {
  const child = spawn(process.execPath, args, { stdio: 'pipe' })
  return { child, output: child.stdout }
}

function onPipe(folder: string): Started {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY)
  const child = spawn(process.execPath, args, { stdio: ['pipe', writer, 'pipe'] })
  closeSync(writer)
  return { child, output: new Socket({ fd: reader, readable: true, writable: false }).pause() }
}

/** Everything that the process writes after somebody began to read. */
async function readLate({ child, output }: Started): Promise<string[]> {
  await new Promise<void>((resolve) => child.stderr?.once('data', () => resolve()))
  let text = ''
  output.on('data', (chunk: Buffer) => (text += String(chunk))).resume()
  const ended = new Promise((resolve) => output.once('end', resolve))
  // Whoever reads catches up first: what was lost is told with the next line.
  await new Promise((resolve) => setTimeout(resolve, 500))
  child.stdin?.write('go on')
  await ended
  return text.split('\n')
}

for (const kind of ['socket', 'pipe'] as const) {
  test(`a ${kind} that nobody reads: writing never waits; what was kept comes whole and in order, what was lost is counted`, { timeout: 30_000 }, async (t) => {
    if (process.platform === 'win32') return t.skip('Windows has no such files')
    const folder = mkdtempSync(join(tmpdir(), 'coffer-stream-'))
    const started = kind === 'socket' ? onSocket() : onPipe(folder)
    try {
      const got = await readLate(started)
      const kept = got.findIndex((line) => line.startsWith('('))
      assert.ok(kept > 1024 * 1024 / 100, `${kept} lines were kept`)
      assert.deepEqual(got.slice(0, kept), Array.from({ length: kept }, (_, i) => String(i).padStart(99, '.')))
      assert.deepEqual(got.slice(kept), [`(${lines - kept} lines of the log were lost because nobody read them)`, 'last', ''])
    } finally {
      started.child.kill('SIGKILL')
      started.output.destroy()
      rmSync(folder, { recursive: true })
    }
  })
}
