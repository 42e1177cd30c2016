/**
 * Splits the pages of a folder that have grown too large and joins those that have become too small, in small commits of their own
 * that change nothing a reader could see. Who is about to change a page tidies it first, so what a crash prevents is made up for by
 * the next who comes along.
 */
import { Conflict } from '../kit/errors.ts'
import type { Expectation, Write } from '../kit/store.ts'
import type { FolderPage, LargeFolder, LeafRef, Page, SmallFolder } from './pages.ts'
import { decodeFolder, decodeLeaf, encodePage, highOf, leafIndexOf } from './pages.ts'
import type { TreeKeys } from './tree-keys.ts'
import type { SealedValues, WriteHints } from './values.ts'

export interface FolderContext {
  readonly values: SealedValues
  readonly keys: TreeKeys
  /** A page with so many names is split before the next one is added. At least 4. */
  readonly pageNames: number
  /** Tidying under way in this process, by folder: of a crowd that meets one full page, one splits it and the others wait. */
  readonly tidying: Map<string, Promise<boolean>>
}

/** A page with so many bytes is split, too. */
const pageBytesMax = 16_384

/** Whether a page is to be split before more is added. */
export const isFull = ({ pageNames }: FolderContext, names: readonly string[], bytes: number): boolean =>
  names.length >= pageNames || (bytes >= pageBytesMax && names.length > 1)

/** Whether a leaf should be joined with a neighbour, if both together fill no more than half a page. */
export const isSparse = ({ pageNames }: FolderContext, names: readonly string[]): boolean =>
  names.length > 0 && names.length <= pageNames / 8

/**
 * Splits or joins the page of `folder` where the name `at` belongs, if it needs it. Resolves with true when pages were split or joined (by
 * this or by somebody else who was faster), so that they have to be read again.
 */
export async function tidyFolder(context: FolderContext, folder: string, at: string): Promise<boolean> {
  const running = context.tidying.get(folder)
  if (running !== undefined) return await running
  const tidying = tidy(context, folder, at)
  context.tidying.set(folder, tidying)
  try {
    return await tidying
  } finally {
    context.tidying.delete(folder)
  }
}

/** A page as it was read; version 0 and no names where there is none. */
interface ReadLeaf {
  readonly key: string
  readonly version: number
  readonly names: readonly string[]
  readonly bytes: number
}

type PageWrite = Write & WriteHints

interface Tidied {
  /** A full page must not grow on; a sparse one may be joined another time. */
  readonly isUrgent: boolean
  readonly expectations: readonly Expectation[]
  readonly writes: readonly PageWrite[]
}

async function tidy(context: FolderContext, folder: string, at: string): Promise<boolean> {
  const { values, keys } = context
  const key = keys.folder(folder)
  const entry = await values.get(key)
  if (entry === null) return false
  const page = decodeFolder(entry.value)
  const root = { key, version: entry.version }
  const tidied = page.kind === 'small' ? splitSmall(context, root, page, entry.value.length) : await tidyLeaf(context, root, page, at)
  if (tidied === null) return false
  try {
    await values.commit(tidied.expectations, tidied.writes)
  } catch (error) {
    // Somebody else changed a page first; nothing is lost by leaving it to them.
    if (!(error instanceof Conflict)) throw error
    return tidied.isUrgent
  }
  return true
}

const putPage = (key: string, page: Page): PageWrite => ({ put: key, value: encodePage(page), owned: true })

function splitSmall(context: FolderContext, root: Expectation, { folder, names }: SmallFolder, bytes: number): Tidied | null {
  if (!isFull(context, names, bytes)) return null
  const { keys } = context
  const chunks = chunkNames(context, names, true)
  const refs = chunks.map((chunk, i) => ({ low: i === 0 ? '' : (chunk[0] as string), id: i + 1, filled: true }))
  const page: FolderPage = { kind: 'large', folder, nextId: refs.length + 1, leaves: refs }
  return { isUrgent: true, expectations: [root], writes: [...putLeaves(keys, folder, refs, chunks, null), putPage(root.key, page)] }
}

type Chunks = readonly (readonly string[])[]

/** Writes neighbouring leaves, of which the last one ends at `high`. */
function putLeaves(keys: TreeKeys, folder: string, refs: readonly LeafRef[], chunks: Chunks, high: string | null): PageWrite[] {
  return refs.map(({ low, id }, i) => {
    const names = chunks[i] as readonly string[]
    return putPage(keys.leaf(folder, id), { kind: 'leaf', low, high: highOf(refs, i) ?? high, names })
  })
}

async function tidyLeaf(context: FolderContext, root: Expectation, page: LargeFolder, at: string): Promise<Tidied | null> {
  const index = leafIndexOf(page.leaves, at)
  const leaf = await readLeaf(context, page, index)
  if (isFull(context, leaf.names, leaf.bytes)) return splitLeaf(context, root, page, index, leaf)
  if (!isSparse(context, leaf.names)) return null
  for (const left of [index - 1, index]) {
    if (left < 0 || left + 1 >= page.leaves.length) continue
    const one = left === index ? leaf : await readLeaf(context, page, left)
    const other = left === index ? await readLeaf(context, page, left + 1) : leaf
    const areFew = one.names.length + other.names.length <= context.pageNames / 2
    if (areFew && one.bytes + other.bytes <= pageBytesMax / 2) return joinLeaves(root, page, left, [one, other])
  }
  return null
}

async function readLeaf({ values, keys }: FolderContext, page: LargeFolder, index: number): Promise<ReadLeaf> {
  const key = keys.leaf(page.folder, (page.leaves[index] as LeafRef).id)
  const entry = await values.get(key)
  if (entry === null) return { key, version: 0, names: [], bytes: 0 }
  return { key, version: entry.version, names: decodeLeaf(entry.value).names, bytes: entry.value.length }
}

function splitLeaf(context: FolderContext, root: Expectation, page: LargeFolder, index: number, leaf: ReadLeaf): Tidied {
  const high = highOf(page.leaves, index)
  const chunks = chunkNames(context, leaf.names, high === null)
  const { low, id } = page.leaves[index] as LeafRef
  const refs = chunks.map(([name = ''], i) => ({ low: i === 0 ? low : name, id: i === 0 ? id : page.nextId + i - 1, filled: true }))
  const leaves = page.leaves.toSpliced(index, 1, ...refs)
  const split: LargeFolder = { ...page, nextId: page.nextId + chunks.length - 1, leaves }
  return {
    isUrgent: true,
    expectations: [root, { key: leaf.key, version: leaf.version }],
    writes: [...putLeaves(context.keys, page.folder, refs, chunks, high), putPage(root.key, split)],
  }
}

function joinLeaves(root: Expectation, page: LargeFolder, left: number, [one, other]: readonly [ReadLeaf, ReadLeaf]): Tidied {
  const names = [...one.names, ...other.names]
  const first = page.leaves[left] as LeafRef
  const leaves = page.leaves.toSpliced(left, 2, { ...first, filled: true })
  const expectations = [root, { key: one.key, version: one.version }, { key: other.key, version: other.version }]
  if (leaves.length === 1) {
    const small = putPage(root.key, { kind: 'small', folder: page.folder, names })
    return { isUrgent: false, expectations, writes: [{ del: one.key }, { del: other.key }, small] }
  }
  const joined = putPage(one.key, { kind: 'leaf', low: first.low, high: highOf(page.leaves, left + 1), names })
  return { isUrgent: false, expectations, writes: [joined, { del: other.key }, putPage(root.key, { ...page, leaves })] }
}

/**
 * Cuts names into at least two pages. At the end of a folder names are likely to come in order, so there all pages but the last are left
 * nearly full; elsewhere all get the same room to grow.
 */
function chunkNames({ pageNames }: FolderContext, names: readonly string[], atEnd: boolean): string[][] {
  const count = Math.max(2, Math.ceil(names.length / (pageNames * 0.66)))
  const perPage = atEnd && names.length >= pageNames ? Math.floor((pageNames * 7) / 8) : Math.ceil(names.length / count)
  const chunks: string[][] = []
  let bytes = 0
  for (const name of names) {
    const last = chunks.at(-1)
    bytes += Buffer.byteLength(name)
    if (last !== undefined && last.length < perPage && bytes <= pageBytesMax / 2) last.push(name)
    else {
      chunks.push([name])
      bytes = Buffer.byteLength(name)
    }
  }
  return chunks
}
