import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFile } from './log-file.ts'

const inFolder = (body: (folder: string) => void) => () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-log-'))
  try {
    body(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a log is set aside before it grows too large, and only so many of these stay', inFolder((folder) => {
  let now = 1_000
  const log = new LogFile({ path: `${folder}/`, bytesMax: 10, secondsMax: 0, filesMax: 2 }, 'agent', () => now++)
  for (const line of ['one.....\n', 'two.....\n', 'three...\n', 'four....\n']) log.write(line)
  const names = readdirSync(folder).toSorted()
  assert.equal(names.length, 3)
  assert.equal(readFileSync(join(folder, 'agent.log'), 'utf8'), 'four....\n')
  assert.deepEqual(names.slice(0, 2).map((name) => readFileSync(join(folder, name), 'utf8')), ['two.....\n', 'three...\n'])
}))

test('a log is set aside when it is old enough, and an old one is gone on with', inFolder((folder) => {
  let now = Date.now()
  const settings = { path: join(folder, 'x.log'), bytesMax: 0, secondsMax: 60, filesMax: 0 }
  new LogFile(settings, 'agent', () => now).write('a\n')
  const log = new LogFile(settings, 'agent', () => now)
  log.write('b\n')
  assert.equal(readFileSync(join(folder, 'x.log'), 'utf8'), 'a\nb\n')
  now += 61_000
  log.write('c\n')
  assert.equal(readFileSync(join(folder, 'x.log'), 'utf8'), 'c\n')
  assert.equal(readdirSync(folder).length, 2)
}))
