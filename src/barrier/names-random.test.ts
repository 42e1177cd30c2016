import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Expectation, Store, Write } from '../kit/store.ts'
import { faultyStore } from '../storage/faulty.ts'
import { commitTogether, type LayeredStore } from '../storage/layered.ts'
import { memoryStore } from '../storage/memory.ts'
import { seededRandom } from '../storage/seeded.ts'
import { openTestKeyring } from './testing.ts'
import type { Keyring } from './keyring.ts'
import { sealedNames } from './names.ts'
import { checkTree } from './tree-check.ts'
import { secondLayout } from './tree-keys.ts'
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
  /** Trees of both layouts. */
  readonly tree: string
  readonly random: Random
  readonly base: Store
  readonly keyring: Keyring
  /** Two workers: each with caches of its own over the one store. */
  readonly trees: readonly LayeredStore[]
  readonly done: Done[]
}

function createWorld(seed: number, pageNames = 256): World {
  const random = seededRandom(seed)
  const base = memoryStore()
  const keyring = openTestKeyring()
  const tree = seed % 2 === 0 ? secondLayout('tree') : 'tree'
  const openTree = (): LayeredStore =>
    sealedNames(sealedValues(jittered(base, random), keyring, { cacheBytes: 40_000 }), tree, () => keyring.subkey('names'), { pageNames })
  return { tree, random, base, keyring, trees: [openTree(), openTree()], done: [] }
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
  const isPlain = random() < 0.8
  try {
    const parts = [{ store: tree, expectations, writes }, { store: tree.base, expectations: [], writes: [] }]
    world.done.push({ commit: isPlain ? await tree.commit(expectations, writes) : await commitTogether(parts), writes })
  } catch (error) {
    assert.ok(error instanceof Conflict, String(error))
    // Through `commit`, only what the caller expected itself may conflict; a lowered commit names physical keys.
    assert.ok(error.key === expectations[0]?.key || error.key.startsWith(`t/${world.tree}/`), error.key)
    if (isPlain) assert.ok(error.key === expectations[0]?.key, error.key)
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
  const findings = await checkTree(sealedValues(world.base, world.keyring), world.tree, () => world.keyring.subkey('names'))
  assert.deepEqual(findings, [])
}

const serial = (last: string): string => `s/31-00-6b-1d-3a-97-e8-${'c4-'.repeat(12)}${last}`
const small = ['a', 'a/b', 'a/b/c', 'a/b/d', 'b/c/d/e', 'b', 'b/c', '.hidden/a', '.hidden/b', 'a/.seen', '/x', '//y']
const withSerials = [...small, serial('01'), serial('02')]

for (let seed = 1; seed <= 20; seed += 1) {
  test(`concurrent commits to few paths leave what their order makes, and a sound tree (seed ${seed})`, async () => {
    const world = createWorld(seed)
    for (let round = 0; round < 12; round += 1) {
      await Promise.all(Array.from({ length: 12 }, (_, index) => commitRandom(world, withSerials, `${round}-${index}`)))
      await checkWorld(world, withSerials)
    }
  })
}

const nameOf = (index: number): string => `name-${String(index).padStart(3, '0')}`
const inOrder = (names: readonly string[], reverse: boolean): string[] => (reverse ? [...names].sort().reverse() : [...names].sort())

/** Lists while others write: whatever comes and goes, the names that stay are told once each, in order. */
async function listMeanwhile({ random, trees }: World, stays: readonly string[]): Promise<void> {
  const tree = trees[random() < 0.5 ? 0 : 1] as LayeredStore
  const reverse = random() < 0.5
  const names: string[] = []
  const limit = 1 + Math.floor(random() * 40)
  for (;;) {
    const after = names.at(-1)
    const page = await tree.list('wide/', { limit, reverse, ...(after === undefined ? {} : { after }) })
    names.push(...page)
    if (page.length < limit) break
  }
  assert.deepEqual(names, inOrder([...new Set(names)], reverse))
  assert.deepEqual(names.filter((name) => stays.includes(name)), inOrder(stays, reverse))
}

/** A commit of a burst: many names of one stretch come or go at once. */
async function commitBurst(world: World, paths: readonly string[], isAdding: boolean): Promise<void> {
  const { random, trees, done } = world
  const start = Math.floor(random() * paths.length)
  const burst = paths.slice(start, start + 1 + Math.floor(random() * 12))
  const writes = burst.map((path): Write => (isAdding ? { put: path, value: bytes('burst') } : { del: path }))
  done.push({ commit: await (trees[random() < 0.5 ? 0 : 1] as LayeredStore).commit([], writes), writes })
}

for (let seed = 101; seed <= 112; seed += 1) {
  test(`a folder of many small pages grows and shrinks under concurrent commits and lists, and stays sound (seed ${seed})`, async () => {
    const world = createWorld(seed, 8)
    const all = Array.from({ length: 150 }, (_, index) => nameOf(index))
    const stays = all.filter((_, index) => index % 31 === 7)
    const paths = all.filter((name) => !stays.includes(name)).map((name) => `wide/${name}`)
    for (const [index, name] of stays.entries()) {
      const writes = [{ put: `wide/${name}`, value: bytes('stays') }]
      world.done.push({ commit: await (world.trees[index % 2] as LayeredStore).commit([], writes), writes })
    }
    for (const isAdding of [true, false, true, false]) {
      for (let round = 0; round < 5; round += 1) {
        const bursts = Array.from({ length: 14 }, () => commitBurst(world, paths, isAdding))
        const others = Array.from({ length: 6 }, (_, index) => commitRandom(world, paths, `${round}-${index}`))
        const lists = Array.from({ length: 4 }, () => listMeanwhile(world, stays))
        await Promise.all([...bursts, ...others, ...lists])
        await checkWorld(world, [])
      }
    }
  })
}

for (let seed = 201; seed <= 204; seed += 1) {
  test(`a folder that is emptied by a crowd leaves nothing behind (seed ${seed})`, async () => {
    const world = createWorld(seed, 8)
    const paths = Array.from({ length: 120 }, (_, index) => `wide/${index % 3 === 0 ? 'deep/' : ''}${nameOf(index)}`)
    for (const isAdding of [true, false]) {
      const order = [...paths].sort(() => world.random() - 0.5)
      for (let at = 0; at < order.length; at += 40) {
        await Promise.all(order.slice(at, at + 40).map(async (path, index) => {
          const writes: Write[] = [isAdding ? { put: path, value: bytes('1') } : { del: path }]
          world.done.push({ commit: await (world.trees[index % 2] as LayeredStore).commit([], writes), writes })
        }))
        await checkWorld(world, [])
      }
    }
    assert.deepEqual(await world.base.list(`t/${world.tree}/`), ['x/'])
  })
}

for (let seed = 301; seed <= 308; seed += 1) {
  test(`commits that fail, or of which nobody knows whether they did, leave a sound tree (seed ${seed})`, async () => {
    const world = createWorld(seed)
    const faulty = faultyStore(world.base, seed, { errorBefore: 0.1, errorAfter: 0.1, conflict: 0.1, readError: 0.02 })
    const values = sealedValues(jittered(faulty, world.random), world.keyring)
    const tree = sealedNames(values, world.tree, () => world.keyring.subkey('names'), { pageNames: 8 })
    const paths = [...small, ...Array.from({ length: 60 }, (_, index) => `wide/${nameOf(index)}`)]
    for (let round = 0; round < 60; round += 1) {
      await Promise.all(Array.from({ length: 6 }, async () => {
        const path = paths[Math.floor(world.random() * paths.length)] as string
        await tree.commit([], [randomWrite(world.random, path, 'x')]).catch((error: unknown) => {
          assert.ok(error instanceof ApiError && error.code === 'overloaded', String(error))
        })
      }))
    }
    assert.ok(faulty.faults.errorAfter > 5 && faulty.faults.conflict > 0)
    assert.deepEqual(await checkTree(sealedValues(world.base, world.keyring), world.tree, () => world.keyring.subkey('names')), [])
  })
}
