/** The test runner itself: what counts as passed, failed and skipped, and what it does with files that do not end well. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { runTestFiles, type FileResult } from './test-files.ts'

const folder = mkdtempSync(join(tmpdir(), 'coffer-runner-'))
after(() => rmSync(folder, { recursive: true, force: true }))

async function run(text: string, timeLimitSeconds = 20): Promise<FileResult> {
  const path = join(folder, 'x.test.mjs')
  writeFileSync(path, `import { test } from 'node:test'\n${text}`)
  const [result] = await runTestFiles([path], { jobs: 1, timeLimitSeconds, onResult: () => undefined })
  assert.ok(result)
  return result
}

/** A process that ended but was not yet waited for has no environment any more. */
const isAlive = (pid: string): boolean => {
  try {
    return readFileSync(`/proc/${pid}/environ`).length > 0
  } catch {
    return false
  }
}

test('passed, failed and skipped tests are told apart', async () => {
  const { results, problems } = await run(`
    test('good', () => {})
    test('bad', () => { throw new Error('because') })
    test('not now', { skip: 'no Python here' }, () => {})
    test('outer', async (t) => { await t.test('inner', () => {}) })`)
  assert.deepEqual(problems, [])
  const states = results.map(({ name, failure, skip }) => [name, failure ? 'failed' : (skip ?? 'passed')])
  assert.deepEqual(states, [['good', 'passed'], ['bad', 'failed'], ['not now', 'no Python here'], ['inner', 'passed'], ['outer', 'passed']])
  assert.match(results[1]?.failure ?? '', /because/)
})

test('what tests tell is kept, and not what Node adds to it', async () => {
  const { notes, results } = await run(`test('good', (t) => { t.diagnostic('7 kills'); t.diagnostic('tests passed') })`)
  assert.deepEqual(notes, ['7 kills', 'tests passed'])
  assert.equal(results.length, 1)
})

test('a failure inside a test is counted once', async () => {
  const { results } = await run(`test('outer', async (t) => { await t.test('inner', () => { throw new Error('x') }) })`)
  assert.deepEqual(results.map(({ name }) => name), ['inner'])
})

test('a file without a test fails', async () => {
  assert.deepEqual((await run('')).problems, ['has no test'])
})

test('a file that does not even load fails', async () => {
  const { results, problems, output } = await run(`import './missing.mjs'`)
  assert.ok(problems.length > 0 || results.some((result) => result.failure !== undefined))
  assert.match(output + JSON.stringify(results), /missing\.mjs/)
})

test('a file that leaves something open fails and is ended', async () => {
  const { problems } = await run(`test('good', () => {}); setInterval(() => {}, 1000)`, 1)
  assert.match(problems.join(), /did not end within 1 s/)
})

test('a process left behind, even in a group of its own, fails the file and is ended', { skip: process.platform === 'linux' ? false : 'needs /proc' }, async () => {
  const note = join(folder, 'pid')
  const { problems } = await run(`
    import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    test('good', () => {
      const child = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' })
      child.unref()
      writeFileSync(${JSON.stringify(note)}, String(child.pid))
    })`)
  assert.match(problems.join(), /left a process behind: sleep 300/)
  // SIGKILL ends a process when the system comes to it.
  for (const end = Date.now() + 10_000; isAlive(readFileSync(note, 'utf8')); await pause(10)) assert.ok(Date.now() < end, 'it is still there')
})
