/** Snapshots by the command, with real servers: saved while they are written to, restored into the same one and into another. */
import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openShell, type TestShell } from './testing/command.ts'
import { startTestServer } from './testing/server.ts'

async function withServers(count: number, work: (shells: readonly TestShell[], file: string) => Promise<void>): Promise<void> {
  const servers = await Promise.all(Array.from({ length: count }, () => startTestServer()))
  const shells = servers.map(({ address, token }) => openShell({ COFFER_ADDR: address, COFFER_TOKEN: token }))
  try {
    await work(shells, join((shells[0] as TestShell).home, 'coffer.snap'))
  } finally {
    for (const shell of shells) shell.close()
    for (const server of servers) await server.stop()
  }
}

test('what is saved is inspected, verified and restored; the file is for its owner alone', () => withServers(1, async ([shell], file) => {
  const { ok, run } = shell as TestShell
  await ok(['kv', 'put', 'secret/a', 'value=before'])
  assert.match(await ok(['operator', 'snapshot', 'save', file]), /^Success! Saved \d+ entries as of commit \d+ to: /)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await ok(['kv', 'put', 'secret/a', 'value=after'])
  assert.match(await ok(['operator', 'snapshot', 'inspect', file]), /^key_fingerprint +[0-9a-f]{32}$/m)
  assert.match(await ok(['operator', 'snapshot', 'verify', '-offline', file]), /^whole: \d+ entries as of commit \d+\./)
  assert.match(await ok(['operator', 'snapshot', 'verify', file]), /^intact: \d+ entries as of commit \d+, made by this cluster and unchanged since\n$/)
  assert.match(await ok(['operator', 'raft', 'snapshot', 'restore', file]), /^Success! Restored \d+ entries as of /)
  assert.equal(await ok(['kv', 'get', '-field=value', 'secret/a']), 'before')
  const damaged = Buffer.from(readFileSync(file))
  damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] as number) ^ 1
  writeFileSync(`${file}.damaged`, damaged)
  for (const verb of [['verify'], ['verify', '-offline'], ['inspect'], ['restore']]) {
    const { code, err } = await run(['operator', 'snapshot', ...verb, `${file}.damaged`])
    assert.equal(code, 2, verb.join(' '))
    assert.match(err, /no whole snapshot/)
  }
  assert.match((await run(['operator', 'snapshot', 'restore', `${file}.absent`])).err, /no such file or directory/)
}))

test('a snapshot of another server is refused politely, and restored by force; what is cut off leaves no file', () => withServers(2, async ([one, other], file) => {
  await (one as TestShell).ok(['kv', 'put', 'secret/a', 'value=one'])
  await (one as TestShell).ok(['operator', 'raft', 'snapshot', 'save', file])
  const { ok, run } = other as TestShell
  assert.match((await run(['operator', 'snapshot', 'verify', file])).err, /whole, but of another cluster/)
  const refused = await run(['operator', 'snapshot', 'restore', file])
  assert.equal(refused.code, 2)
  assert.match(refused.err, /of another cluster .*snapshot-force restores it all the same/)
  await ok(['kv', 'put', 'secret/b', 'value=still here'])
  await ok(['operator', 'snapshot', 'restore', '-force', file])
  assert.match((await run(['status'])).out, /^Sealed +true$/m)
  const failed = await run(['operator', 'snapshot', 'save', `${file}.second`])
  assert.notEqual(failed.code, 0)
  assert.throws(() => statSync(`${file}.second`))
  assert.throws(() => statSync(`${file}.second.part`))
}))
