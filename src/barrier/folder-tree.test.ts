/** Folders so large that there are pages between the first one and the leaves: no page grows with the folder, and nothing else is noticed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Write } from '../kit/store.ts'
import type { LayeredStore } from '../storage/layered.ts'
import { memoryStore } from '../storage/memory.ts'
import { seededRandom } from '../storage/seeded.ts'
import { sealedNames } from './names.ts'
import { decodeFolder, decodeLower, encodePage, type LargeFolder, type Page } from './pages.ts'
import { encodeRecord } from './record.ts'
import { openTestKeyring } from './testing.ts'
import { checkTree } from './tree-check.ts'
import { KeyCache, treeKeys } from './tree-keys.ts'
import { sealedValues } from './values.ts'

const put = (path: string): Write => ({ put: path, value: Buffer.from('1') })
const nameOf = (index: number): string => `n${String(index).padStart(5, '0')}`
const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => nameOf(from + i))

/** Two workers over one store, with pages of a few names. */
function createWorld(pageNames: number) {
  const base = memoryStore({ rememberedCommits: 1 })
  const keyring = openTestKeyring()
  const nameKey = () => keyring.subkey('names')
  const values = sealedValues(base, keyring)
  const open = (): LayeredStore => sealedNames(sealedValues(base, keyring), 'tree', nameKey, { pageNames, obituaryCommits: 1 })
  const keys = treeKeys('tree', nameKey, new KeyCache(1_000_000))
  const root = async (): Promise<LargeFolder | null> => {
    const entry = await values.get(keys.folder('f/'))
    const page = entry === null ? null : decodeFolder(entry.value)
    return page?.kind === 'large' ? page : null
  }
  /** The most that any page lists. */
  const widest = async (): Promise<number> => {
    let most = 0
    for (const name of await base.list('t/tree/d/')) {
      const entry = await values.get(`t/tree/d/${name}`)
      const page = entry === null ? null : name.includes('.') ? decodeLower(entry.value) : decodeFolder(entry.value)
      if (page !== null) most = Math.max(most, 'refs' in page ? page.refs.length : page.names.length)
    }
    return most
  }
  return { base, values, keys, one: open(), other: open(), root, widest, findings: () => checkTree(values, 'tree', nameKey) }
}

type World = ReturnType<typeof createWorld>

/** Commits of several changes each, from both workers at once. */
async function change(world: World, writes: readonly Write[], perCommit = 3): Promise<void> {
  const commits: (readonly Write[])[] = []
  for (let i = 0; i < writes.length; i += perCommit) commits.push(writes.slice(i, i + perCommit))
  for (let i = 0; i < commits.length; i += 4) {
    await Promise.all(commits.slice(i, i + 4).map((commit, at) => (at % 2 === 0 ? world.one : world.other).commit([], commit)))
  }
}

async function expectNames(world: World, names: ReadonlySet<string>): Promise<void> {
  const sorted = [...names].sort()
  assert.deepEqual(await world.findings(), [])
  assert.deepEqual(await world.one.list('f/'), sorted)
  assert.deepEqual(await world.other.list('f/', { reverse: true }), sorted.toReversed())
  const some = sorted[Math.floor(sorted.length / 2)]
  if (some === undefined) return
  assert.deepEqual(await world.one.list('f/', { after: some, limit: 7 }), sorted.slice(sorted.indexOf(some) + 1).slice(0, 7))
  assert.deepEqual(await world.one.list('f/', { after: some, limit: 7, reverse: true }), sorted.slice(0, sorted.indexOf(some)).toReversed().slice(0, 7))
}

test('names that come in order, or in any, make levels as they are needed, and no page outgrows its bound', async () => {
  for (const isInOrder of [true, false]) {
    const world = createWorld(8)
    const random = seededRandom(7)
    const names = range(0, 1_500).map((name) => [isInOrder ? 0 : random(), name] as const).sort((a, b) => a[0] - b[0]).map(([, name]) => name)
    await change(world, names.map((name) => put(`f/${name}`)))
    assert.ok(((await world.root())?.level ?? 0) >= 3, 'there are levels')
    assert.ok((await world.widest()) <= 8 * 4, `${await world.widest()} on one page`)
    await expectNames(world, new Set(names))
  }
})

test('a folder that is emptied from any end loses its levels, and begins anew', async () => {
  for (const order of ['up', 'down', 'middle'] as const) {
    const world = createWorld(8)
    const names = range(0, 600)
    await change(world, names.map((name) => put(`f/${name}`)))
    const half = names.length / 2
    const gone = order === 'up' ? names : order === 'down' ? names.toReversed() : [...names.slice(half), ...names.slice(0, half).toReversed()]
    await change(world, gone.slice(0, -5).map((name) => ({ del: `f/${name}` })))
    await expectNames(world, new Set(gone.slice(-5)))
    await change(world, gone.slice(-5).map((name) => ({ del: `f/${name}` })))
    assert.deepEqual(await world.base.list('t/tree/d/'), [])
    await change(world, [put('f/again')])
    await expectNames(world, new Set(['again']))
  }
})

test('whole stretches that are emptied at once take names again', async () => {
  const world = createWorld(8)
  const names = new Set(range(0, 900))
  await change(world, [...names].map((name) => put(`f/${name}`)))
  for (const [from, to] of [[200, 600], [0, 150], [700, 900]] as const) {
    // One commit each: no page is joined with another meanwhile, so branches are left without anything below them.
    await world.one.commit([], range(from, to).map((name) => ({ del: `f/${name}` })))
    for (const name of range(from, to)) names.delete(name)
    await expectNames(world, names)
  }
  const back = [250, 251, 450, 599, 0, 77, 899].map(nameOf)
  await Promise.all(back.map((name, i) => (i % 2 === 0 ? world.one : world.other).commit([], [put(`f/${name}`)])))
  for (const name of back) names.add(name)
  await expectNames(world, names)
})

for (let seed = 1; seed <= 6; seed += 1) test(`a crowd that adds and removes leaves what it should (seed ${seed})`, async () => {
  const world = createWorld(4)
  const random = seededRandom(seed)
  const names = new Set<string>()
  for (let round = 0; round < 40; round += 1) {
    // It grows, and shrinks, in stretches.
    const isGrowing = round % 10 < 6
    const from = Math.floor(random() * 300)
    const stretch = range(from, from + 40).filter(() => random() < 0.6)
    await change(world, stretch.map((name) => (isGrowing ? put(`f/${name}`) : { del: `f/${name}` })), 1 + Math.floor(random() * 12))
    for (const name of stretch) if (isGrowing) names.add(name)
    else names.delete(name)
  }
  await expectNames(world, names)
})

test('a folder of form 1, whose first page lists all leaves, is read as it is and becomes a tree when it grows', async () => {
  const world = createWorld(8)
  const names = range(0, 600).filter((_, i) => i % 2 === 0)
  const { keys, values } = world
  // As the version before wrote it: any number of leaves right below the first page.
  const leaves = Array.from({ length: names.length / 6 }, (_, i) => names.slice(i * 6, i * 6 + 6))
  const lowOf = (i: number): string => (i === 0 ? '' : (leaves[i]?.[0] ?? ''))
  const pages: [string, Page][] = leaves.map((own, i) => [keys.leaf('f/', i + 1), { kind: 'leaf', low: lowOf(i), high: leaves[i + 1]?.[0] ?? null, names: own }])
  pages.push([keys.folder('f/'), { kind: 'large', folder: 'f/', nextId: leaves.length + 1, level: 1, refs: leaves.map((_, i) => ({ low: lowOf(i), id: i + 1, filled: true })) }])
  await values.commit([], [
    ...pages.map(([key, page]) => ({ put: key, value: encodePage(page) })),
    ...names.map((name) => ({ put: keys.record(`f/${name}`), value: encodeRecord(`f/${name}`, Buffer.from('1')) })),
    { put: keys.folder(''), value: encodePage({ kind: 'small', folder: '', names: ['f/'] }) },
  ])
  const all = new Set(names)
  await expectNames(world, all)
  const fresh = range(0, 120).filter((_, i) => i % 2 === 1)
  for (const name of fresh) await world.one.commit([], [put(`f/${name}`)])
  for (const name of fresh) all.add(name)
  await expectNames(world, all)
  assert.ok(((await world.root())?.level ?? 0) >= 2)
  assert.ok((await world.widest()) <= 8 * 4)
})

test('pages have the bytes that they had in form 1, and those of a tree', () => {
  const leaf: Page = { kind: 'leaf', low: 'a', high: 'm', names: ['a', 'bc'] }
  const hex = (page: Page): string => encodePage(page).toString('hex')
  assert.equal(hex({ kind: 'small', folder: 'f/', names: ['a', 'é'] }), '00' + '03020101' + '662f61c3a9')
  assert.equal(hex(leaf), '02' + '0401010102' + '616d616263')
  assert.equal(hex({ ...leaf, high: null }), '03' + '0401000102' + '61616263')
  const refs = [{ low: '', id: 1, filled: true }, { low: 'm', id: 300, filled: false }]
  assert.equal(hex({ kind: 'large', folder: 'f/', nextId: 301, level: 1, refs }), '01' + '03020001' + 'ad02' + '03d804' + '662f6d')
  assert.equal(hex({ kind: 'large', folder: 'f/', nextId: 301, level: 2, refs }), '04' + '03020001' + 'ad02' + '02' + '03d804' + '662f6d')
  assert.equal(hex({ kind: 'branch', low: '', high: 'z', level: 1, refs }), '05' + '0400010001' + '01' + '03d804' + '7a6d')
  assert.equal(hex({ kind: 'branch', low: '', high: null, level: 1, refs }), '06' + '0400000001' + '01' + '03d804' + '6d')
  for (const page of [leaf, { kind: 'branch', low: 'a', high: null, level: 3, refs } as const]) assert.deepEqual(decodeLower(Buffer.from(encodePage(page))), page)
})
