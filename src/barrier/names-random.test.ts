import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conflict } from '../kit/errors.ts'
import type { Expectation, Store, Write } from '../kit/store.ts'
import { type LayeredStore, commitTogether } from '../storage/layered.ts'
import { memoryStore } from '../storage/memory.ts'
import { seededRandom } from '../storage/seeded.ts'
import { openTestKeyring } from './fixtures.ts'
import type { Keyring } from './keyring.ts'
import { sealedNames } from './names.ts'
import { checkTree } from './tree-check.ts'
import { sealedValues } from './values.ts'

type Random = () => number

const isHidden = (path: string): boolean => path.startsWith('.')

/** The same store, with every answer late by a random number of turns, so that concurrent commits interleave differently with each seed. */
function jittered(store: Store, random: Random): Store {
  const late = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 6); turns > 0; turns -= 1) await Promise.resolve()
    if (random() < 0.05) await new Promise((resolve) => setImmediate(resolve))
  }
  const after = async <T>(work: () => Promise<T>): Promise<T> => {
    await late()
    const result = await work()
    await late()
    return result
  }
  return {
    get: (key) => after(() => store.get(key)),
    list: (prefix, options) => after(() => store.list(prefix, options)),
    commit: (expectations, writes) => after(() => store.commit(expectations, writes)),
    watch: (prefix, from, signal) => store.watch(prefix, from, signal),
    lastCommit: () => after(() => store.lastCommit()),
  }
}

interface Done {
  readonly commit: number
  readonly writes: readonly Write[]
}

interface World {
  readonly random: Random
  readonly base: Store
  readonly keyring: Keyring
  /** Two workers: each with caches of its own over the one store. */
  readonly trees: readonly LayeredStore[]
  readonly done: Done[]
}

function createWorld(seed: number): World {
  const random = seededRandom(seed)
  const base = memoryStore()
  const keyring = openTestKeyring()
  const openTree = (): LayeredStore =>
    sealedNames(sealedValues(jittered(base, random), keyring, { cacheBytes: 40_000 }), 'tree', () => keyring.subkey('names'))
  return { random, base, keyring, trees: [openTree(), openTree()], done: [] }
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const append = (current: Uint8Array | null): Uint8Array => bytes(`${current === null ? '' : Buffer.from(current)}+`)
const toggle = (current: Uint8Array | null): Uint8Array | null => (current === null ? bytes('on') : null)

function randomWrite(random: Random, path: string, text: string): Write {
  const dice = random()
  if (dice < 0.4) return { put: path, value: bytes(text) }
  if (dice < 0.75) return { del: path }
  return { merge: path, by: dice < 0.85 ? append : toggle }
}

async function commitRandom(world: World, paths: readonly string[], text: string): Promise<void> {
  const { random, trees } = world
  const tree = trees[random() < 0.5 ? 0 : 1] as LayeredStore
  const chosen = new Set(Array.from({ length: 1 + Math.floor(random() * 3) }, () => paths[Math.floor(random() * paths.length)] as string))
  const writes = [...chosen].map((path) => randomWrite(random, path, text))
  const expectations: Expectation[] = []
  if (random() < 0.3) {
    const [path] = chosen as unknown as [string]
    expectations.push({ key: path, version: (await tree.get(path))?.version ?? 0 })
  }
  try {
    const commit = random() < 0.8 ? await tree.commit(expectations, writes) : await commitTogether([{ store: tree, expectations, writes }, { store: tree.base, expectations: [], writes: [] }])
    world.done.push({ commit, writes })
  } catch (error) {
    assert.ok(error instanceof Conflict, String(error))
    // Through `commit`, only what the caller expected itself may conflict.
    if (expectations.length === 0 && !error.key.startsWith('t/')) throw error
  }
}

/** What the tree must hold: the commits that succeeded, in the order of their numbers, over the plainest store. */
async function replay(done: readonly Done[]): Promise<Store> {
  const model = memoryStore()
  for (const { writes } of [...done].sort((one, other) => one.commit - other.commit)) await model.commit([], writes)
  return model
}

async function compareFolder(tree: Store, model: Store, folder: string): Promise<void> {
  const names = (await model.list(folder)).filter((name) => !isHidden(folder + name))
  assert.deepEqual(await tree.list(folder), names, folder)
  assert.deepEqual(await tree.list(folder, { reverse: true }), [...names].reverse(), folder)
  for (const name of names) {
    if (name.endsWith('/')) await compareFolder(tree, model, folder + name)
    else assert.deepEqual((await tree.get(folder + name))?.value.toString(), (await model.get(folder + name))?.value.toString())
  }
}

async function checkWorld(world: World, paths: readonly string[]): Promise<void> {
  const model = await replay(world.done)
  for (const tree of world.trees) {
    await compareFolder(tree, model, '')
    for (const path of paths) assert.equal((await tree.get(path)) === null, (await model.get(path)) === null, path)
  }
  const findings = await checkTree(sealedValues(world.base, world.keyring), 'tree', () => world.keyring.subkey('names'))
  assert.deepEqual(findings, [])
}

const small = ['a', 'a/b', 'a/b/c', 'a/b/d', 'b/c/d/e', 'b', 'b/c', '.hidden/a', '.hidden/b', 'a/.seen', '/x', '//y']
const wide = Array.from({ length: 900 }, (_, index) => `wide/${index % 3 === 0 ? 'deep/' : ''}name-${(index * 7919) % 900}`)

for (let seed = 1; seed <= 30; seed += 1) {
  test(`concurrent commits to few paths leave what their order makes, and a sound tree (seed ${seed})`, async () => {
    const world = createWorld(seed)
    for (let round = 0; round < 12; round += 1) {
      await Promise.all(Array.from({ length: 12 }, (_, index) => commitRandom(world, small, `${round}-${index}`)))
      await checkWorld(world, small)
    }
  })
}

for (let seed = 101; seed <= 104; seed += 1) {
  test(`concurrent commits to folders of many pages leave what their order makes, and a sound tree (seed ${seed})`, async () => {
    const world = createWorld(seed)
    const [one, other] = world.trees as [LayeredStore, LayeredStore]
    const fill = wide.map((path): Write => ({ put: path, value: bytes('first') }))
    for (let at = 0; at < fill.length; at += 60) {
      const parts = [fill.slice(at, at + 30), fill.slice(at + 30, at + 60)]
      const commits = await Promise.all([one.commit([], parts[0] ?? []), other.commit([], parts[1] ?? [])])
      commits.forEach((commit, index) => world.done.push({ commit, writes: parts[index] ?? [] }))
    }
    await checkWorld(world, [])
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(Array.from({ length: 60 }, (_, index) => commitRandom(world, wide, `${round}-${index}`)))
      await checkWorld(world, [])
    }
    // All goes, in random order and in crowds, until nothing is left.
    const rest = [...wide].sort(() => world.random() - 0.5)
    for (let at = 0; at < rest.length; at += 40) {
      await Promise.all(rest.slice(at, at + 40).map(async (path, index) => {
        const writes: Write[] = [{ del: path }]
        world.done.push({ commit: await (index % 2 === 0 ? one : other).commit([], writes), writes })
      }))
      if (at % 200 === 0) await checkWorld(world, [])
    }
    await checkWorld(world, [])
    assert.deepEqual(await world.base.list('t/tree/'), ['x/'])
  })
}
