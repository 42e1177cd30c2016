/** Syslog over the network, and through `logger` where there is one. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { createSocket } from 'node:dgram'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SyslogTarget } from '../config.ts'
import { readLines } from '../testing.ts'
import { deviceContract } from './contract.ts'
import { syslogDevice } from './syslog.ts'

const now = (): number => Date.UTC(2026, 0, 2, 3, 4, 5)
const target = (transport: 'tcp' | 'udp', port: number): SyslogTarget =>
  ({ kind: 'syslog', facility: 'AUTH', tag: 'vault', address: { kind: 'socket', transport, family: 0, host: '127.0.0.1', port, path: '' } })

const header = /^<38>1 2026-01-02T03:04:05\.000Z \S+ vault [0-9]+ audit - /

test('over TCP each message is RFC 5424 with its length before it', async () => {
  const chunks: Buffer[] = []
  const server = createServer((socket) => void socket.on('data', (chunk) => void chunks.push(chunk)))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const device = syslogDevice({ target: target('tcp', (server.address() as AddressInfo).port), deadlineMs: 1000, now })
  await device.open()
  await device.write(['{"a":"ü"}\n', '{"b":2}\n'])
  await device.close()
  await new Promise((resolve) => void server.close(resolve))
  let bytes = Buffer.concat(chunks)
  const messages: string[] = []
  while (bytes.length > 0) {
    const blank = bytes.indexOf(32)
    const length = Number(bytes.toString('latin1', 0, blank))
    messages.push(bytes.toString('utf8', blank + 1, blank + 1 + length))
    bytes = bytes.subarray(blank + 1 + length)
  }
  assert.deepEqual(messages.map((message) => message.replace(header, '')), ['{"a":"ü"}', '{"b":2}'])
})

test('over UDP each line is one message', async () => {
  const messages: string[] = []
  const socket = createSocket('udp4', (bytes) => void messages.push(bytes.toString('utf8')))
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve))
  const device = syslogDevice({ target: target('udp', socket.address().port), deadlineMs: 1000, now })
  await device.open()
  await device.write(['{"a":1}\n', '{"b":2}\n'])
  for (let tries = 0; messages.length < 2 && tries < 100; tries++) await pause(10)
  await device.close()
  socket.close()
  assert.deepEqual(messages.map((message) => message.replace(header, '')), ['{"a":1}', '{"b":2}'])
})

const local: SyslogTarget = { kind: 'syslog', facility: 'LOCAL3', tag: 'coffer', address: null }
const hasLogger = existsSync('/usr/bin/logger') && process.platform === 'linux'
const hasSyslog = existsSync('/dev/log')

test('the local syslog gets lines through logger, which says the facility and the tag', { skip: hasLogger ? false : 'no /usr/bin/logger of util-linux' }, async () => {
  // `-n` and `-P` let logger send to a port in place of /dev/log; what it sends is the same.
  const messages: string[] = []
  const socket = createSocket('udp4', (bytes) => void messages.push(bytes.toString('utf8')))
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve))
  const logger = { command: '/usr/bin/logger', args: ['--udp', '-n', '127.0.0.1', '-P', String(socket.address().port), '--size=60000'] }
  const device = syslogDevice({ target: local, deadlineMs: 1000, now, logger })
  await device.open()
  await device.write(['{"a":1}\n', `{"b":"${'x'.repeat(5000)}"}\n`])
  for (let tries = 0; messages.length < 2 && tries < 100; tries++) await pause(10)
  await device.close()
  socket.close()
  assert.match(messages[0] ?? '', /^<158>.* coffer[ :].*\{"a":1\}$/)
  assert.ok(messages[1]?.endsWith(`{"b":"${'x'.repeat(5000)}"}`))
})

test('without a local syslog, opening fails and says why', { skip: hasLogger ? (hasSyslog ? 'there is a /dev/log here' : false) : 'no /usr/bin/logger of util-linux' }, async () => {
  await assert.rejects(syslogDevice({ target: local, deadlineMs: 1000, now }).open(), /logger ended with 1: .*\/dev\/log/)
})

test('without logger, opening fails', async () => {
  await assert.rejects(syslogDevice({ target: local, deadlineMs: 1000, now, logger: { command: '/no/such/logger', args: [] } }).open(), /ENOENT/)
})

// `cat` in place of logger: what is tested is the child process.
deviceContract('program', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-audit-'))
  const [path, script] = [join(folder, 'out'), join(folder, 'logger.sh')]
  writeFileSync(path, '')
  // Ends as soon as the script is gone, as logger does when its socket is.
  writeFileSync(script, `trap 'kill $!' EXIT\n(while [ -e "$1" ]; do sleep 0.05; done; kill $$) &\nexec 3<&0\n/bin/cat <&3 >> "$2"\n`)
  const logger = { command: '/bin/sh', args: [script, script, path] }
  return {
    device: syslogDevice({ target: local, deadlineMs: 1000, now, logger }),
    received: async (count) => {
      for (let tries = 0; readFileSync(path, 'utf8').split('\n').length <= count && tries < 200; tries++) await pause(10)
      return readLines(path)
    },
    disable: async () => {
      renameSync(script, `${script}.away`)
      await pause(300)
    },
    repair: async () => renameSync(`${script}.away`, script),
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
    lineMax: 1_000_000,
  }
})
