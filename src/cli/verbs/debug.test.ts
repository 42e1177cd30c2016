/** What `debug` collects can be unpacked with the usual tools, and holds no secret. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { openShell, type TestShell } from '../testing/command.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let shell: TestShell
before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
})
after(async () => {
  shell?.close()
  await server?.stop()
})

test('one look is a tar archive for its owner, which tar can read', async (t) => {
  await shell.ok(['kv', 'put', 'secret/x', 'password=hunter2hunter2'])
  const file = join(shell.home, 'look.tgz')
  assert.match(await shell.ok(['debug', `-output=${file}`]), /^Success! \d+ files in: /)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!gunzipSync(readFileSync(file)).includes('hunter2hunter2'))
  const list = spawnSync('tar', ['tzf', file], { encoding: 'utf8' })
  if (list.error !== undefined) return t.skip('tar is not installed')
  const names = list.stdout.trim().split('\n').map((name) => name.replace(/^coffer-debug-2026-01-02T03-04-05Z\//, ''))
  assert.equal(list.status, 0)
  for (const name of ['index.json', 'health.json', 'seal-status.json', 'mounts.json', 'metrics.txt']) assert.ok(names.includes(name), name)
})

test('a folder holds what was asked for only, and the index says what could not be had', async () => {
  const folder = join(shell.home, 'look')
  await shell.ok(['debug', '-compress=false', '-target=server-status', `-output=${folder}`])
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
  assert.equal(index.address, server.address)
  assert.ok(index.requests.some(({ path }: { path: string }) => path === 'sys/seal-status'))
  assert.equal(JSON.parse(readFileSync(join(folder, 'seal-status.json'), 'utf8')).sealed, false)
  const weak = await shell.run(['debug', '-target=config', `-output=${folder}`], { environment: { COFFER_TOKEN: 'hvs.nonsense' } })
  assert.equal(weak.code, 2)
  assert.equal((await shell.run(['debug', '-target=nope'])).code, 1)
})
