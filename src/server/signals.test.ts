/** How a server stops, and what it does on signals. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, freePort, inPlace, type RunningServer } from './testing/process.ts'

const addressIn = (server: RunningServer): string => /Api Address: (\S+)/.exec(server.out())?.[1] ?? ''

test('SIGINT and SIGTERM end a server with exit code 0, and the file with its number goes', () => inPlace(async (place) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    place.file('c.hcl', 'storage "lmdb" { path = "d" }\nlistener "tcp" {\n address = "127.0.0.1:0"\n tls_disable = true\n}\npid_file = "server.pid"')
    const server = await place.started(['-config=c.hcl'])
    assert.equal(readFileSync(join(place.folder, 'server.pid'), 'utf8'), `${server.child.pid}\n`)
    const { code, out } = await server.stop(signal)
    assert.equal(code, 0)
    assert.match(out, new RegExp(`stopping on ${signal}`))
    assert.ok(!existsSync(join(place.folder, 'server.pid')))
  }
}))

test('a file for the number of the process that cannot be written is one line, and the server ends', () => inPlace(async (place) => {
  place.file('c.hcl', 'storage "inmem" {}\nlistener "tcp" {\n address = "127.0.0.1:0"\n tls_disable = true\n}\npid_file = "nowhere/server.pid"')
  const { code, err } = await place.start(['-config=c.hcl']).ended
  assert.deepEqual([code, err], [1, 'Error starting the server: pid_file "nowhere/server.pid" cannot be written: ENOENT\n'])
}))

test('a request that is under way is waited for, and a second Ctrl-C waits for nothing', () => inPlace(async (place) => {
  const server = await place.started(['-dev', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token'])
  const socket = connect(Number(new URL(addressIn(server)).port), '127.0.0.1')
  await new Promise((resolve) => socket.write('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n', resolve))
  await pause(100)
  server.child.kill('SIGINT')
  await server.printed(/stopping on SIGINT/)
  server.child.kill('SIGHUP')
  await pause(200)
  assert.equal(server.child.exitCode, null)
  const begun = Date.now()
  const { signal } = await server.stop('SIGINT')
  assert.equal(signal, 'SIGINT')
  assert.ok(Date.now() - begun < 2000)
  socket.destroy()
}))

test('SIGUSR1 does not open the debugger', () => inPlace(async (place) => {
  const server = await place.started(['-dev', '-dev-listen-address=127.0.0.1:0', '-dev-no-store-token'])
  server.child.kill('SIGUSR1')
  await pause(300)
  assert.equal((await ask(`${addressIn(server)}/v1/sys/health`)).status, 200)
  assert.ok(!/debugger/i.test(server.err()))
}))

test('SIGHUP reads the level of the log and the headers again; a mistake there is logged, and what was in use stays', () => inPlace(async (place) => {
  const port = await freePort()
  const write = (level: string, header: string): string =>
    place.file('c.hcl', `storage "inmem" {}\nlog_level = "${level}"\nlistener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n custom_response_headers {\n  "default" = { "X-Own" = ["${header}"] }\n }\n}`)
  write('info', 'one')
  const server = await place.started(['-config=c.hcl'])
  const headerNow = async (): Promise<string | null> => (await ask(`http://127.0.0.1:${port}/v1/sys/health`)).headers.get('x-own')
  const reload = async (until: (header: string | null) => boolean): Promise<void> => {
    server.child.kill('SIGHUP')
    for (let i = 0; i < 100 && !until(await headerNow()); i++) await pause(20)
  }
  assert.equal(await headerNow(), 'one')
  write('warn', 'two')
  await reload((header) => header === 'two')
  assert.equal(await headerNow(), 'two')
  const before = server.out().length
  server.child.kill('SIGHUP')
  await pause(200)
  assert.equal(server.out().length, before, 'the line about reloading has the level info, which is off now')
  place.file('c.hcl', 'storage "inmem" {}\nlog_level = "loud"')
  server.child.kill('SIGHUP')
  await server.printed(/\[ERROR\] core: reload failed: error="c\.hcl:2:1: log_level: expected/)
  assert.equal(await headerNow(), 'two')
}))

test('a server is there within a second: it answers whether it is initialised', () => inPlace(async (place) => {
  const port = await freePort()
  place.file('c.json', JSON.stringify({ backend: { inmem: {} }, listener: { tcp: { address: `127.0.0.1:${port}`, tls_disable: true } }, disable_mlock: true }))
  const begun = Date.now()
  place.start(['-config=c.json'])
  for (;;) {
    const found = await ask(`http://127.0.0.1:${port}/v1/sys/init`).catch(() => null)
    if (found !== null) {
      assert.deepEqual(JSON.parse(found.text), { initialized: false })
      break
    }
    assert.ok(Date.now() - begun < 5000, 'five times the promise, for slow machines')
    await pause(20)
  }
}))
