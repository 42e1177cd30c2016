/**
 * Lists a folder from its pages: as many pages as the names asked for need, whatever the folder holds besides. Pages may be split or
 * joined meanwhile. Each leaf knows its range, so that no name is missed or told twice: where leaf and root page disagree, the root page is
 * read again.
 */
import { internal } from '../kit/errors.ts'
import type { ListOptions } from '../kit/store.ts'
import { compareKeys } from '../storage/key.ts'
import type { FolderContext } from './folder-tidy.ts'
import type { FolderPage, Leaf, LeafRef, Page } from './pages.ts'
import { decodeFolder, decodeLeaf, highOf, isInRange, leafIndexOf, positionOf } from './pages.ts'

/** The names of `folder` as `Store.list` answers them. The arguments have been checked. */
export async function listFolder(context: FolderContext, folder: string, options: ListOptions): Promise<string[]> {
  const limit = options.limit ?? Number.POSITIVE_INFINITY
  const page = limit === 0 ? null : await readFolder(context, folder)
  if (page === null) return []
  const lister = new Lister(context, folder, limit)
  if (options.reverse === true) await lister.descend(page, options.after ?? null)
  else await lister.ascend(page, options.after)
  return limit === Number.POSITIVE_INFINITY && options.after === undefined && options.reverse !== true ? remembered(lister) : lister.names
}

/** Whole listings by their first page: the others that they were made of, and the names. */
const listings = new WeakMap<Page, { readonly pages: readonly Page[]; readonly names: string[] }>()

/** Longer listings are made anew each time. */
const rememberedNamesMax = 10_000

/**
 * The names of a whole folder: the same frozen array for as long as all its pages are the same, so that what is derived from it (the audit
 * log's hashes of a thousand names) can be kept with it.
 */
function remembered({ pages, names }: Lister): string[] {
  const [first] = pages
  // A listing lives as long as its first page is cached: what is kept so must stay small.
  if (first === undefined || names.length > rememberedNamesMax) return names
  const known = listings.get(first)
  const isSame = known?.pages.length === pages.length && known.pages.every((page, index) => page === pages[index])
  if (known !== undefined && isSame) return known.names
  listings.set(first, { pages, names: Object.freeze(names) as string[] })
  return names
}

async function readFolder({ values, keys }: FolderContext, folder: string): Promise<FolderPage | null> {
  const entry = await values.get(keys.folder(folder))
  return entry === null ? null : decodeFolder(entry.value)
}

/** A folder whose pages differ from each other in so many readings is broken, not busy. */
const rereadsMax = 1_000

class Lister {
  readonly names: string[] = []
  /** The pages that names were taken from, in their order. */
  readonly pages: Page[] = []
  readonly #context: FolderContext
  readonly #folder: string
  readonly #limit: number
  #rereads = 0

  constructor(context: FolderContext, folder: string, limit: number) {
    this.#context = context
    this.#folder = folder
    this.#limit = limit
  }

  /** Names greater than `after`, ascending. */
  async ascend(page: FolderPage, after: string | undefined): Promise<void> {
    let root: FolderPage | null = page
    let from = after ?? ''
    while (root !== null && this.names.length < this.#limit) {
      if (root.kind === 'small') {
        this.pages.push(root)
        return this.#takeFrom(root.names, from, after)
      }
      const index: number = leafIndexOf(root.leaves, from)
      const ref = root.leaves[index] as LeafRef
      const leaf: Leaf | null = ref.filled ? await this.#readLeaf(ref) : emptyLeaf(root.leaves, index)
      if (leaf === null || !isInRange(leaf, from)) {
        root = await this.#reread()
        continue
      }
      if (ref.filled) this.pages.push(leaf)
      this.#takeFrom(leaf.names, from, after)
      if (leaf.high === null) return
      from = leaf.high
    }
  }

  /** Names smaller than `before` (null: all), descending. */
  async descend(page: FolderPage, before: string | null): Promise<void> {
    let root: FolderPage | null = page
    let to = before
    while (root !== null && to !== '' && this.names.length < this.#limit) {
      if (root.kind === 'small') return this.#takeBefore(root.names, to)
      const index: number = lastIndexBefore(root.leaves, to)
      const ref = root.leaves[index] as LeafRef
      const leaf: Leaf | null = ref.filled ? await this.#readLeaf(ref) : emptyLeaf(root.leaves, index)
      if (leaf === null || !reachesTo(leaf, to)) {
        root = await this.#reread()
        continue
      }
      this.#takeBefore(leaf.names, to)
      to = leaf.low
    }
  }

  async #readLeaf({ id }: LeafRef): Promise<Leaf | null> {
    const { values, keys } = this.#context
    const entry = await values.get(keys.leaf(this.#folder, id))
    return entry === null ? null : decodeLeaf(entry.value)
  }

  async #reread(): Promise<FolderPage | null> {
    this.#rereads += 1
    if (this.#rereads > rereadsMax) {
      throw internal(`the pages of the folder at "${this.#context.keys.folder(this.#folder)}" do not fit together`)
    }
    return await readFolder(this.#context, this.#folder)
  }

  #takeFrom(names: readonly string[], from: string, after: string | undefined): void {
    let at = positionOf(names, from)
    if (after !== undefined && names[at] === after) at += 1
    for (; at < names.length && this.names.length < this.#limit; at += 1) this.names.push(names[at] as string)
  }

  #takeBefore(names: readonly string[], to: string | null): void {
    for (let at = (to === null ? names.length : positionOf(names, to)) - 1; at >= 0 && this.names.length < this.#limit; at -= 1) {
      this.names.push(names[at] as string)
    }
  }
}

const emptyLeaf = (leaves: readonly LeafRef[], index: number): Leaf =>
  ({ kind: 'leaf', low: (leaves[index] as LeafRef).low, high: highOf(leaves, index), names: [] })

/** The leaf that holds the greatest names below `to`. */
function lastIndexBefore(leaves: readonly LeafRef[], to: string | null): number {
  if (to === null) return leaves.length - 1
  const index = leafIndexOf(leaves, to)
  return leaves[index]?.low === to ? index - 1 : index
}

/** Whether a leaf holds all names from its low end up to `to`. */
function reachesTo({ low, high }: Leaf, to: string | null): boolean {
  if (high === null) return to === null || compareKeys(low, to) < 0
  return to !== null && compareKeys(low, to) < 0 && compareKeys(to, high) <= 0
}
