/**
 * Lists a folder from its pages: as many pages as the names asked for need, whatever the folder holds besides. Pages may be split or
 * joined meanwhile. Each leaf knows its range, so that no name is missed or told twice: where leaf and root page disagree, the root page is
 * read again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { internal } from '../kit/errors.ts'
import type { ListOptions } from '../kit/store.ts'
import { type FolderPath, toName, walkFolder } from './folder-path.ts'
import type { FolderContext } from './folder-tidy.ts'
import type { Node, Page, PageRef } from './pages.ts'
import { decodeFolder, decodeLower, indexOfName, positionOf } from './pages.ts'

/** The names of `folder` as `Store.list` answers them. The arguments have been checked. */
export async function listFolder(context: FolderContext, folder: string, options: ListOptions): Promise<string[]> {
  const limit = options.limit ?? Number.POSITIVE_INFINITY
  if (limit === 0) return []
  const lister = new Lister(context, folder, limit)
  if (options.reverse === true) await lister.descend(options.after ?? null)
  else await lister.ascend(options.after)
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

/** What a listing takes names from: a leaf, the only page of a folder, or a part of it where nothing is. */
interface ListedPage {
  readonly names: readonly string[]
  readonly low: string
  readonly high: string | null
  readonly stored: Page | null
}

/** Pages read between two turns of the event loop: some milliseconds. */
const pagesAtOnce = 32

/** A folder whose pages differ from each other in so many readings is broken, not busy. */
const rereadsMax = 1_000

class Lister {
  readonly names: string[] = []
  /** The pages that names were taken from, in their order. */
  readonly pages: Page[] = []
  readonly #context: FolderContext
  readonly #folder: string
  readonly #limit: number
  #pagesRead = 0

  constructor(context: FolderContext, folder: string, limit: number) {
    this.#context = context
    this.#folder = folder
    this.#limit = limit
  }

  /** Names greater than `after`, ascending. */
  async ascend(after: string | undefined): Promise<void> {
    let from = after ?? ''
    while (this.names.length < this.#limit) {
      const page = await this.#readPage(toName(from))
      if (page === null) return
      if (page.stored !== null) this.pages.push(page.stored)
      this.#takeFrom(page.names, from, after)
      if (page.high === null) return
      from = page.high
    }
  }

  /** Names smaller than `before` (null: all), descending. */
  async descend(before: string | null): Promise<void> {
    let to = before
    while (to !== '' && this.names.length < this.#limit) {
      const end = to
      const page = await this.#readPage(({ refs }) => lastIndexBefore(refs, end))
      if (page === null) return
      this.#takeBefore(page.names, to)
      to = page.low
    }
  }

  /** The page that `choose` leads to; null: there is no folder. Pages that do not fit together are read again, from the root. */
  async #readPage(choose: (node: Node) => number): Promise<ListedPage | null> {
    const { values, keys } = this.#context
    this.#pagesRead += 1
    if (this.#pagesRead % pagesAtOnce === 0) await nextTurn()
    for (let tries = 0; tries < rereadsMax; tries += 1) {
      const entry = await values.get(keys.folder(this.#folder))
      if (entry === null) return null
      const root = decodeFolder(entry.value)
      if (root.kind === 'small') return { names: root.names, low: '', high: null, stored: root }
      const path = await walkFolder(this.#context, root, entry.version, entry.value.length, choose)
      const page = path === null ? null : await this.#readLeaf(path)
      if (page !== null) return page
    }
    throw internal(`the pages of the folder at "${keys.folder(this.#folder)}" do not fit together`)
  }

  /** Null: it is not what the page above says. */
  async #readLeaf({ ref, low, high, level }: FolderPath): Promise<ListedPage | null> {
    if (level > 0 || !ref.filled) return { names: [], low, high, stored: null }
    const { values, keys } = this.#context
    const entry = await values.get(keys.leaf(this.#folder, ref.id))
    const leaf = entry === null ? null : decodeLower(entry.value)
    return leaf?.kind === 'leaf' && leaf.low === low && leaf.high === high ? { names: leaf.names, low, high, stored: leaf } : null
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

/** The page that holds the greatest names below `to`. */
function lastIndexBefore(refs: readonly PageRef[], to: string | null): number {
  if (to === null) return refs.length - 1
  const index = indexOfName(refs, to)
  return refs[index]?.low === to && index > 0 ? index - 1 : index
}
