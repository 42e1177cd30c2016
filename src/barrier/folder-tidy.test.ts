import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store, Write } from '../kit/store.ts'
import { keyOf, type LayeredStore } from '../storage/layered.ts'
import { memoryStore } from '../storage/memory.ts'
import { openTestKeyring } from './testing.ts'
import { sealedNames } from './names.ts'
import { decodeFolder, decodeLower } from './pages.ts'
import { checkTree } from './tree-check.ts'
import { KeyCache, treeKeys } from './tree-keys.ts'
import { sealedValues } from './values.ts'

const put = (path: string): Write => ({ put: path, value: Buffer.from('1') })
const nameOf = (index: number): string => `n${String(index).padStart(3, '0')}`

/** Two workers over one store; just before the first one commits changes of pages only, `interfere` runs, once. */
function createWorld() {
  const base = memoryStore()
  const keyring = openTestKeyring()
  const nameKey = () => keyring.subkey('names')
  let interfere: (() => Promise<unknown>) | null = null
  const hooked: Store = {
    ...base,
    async commit(expectations, writes) {
      const touchesPagesOnly = writes.every((write) => keyOf(write).includes('/d/'))
      const work = touchesPagesOnly ? interfere : null
      if (work !== null) {
        interfere = null
        await work()
      }
      return await base.commit(expectations, writes)
    },
  }
  const open = (store: Store): LayeredStore => sealedNames(sealedValues(store, keyring), 'tree', nameKey, { pageNames: 16 })
  const values = sealedValues(base, keyring)
  return {
    one: open(hooked), other: open(base), values, keys: treeKeys('tree', nameKey, new KeyCache(100_000)),
    onTidy: (work: () => Promise<unknown>) => void (interfere = work),
    hasInterfered: () => interfere === null,
    findings: () => checkTree(values, 'tree', nameKey),
  }
}

type World = ReturnType<typeof createWorld>

async function leavesOf({ values, keys }: World): Promise<string[][]> {
  const root = await values.get(keys.folder('f/'))
  const page = root === null ? null : decodeFolder(root.value)
  if (page?.kind !== 'large') return page === null ? [] : [[...page.names]]
  return await Promise.all(page.refs.map(async ({ id }) => {
    const leaf = await values.get(keys.leaf('f/', id))
    const part = leaf === null ? null : decodeLower(leaf.value)
    return part?.kind === 'leaf' ? [...part.names] : []
  }))
}

async function fill({ other }: World, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => nameOf(index * 10))
  for (const name of names) await other.commit([], [put(`f/${name}`)])
  return names
}

async function expectNames(world: World, names: readonly string[]): Promise<void> {
  assert.ok(world.hasInterfered())
  for (const tree of [world.one, world.other]) assert.deepEqual(await tree.list('f/'), [...names].sort())
  assert.deepEqual(await world.findings(), [])
}

test('a folder that is split while another worker adds to it keeps both', async () => {
  const world = createWorld()
  const names = await fill(world, 16)
  assert.equal((await leavesOf(world)).length, 1)
  world.onTidy(() => world.other.commit([], [put('f/n005')]))
  await world.one.commit([], [put('f/n015')])
  assert.ok((await leavesOf(world)).length > 1)
  await expectNames(world, [...names, 'n005', 'n015'])
})

test('a leaf that is split while another worker adds to it, or removes from it, keeps both', async () => {
  for (const interference of [put('f/n005'), { del: 'f/n000' }]) {
    const world = createWorld()
    const names = await fill(world, 17)
    for (const name of ['n001', 'n002', 'n003', 'n004'].slice(0, 16 - ((await leavesOf(world))[0]?.length ?? 0))) {
      await world.other.commit([], [put(`f/${name}`)])
      names.push(name)
    }
    assert.equal((await leavesOf(world))[0]?.length, 16)
    world.onTidy(() => world.other.commit([], [interference]))
    await world.one.commit([], [put('f/n015')])
    const expected = new Set([...names, 'n015'])
    if ('put' in interference) expected.add('n005')
    else expected.delete('n000')
    await expectNames(world, [...expected])
  }
})

test('leaves that are joined while another worker changes either of them lose nothing', async () => {
  for (const which of [0, 1]) {
    for (const isAdding of [true, false]) {
      const world = createWorld()
      const names = await fill(world, 17)
      const [first = [], second = []] = await leavesOf(world)
      // Leaves of two and three names, of which one more is removed: then both fit on half a page.
      const gone = [...first.slice(2), ...second.slice(3)]
      for (const name of gone) await world.other.commit([], [{ del: `f/${name}` }])
      const [one, two] = (await leavesOf(world)) as [string[], string[]]
      const target = (which === 0 ? one : two) as string[]
      const interference: Write = isAdding ? put(`f/${target[0]}x`) : { del: `f/${target[1]}` }
      world.onTidy(() => world.other.commit([], [interference]))
      await world.one.commit([], [{ del: `f/${one[0]}` }])
      const expected = new Set(names.filter((name) => !gone.includes(name)))
      expected.delete(one[0] as string)
      if (isAdding) expected.add(`${target[0]}x`)
      else expected.delete(target[1] as string)
      await expectNames(world, [...expected])
    }
  }
})

test('a folder that shrinks becomes one page again, and none when it is empty', async () => {
  const world = createWorld()
  const names = await fill(world, 100)
  assert.ok((await leavesOf(world)).length > 6)
  for (const name of names.slice(3)) await world.one.commit([], [{ del: `f/${name}` }])
  assert.ok((await leavesOf(world)).length <= 2)
  for (const name of names.slice(0, 3)) await world.one.commit([], [{ del: `f/${name}` }])
  assert.deepEqual(await leavesOf(world), [])
  assert.deepEqual(await world.values.list('t/tree/d/'), [])
})
