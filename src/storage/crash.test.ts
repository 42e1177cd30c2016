import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Store } from '../kit/store.ts'
import { readText } from './contract-parts.ts'
import { loopCount } from './crash-child.ts'
import { type LmdbStore, openLmdbStore } from './lmdb.ts'
import { seededRandom } from './seeded.ts'

const kills = Number(process.env['COFFER_KILLS'] ?? 5)
const random = seededRandom(kills)

/** Children that run; a test that fails must not leave them behind. */
const running = new Set<Storm>()

interface Storm {
  /** The last step that was acknowledged, by loop. */
  readonly acknowledged: Map<string, number>
  /** Kills the process and reads what it had still said. */
  kill(): Promise<void>
  /** Resolves when so many more commits have been acknowledged. */
  waitFor(count: number): Promise<void>
}

function startStorm(folder: string, worker: string, onAck: (loop: string, step: number) => void = () => {}): Storm {
  const program = fileURLToPath(new URL('./crash-child.js', import.meta.url))
  const child = spawn(process.execPath, [program, folder, worker], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged = new Map<string, number>()
  let count = 0
  const lines = createInterface({ input: child.stdout })
  const ended = once(lines, 'close')
  lines.on('line', (line) => {
    const [loop = '', step = ''] = line.split(' ')
    acknowledged.set(loop, Number(step))
    count += 1
    onAck(loop, Number(step))
  })
  const storm: Storm = {
    acknowledged,
    kill: async () => {
      running.delete(storm)
      child.kill('SIGKILL')
      await ended
    },
    waitFor: async (more) => {
      const goal = count + more
      for (let waited = 0; count < goal; waited += 5) {
        assert.ok(waited < 20_000, `${worker} acknowledged only ${count} commits`)
        await sleep(5)
      }
    },
  }
  running.add(storm)
  return storm
}

/** Every acknowledged step is there, and no commit is there in part. */
async function checkState(store: Store, storms: readonly Storm[]): Promise<void> {
  let total = 0
  for (const loop of await store.list('head/')) {
    const head = Number(await readText(store, `head/${loop}`))
    total += head
    assert.deepEqual(await store.list(`item/${loop}/`), [String(head)], `the item of loop ${loop} at its head`)
    assert.equal((await store.get(`item/${loop}/${head}`))?.value.length, head % 5_000)
    for (const { acknowledged } of storms) {
      const step = acknowledged.get(loop)
      // One commit of a loop is under way at a time: it may be there without having been acknowledged.
      if (step !== undefined) assert.ok(head === step || head === step + 1, `loop ${loop} is at ${head}, acknowledged was ${step}`)
    }
  }
  assert.equal(Number(await readText(store, 'count')), total)
}

async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'coffer-crash-'))
  try {
    await body(folder)
  } finally {
    await Promise.all([...running].map((storm) => storm.kill()))
    await rm(folder, { recursive: true })
  }
}

async function withStore(folder: string, body: (store: LmdbStore) => Promise<void>): Promise<void> {
  const store = await openLmdbStore({ folder })
  try {
    await body(store)
  } finally {
    await store.close()
  }
}

test(`what was acknowledged survives kill -9, and no commit is torn (${kills} kills)`, () => withFolder(async (folder) => {
  for (let round = 0; round < kills; round += 1) {
    const storm = startStorm(folder, 'w')
    await storm.waitFor(1)
    await sleep(random() * 150)
    await storm.kill()
    await withStore(folder, async (store) => {
      assert.equal((await store.list('head/')).length, loopCount)
      await checkState(store, [storm])
    })
  }
}))

test('a process that dies amid its commits neither holds up the others nor loses theirs', () => withFolder(async (folder) => {
  const survivor = startStorm(folder, 'survivor')
  await survivor.waitFor(1)
  for (let round = 0; round < Math.ceil(kills / 2); round += 1) {
    const victim = startStorm(folder, `victim${round}`)
    await victim.waitFor(1)
    await sleep(random() * 100)
    await victim.kill()
    await survivor.waitFor(200)
    await withStore(folder, (store) => checkCount(store, [victim]))
  }
  await survivor.kill()
  await withStore(folder, (store) => checkState(store, [survivor]))
}))

/** While others still write, only the dead can be checked. */
async function checkCount(store: Store, storms: readonly Storm[]): Promise<void> {
  for (const { acknowledged } of storms) {
    for (const [loop, step] of acknowledged) {
      const head = Number(await readText(store, `head/${loop}`))
      assert.ok(head === step || head === step + 1, `loop ${loop} is at ${head}, acknowledged was ${step}`)
    }
  }
}

test('what another process acknowledged is seen by the next read', () => withFolder((folder) => withStore(folder, async (store) => {
  const reads: Promise<void>[] = []
  const storm = startStorm(folder, 'writer', (loop, step) => {
    const check = async (): Promise<void> => {
      assert.ok(Number(await readText(store, `head/${loop}`)) >= step, `loop ${loop} is read older than ${step}`)
    }
    reads.push(check())
  })
  await storm.waitFor(2_000)
  await storm.kill()
  await Promise.all(reads)
  assert.ok(reads.length >= 2_000)
})))

test('a watch tells what another process commits', () => withFolder((folder) => withStore(folder, async (store) => {
  const storm = startStorm(folder, 'writer')
  const control = new AbortController()
  const heads: string[] = []
  for await (const { key } of store.watch('head/', 0, control.signal)) {
    heads.push(key)
    if (heads.length === 500) control.abort()
  }
  await storm.kill()
  assert.equal(new Set(heads).size, loopCount)
})))
