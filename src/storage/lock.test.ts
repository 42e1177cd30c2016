import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder } from './lock.ts'

const moduleUrl = JSON.stringify(new URL('./lock.js', import.meta.url).href)

const held = { code: 'conflict', message: /another server already uses the storage folder/ }

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-lock-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A process that locks the folder; `answer` is 'locked' or the code of its failure. It holds the lock until it is ended. */
async function startHolder(folder: string) {
  const script = `
    import { lockFolder } from ${moduleUrl}
    const answer = await lockFolder(process.argv[1]).then(() => 'locked', (error) => error.code ?? String(error))
    process.stdout.write(answer)
    setInterval(() => {}, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [answer] = await once(child.stdout, 'data')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  return { answer: String(answer), kill }
}

test('a folder is locked once, and again after it was released', () => withFolder(async (folder) => {
  const lock = await lockFolder(folder)
  await assert.rejects(lockFolder(folder), held)
  await assert.rejects(lockFolder(join(folder, '..', folder.slice(folder.lastIndexOf('/') + 1))), held)
  await lock.release()
  await (await lockFolder(folder)).release()
}))

test('of many that lock at once in one process exactly one succeeds', () => withFolder(async (folder) => {
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => lockFolder(folder)))
  const locks = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  assert.equal(locks.length, 1)
  await locks[0]?.release()
}))

test('a lock keeps other processes out, and kill -9 of its holder leaves nothing stale', () => withFolder(async (folder) => {
  const holder = await startHolder(folder)
  assert.equal(holder.answer, 'locked')
  await assert.rejects(lockFolder(folder), held)
  const other = await startHolder(folder)
  assert.equal(other.answer, 'conflict')
  await other.kill()
  await assert.rejects(lockFolder(folder), held)
  await holder.kill()
  await (await lockFolder(folder)).release()
}))

/** A process that keeps a copy of the lock, as a worker does, and ends when its input does. */
const keeper = `process.on('message', (_, handle) => { globalThis.kept = handle; process.send('kept') })`

/** A process that locks the folder, and another one that keeps a copy. Answers what ends each of them. */
async function startPair(folder: string) {
  const script = `
    import { fork } from 'node:child_process'
    import { lockFolder } from ${moduleUrl}
    const { copy } = await lockFolder(process.argv[1])
    const child = fork(process.argv[2])
    child.send('keep', copy)
    child.once('message', () => process.stdout.write(String(child.pid)))
    setInterval(() => {}, 60_000)`
  const file = join(folder, 'keeper.cjs')
  await writeFile(file, keeper)
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [pid] = await once(child.stdout, 'data')
  // Stopped, it does not notice that the other one is gone.
  process.kill(Number(pid), 'SIGSTOP')
  return {
    endHolder: async () => {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
    endKeeper: () => process.kill(Number(pid), 'SIGKILL'),
  }
}

test('while a process that shared the store lives, nobody locks the folder, though the holder is gone; who waits locks it then', () => withFolder(async (folder) => {
  const pair = await startPair(folder)
  await assert.rejects(lockFolder(folder), held)
  await pair.endHolder()
  const order: string[] = []
  const waiting = lockFolder(folder).then(async (lock) => {
    order.push('locked')
    await lock.release()
  })
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  order.push('ended')
  pair.endKeeper()
  await waiting
  assert.deepEqual(order, ['ended', 'locked'])
}))

test('of many processes that lock at once exactly one succeeds', () => withFolder(async (folder) => {
  const holders = await Promise.all(Array.from({ length: 4 }, () => startHolder(folder)))
  assert.deepEqual(holders.map(({ answer }) => answer).sort(), ['conflict', 'conflict', 'conflict', 'locked'])
  await Promise.all(holders.map(({ kill }) => kill()))
}))

const cannotShorten = process.platform === 'linux' ? false : 'only Linux can shorten the path of a socket'

test('a folder with a long path can be locked', { skip: cannotShorten }, () =>
  withFolder(async (folder) => {
    const deep = join(folder, 'd'.repeat(100), 'e'.repeat(100))
    const lock = await lockFolder(deep)
    await assert.rejects(lockFolder(deep), held)
    await lock.release()
    await (await lockFolder(deep)).release()
  }))

test('a file in the place of the folder is named as such', () => withFolder(async (folder) => {
  const path = join(folder, 'file')
  await writeFile(path, '')
  await assert.rejects(lockFolder(path), { code: 'internal', message: /is not a directory/ })
  await assert.rejects(lockFolder(join(path, 'below')), { code: 'internal', message: /is not a directory/ })
}))

test('a lock does not keep its process alive', () => withFolder(async (folder) => {
  await mkdir(folder, { recursive: true })
  const script = `import { lockFolder } from ${moduleUrl}; await lockFolder(process.argv[1])`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: 'inherit' })
  assert.deepEqual(await once(child, 'exit'), [0, null])
}))
