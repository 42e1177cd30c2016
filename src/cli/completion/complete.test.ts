/** Completion offers what fits at the cursor, and nothing else. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openShell, type TestShell } from '../testing/command.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let shell: TestShell
before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
  for (const name of ['web/a', 'web/b', 'worker']) await shell.ok(['kv', 'put', `secret/${name}`, 'x=1'])
})
after(async () => {
  shell?.close()
  await server?.stop()
})

async function offered(line: string, environment: Record<string, string> = {}): Promise<string[]> {
  const { code, out, err } = await shell.run([], { environment: { COMP_LINE: line, COMP_POINT: String(line.length), ...environment } })
  assert.deepEqual([code, err], [0, ''])
  return out.split('\n').filter((word) => word !== '')
}

test('commands and subcommands are offered by their beginning', async () => {
  assert.deepEqual(await offered('coffer sta'), ['status'])
  assert.deepEqual(await offered('coffer kv me'), ['metadata'])
  assert.deepEqual(await offered('coffer kv metadata '), ['delete', 'get', 'patch', 'put'])
  assert.deepEqual(await offered('coffer nope '), [])
})

test('flags and their values are offered, hidden ones are not', async () => {
  assert.deepEqual(await offered('coffer kv get -ver'), ['-version'])
  assert.deepEqual(await offered('coffer kv get -format=j'), ['-format=json'])
  assert.deepEqual(await offered('coffer kv get -format '), ['table', 'json', 'yaml', 'pretty', 'raw'])
  assert.deepEqual(await offered('coffer kv get -unlock'), [])
})

test('mounts, paths and policies come from the server', async () => {
  assert.deepEqual(await offered('coffer kv get sec'), ['secret/'])
  assert.deepEqual(await offered('coffer kv get secret/w'), ['secret/web/', 'secret/worker'])
  assert.deepEqual(await offered('coffer kv get secret/web/'), ['secret/web/a', 'secret/web/b'])
  assert.deepEqual(await offered('coffer kv get -mount=secret we'), ['web/'])
  assert.deepEqual(await offered('coffer policy read def'), ['default'])
})

test('without a server there is nothing to offer, and no complaint', async () => {
  assert.deepEqual(await offered('coffer kv get secret/', { COFFER_ADDR: 'http://127.0.0.1:1' }), [])
})

test('completion is switched on and off again, and leaves the rest of the settings alone', async () => {
  writeFileSync(join(shell.home, '.bashrc'), 'alias x=y\n')
  mkdirSync(join(shell.home, '.config/fish'), { recursive: true })
  await shell.ok(['-autocomplete-install'])
  await shell.ok(['-autocomplete-install'])
  assert.equal(readFileSync(join(shell.home, '.bashrc'), 'utf8'), 'alias x=y\ncomplete -C /usr/bin/coffer coffer\n')
  assert.match(readFileSync(join(shell.home, '.config/fish/completions/coffer.fish'), 'utf8'), /COMP_LINE/)
  await shell.ok(['-autocomplete-uninstall'])
  assert.equal(readFileSync(join(shell.home, '.bashrc'), 'utf8'), 'alias x=y\n')
})
