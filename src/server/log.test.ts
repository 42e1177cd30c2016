import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ApiError } from '../kit/errors.ts'
import { createLog, describeError, logControl, type LogSettings } from './log.ts'

const now = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 6)

function logTo(settings: LogSettings): { lines: string[]; log: ReturnType<typeof createLog> } {
  const lines: string[] = []
  return { lines, log: createLog(settings, now, (line) => lines.push(line)) }
}

test('a line has the form of Vault, and values that could be mistaken for something else are quoted', () => {
  const { lines, log } = logTo({ level: 'info', format: 'standard' })
  log.write('info', 'core', 'started')
  log.write('warn', 'http', 'odd', { path: 'a b', code: 3, ok: true, forged: 'x\n2026-01-02 [INFO] ', escape: '\u001b[2J', plain: 'y' })
  assert.deepEqual(lines, [
    '2026-01-02T03:04:05.006Z [INFO]  core: started\n',
    '2026-01-02T03:04:05.006Z [WARN]  http: odd: path="a b" code=3 ok=true forged="x\\n2026-01-02 [INFO] " escape="\\u001b[2J" plain=y\n',
  ])
})

test('as JSON each line is one object', () => {
  const { lines, log } = logTo({ level: 'info', format: 'json' })
  log.write('error', 'core', 'a\nb', { path: '"' })
  assert.deepEqual(JSON.parse(lines[0] ?? ''), { '@level': 'error', '@message': 'a\nb', '@module': 'core', '@timestamp': '2026-01-02T03:04:05.006Z', path: '"' })
  assert.equal(lines[0]?.indexOf('\n'), (lines[0]?.length ?? 0) - 1)
})

test('levels: the configuration says what holds, a module may differ until it is reset', () => {
  const { lines, log } = logTo({ level: 'warn', format: 'standard' })
  const control = logControl(log)
  const isOn = (module: string): boolean => {
    const before = lines.length
    log.write('info', module, 'x')
    return lines.length > before
  }
  assert.deepEqual([isOn('core'), control.levelOf('core')], [false, 'warn'])
  control.setLevel('debug', 'core')
  assert.deepEqual([isOn('core'), isOn('http')], [true, false])
  log.levels.setInitial('info')
  assert.equal(isOn('http'), true)
  control.setLevel('off', '')
  assert.deepEqual([isOn('core'), isOn('http')], [false, false])
  control.reset('')
  assert.deepEqual([isOn('core'), control.levelOf('core'), control.modules()], [true, 'info', ['core', 'http']])
})

test('somebody who listens gets lines of the level wanted, also those that are not printed', () => {
  const { lines, log } = logTo({ level: 'error', format: 'standard' })
  const heard: string[] = []
  const stop = logControl(log).listen('info', (line) => heard.push(line))
  log.write('debug', 'm', 'one')
  log.write('info', 'm', 'two')
  stop()
  log.write('info', 'm', 'three')
  assert.deepEqual([lines, heard.map((line) => line.slice(25).trim())], [[], ['[INFO]  m: two']])
})

test('a failure of foreign code is told by kind and place, never in its words, which may quote a secret', () => {
  const secret = 's3cret-value'
  const told = [new TypeError(`bad ${secret}`), new Error(`first\n    at ${secret}\n    at ${secret}:1:2`), secret, { secret }].map((error) => JSON.stringify(describeError(error)))
  try {
    JSON.parse(`{"a": ${secret}}`)
  } catch (error) {
    told.push(JSON.stringify(describeError(error)))
  }
  for (const text of told) assert.ok(!text.includes(secret), text)
  assert.match(told[0] ?? '', /TypeError.*log\.test/)
})

test('failures of the system and our own are told in their words', () => {
  try {
    readFileSync('/nowhere/at/all')
  } catch (error) {
    assert.deepEqual(describeError(error), { error: "ENOENT: no such file or directory, open '/nowhere/at/all'" })
  }
  assert.deepEqual(describeError(new ApiError('conflict', 'in use')), { error: 'in use' })
})
