/** `bin/coffer.cjs`: what it does before the command begins. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const launcher = join(import.meta.dirname, '../../../bin/coffer.cjs')

test('a server has eight threads for files, unless the environment says otherwise, and its first worker forked ahead; other verbs start as they are', (t) => {
  if (!existsSync(launcher)) return t.skip('there is no launcher here')
  const folder = mkdtempSync(join(tmpdir(), 'coffer-launcher-'))
  try {
    for (const name of ['bin', 'dist']) mkdirSync(join(folder, name))
    copyFileSync(launcher, join(folder, 'bin/coffer.cjs'))
    writeFileSync(join(folder, 'dist/boot.cjs'), 'exports.start = () => process.stdout.write(String(process.env.UV_THREADPOOL_SIZE))')
    writeFileSync(join(folder, 'dist/fork.cjs'), 'exports.forkAhead = (file, words) => process.stdout.write(`${file.slice(-15)} ${words} `)')
    const sizeFor = (verb: string, given: NodeJS.ProcessEnv = {}): string =>
      spawnSync(process.execPath, [join(folder, 'bin/coffer.cjs'), verb, '-x'], { env: { PATH: process.env['PATH'], ...given }, encoding: 'utf8' }).stdout
    assert.deepEqual([sizeFor('server'), sizeFor('server', { UV_THREADPOOL_SIZE: '3' }), sizeFor('status')], ['worker-main.cjs -x 8', 'worker-main.cjs -x 3', 'undefined'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
