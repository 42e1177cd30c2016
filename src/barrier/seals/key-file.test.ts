import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { memoryStore } from '../../storage/memory.ts'
import { Barrier } from '../barrier.ts'
import { initializeBarrier } from '../initialization.ts'
import { createKeyFile, openKeyFileSeal } from './key-file.ts'
import { unsealBySeal } from './unsealing.ts'

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-key-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

const refusal = (path: string, reason: RegExp) => (error: Error & { code?: string }): boolean =>
  error.code === 'bad_request' && error.message.includes(`"${path}"`) && reason.test(error.message)

test('a key file has 32 random bytes and is for its owner alone', () => inFolder(async (folder) => {
  const [one, other] = [join(folder, 'one'), join(folder, 'other')]
  await createKeyFile(one)
  await createKeyFile(other)
  const { size, mode } = await stat(one)
  assert.deepEqual([size, mode & 0o777], [32, 0o600])
  assert.notDeepEqual(await readFile(one), await readFile(other))
}))

test('a key file is never overwritten, and its folder must exist', () => inFolder(async (folder) => {
  const path = join(folder, 'key')
  await createKeyFile(path)
  const before = await readFile(path)
  await assert.rejects(createKeyFile(path), refusal(path, /exists already/))
  assert.deepEqual(await readFile(path), before)
  const nowhere = join(folder, 'absent', 'key')
  await assert.rejects(createKeyFile(nowhere), refusal(nowhere, /does not exist/))
}))

test('a key file that is missing, open to others, too short or no file is refused with a reason', () => inFolder(async (folder) => {
  const path = join(folder, 'key')
  await assert.rejects(openKeyFileSeal(path), refusal(path, /does not exist/))
  await createKeyFile(path)
  for (const mode of [0o640, 0o604, 0o660, 0o610]) {
    await chmod(path, mode)
    await assert.rejects(openKeyFileSeal(path), refusal(path, /open to other users .*chmod 600/))
  }
  for (const mode of [0o600, 0o400]) {
    await chmod(path, mode)
    assert.equal((await openKeyFileSeal(path)).type, 'keyfile')
  }
  await chmod(path, 0o600)
  await truncate(path, 31)
  await assert.rejects(openKeyFileSeal(path), refusal(path, /31 bytes instead of 32/))
  await writeFile(path, Buffer.alloc(33))
  await assert.rejects(openKeyFileSeal(path), refusal(path, /33 bytes/))
  await assert.rejects(openKeyFileSeal(folder), refusal(folder, /folder|not a file/))
}))

test('a link to a key file is followed, and the mode of the file counts', () => inFolder(async (folder) => {
  const [path, link] = [join(folder, 'key'), join(folder, 'link')]
  await createKeyFile(path)
  await symlink(path, link)
  assert.ok(await openKeyFileSeal(link))
  await chmod(path, 0o644)
  await assert.rejects(openKeyFileSeal(link), refusal(link, /mode 644/))
}))

test('a server unseals itself with its key file, and not with another one', () => inFolder(async (folder) => {
  const [path, wrong] = [join(folder, 'key'), join(folder, 'wrong')]
  await createKeyFile(path)
  await createKeyFile(wrong)
  const store = memoryStore()
  const barrier = new Barrier(store, { now: () => 0 })
  const request = { secretShares: 0, secretThreshold: 0, recoveryShares: 0, recoveryThreshold: 0 }
  const { keys, recoveryKeys } = await initializeBarrier(barrier, request, await openKeyFileSeal(path), async () => {})
  assert.deepEqual([keys, recoveryKeys], [[], []])
  const seal = await openKeyFileSeal(wrong)
  await assert.rejects(unsealBySeal(barrier, seal), { code: 'bad_request', message: /the "keyfile" seal belongs to another store/ })
  assert.ok(barrier.isSealed)
  await unsealBySeal(new Barrier(store, { now: () => 0 }), await openKeyFileSeal(path))
}))
