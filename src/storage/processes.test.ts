/** A folder that two processes have open. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { openLmdbStore, type LmdbStore } from './lmdb.ts'

interface Other {
  /** Resolves once the other process has been told that its commit is durable. */
  readonly commit: (text: string) => Promise<void>
  readonly end: () => Promise<void>
}

const others = new Set<ChildProcess>()

async function startOther(folder: string): Promise<Other> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'commit-child.js'), folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  others.add(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const heard = async (text: string): Promise<void> => assert.equal((await lines.next()).value, text)
  await heard('open')
  return {
    async commit(text) {
      child.stdin.write(`${text}\n`)
      await heard(text)
    },
    async end() {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

async function inFolder(body: (folder: string, store: LmdbStore) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-processes-'))
  const store = await openLmdbStore({ folder })
  try {
    await body(folder, store)
  } finally {
    for (const other of others) other.kill('SIGKILL')
    others.clear()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const told = async (store: LmdbStore): Promise<string> => String(Buffer.from((await store.get('told'))?.value ?? []))

test('what another process has committed is seen at once, whatever was read, listed or counted before', () => inFolder(async (folder, store) => {
  const other = await startOther(folder)
  const before: readonly (() => Promise<unknown>)[] = [() => store.get('told'), () => store.list(''), () => store.stats(), () => store.lastCommit(), async () => null]
  for (const [i, first] of before.entries()) for (const [j, second] of before.entries()) {
    for (const work of [first, second]) {
      await work()
      await new Promise(setImmediate)
    }
    await other.commit(`${i} ${j}`)
    assert.equal(await told(store), `${i} ${j}`)
  }
  await other.end()
}))

test('who holds begins no transaction while another process opens the folder, and loses nothing', () => inFolder(async (folder, store) => {
  const acknowledged = new Set<string>()
  let isOver = false
  const writing = (async () => {
    for (let i = 0; !isOver; i++) {
      await store.commit([], [{ put: `own/${i}`, value: Buffer.from('x') }])
      acknowledged.add(`own/${i}`)
    }
  })()
  for (let i = 0; i < 5; i++) {
    await store.hold()
    const before = await store.lastCommit()
    const other = await startOther(folder)
    assert.equal(await store.lastCommit(), before, 'nothing is committed while it holds')
    store.goOn()
    await other.commit(String(i))
    assert.equal(await told(store), String(i))
    await other.end()
  }
  isOver = true
  await writing
  for (const key of acknowledged) assert.notEqual(await store.get(key), null, key)
  assert.ok(acknowledged.size > 5)
}))
