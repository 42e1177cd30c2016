/**
 * Splits the pages of a folder that have grown too large and joins those that have become too small, in small commits of their own
 * that change nothing a reader could see. Who is about to change a page tidies it first, so what a crash prevents is made up for by
 * the next who comes along.
 */
import { Conflict } from '../kit/errors.ts'
import type { Expectation, Write } from '../kit/store.ts'
import { chunkNames, pageBytesMax } from './folder-chunks.ts'
import { type FolderPath, type Step, stepOf, toName, walkFolder } from './folder-path.ts'
import type { Branch, LargeFolder, Leaf, Node, Page, PageRef, SmallFolder } from './pages.ts'
import { decodeFolder, decodeLower, encodePage, highOf } from './pages.ts'
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
  const path = page.kind === 'small' ? null : await walkFolder(context, page, entry.version, entry.value.length, toName(at))
  // Pages that do not fit together were just changed by somebody else.
  if (page.kind === 'large' && path === null) return true
  const tidied = page.kind === 'small' ? splitSmall(context, { key, version: entry.version }, page, entry.value.length) : await new Tidier(context, path as FolderPath).tidy()
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
  const chunks = chunkNames(context.pageNames, names, true)
  const refs = chunks.map((chunk, i) => ({ low: i === 0 ? '' : (chunk[0] as string), id: i + 1, filled: true }))
  const page: LargeFolder = { kind: 'large', folder, nextId: refs.length + 1, level: 1, refs }
  const leaves = refs.map(({ low, id }, i) => putPage(context.keys.leaf(folder, id), { kind: 'leaf', low, high: highOf(page, i), names: chunks[i] as string[] }))
  return { isUrgent: true, expectations: [root], writes: [...leaves, putPage(root.key, page)] }
}

/** A page as it was read; version 0 and nothing in it where there is none. */
interface ReadPage<T> {
  readonly key: string
  readonly version: number
  readonly bytes: number
  readonly content: T
}

/** One change at one place of a folder with several pages. */
class Tidier {
  readonly #context: FolderContext
  readonly #path: FolderPath

  constructor(context: FolderContext, path: FolderPath) {
    this.#context = context
    this.#path = path
  }

  async tidy(): Promise<Tidied | null> {
    if (this.#path.level > 0) return null
    const { index } = stepOf(this.#path)
    const leaf = await this.#readLeaf(index)
    if (leaf === null) return null
    if (isFull(this.#context, leaf.content, leaf.bytes)) return this.#splitFullNode() ?? this.#splitLeaf(leaf)
    if (!isSparse(this.#context, leaf.content)) return null
    return (await this.#joinLeaf(leaf)) ?? (await this.#joinBranch())
  }

  // Splitting

  /** Pages above a leaf that have no room for one more below them go first, from the top. */
  #splitFullNode(): Tidied | null {
    const depth = this.#path.steps.findIndex(({ node, bytes }) => node.refs.length >= this.#context.pageNames || (bytes >= pageBytesMax && node.refs.length > 4))
    if (depth < 0) return null
    return depth === 0 ? this.#raiseRoot() : this.#splitBranch(depth)
  }

  /** What is below the root comes below new branches, and those below the root. */
  #raiseRoot(): Tidied {
    const { root, steps: [{ key, version }] } = this.#path
    const pieces = this.#branchesOf(root, root.level, (i) => root.nextId + i)
    const raised: LargeFolder = { ...root, nextId: root.nextId + pieces.length, level: root.level + 1, refs: pieces.map(({ ref }) => ref) }
    return { isUrgent: true, expectations: [{ key, version }], writes: [...this.#putBranches(pieces), putPage(key, raised)] }
  }

  #splitBranch(depth: number): Tidied {
    const { root, steps } = this.#path
    const { node, key, version } = steps[depth] as Step
    const above = steps[depth - 1] as Step
    const own = above.node.refs[above.index] as PageRef
    const pieces = this.#branchesOf(node, node.level, (i) => (i === 0 ? own.id : root.nextId + i - 1))
    const change = this.#replaced(depth - 1, above.index, 1, pieces.map(({ ref }) => ref), pieces.length - 1)
    return { isUrgent: true, expectations: [...change.expectations, { key, version }], writes: [...this.#putBranches(pieces), ...change.writes] }
  }

  /** The pages below a node, in several branches. */
  #branchesOf(node: Node, level: number, idOf: (index: number) => number): { readonly ref: PageRef; readonly page: Branch }[] {
    const atEnd = node.kind === 'large' || node.high === null
    const chunks = chunkNames(this.#context.pageNames, node.refs.map(({ low }) => low), atEnd)
    let from = 0
    return chunks.map((chunk, i) => {
      const refs = node.refs.slice(from, (from += chunk.length))
      const low = chunk[0] as string
      const ref = { low, id: idOf(i), filled: refs.some(({ filled }) => filled) }
      return { ref, page: { kind: 'branch', low, high: highOf(node, from - 1), level, refs } }
    })
  }

  /** One without anything filled below it is not stored. */
  #putBranches(pieces: readonly { readonly ref: PageRef; readonly page: Branch }[]): PageWrite[] {
    return pieces.map(({ ref, page }) => (ref.filled ? putPage(this.#key(ref.id), page) : { del: this.#key(ref.id) }))
  }

  #splitLeaf(leaf: ReadPage<readonly string[]>): Tidied {
    const { root, steps, ref, high } = this.#path
    const chunks = chunkNames(this.#context.pageNames, leaf.content, high === null)
    const refs = chunks.map(([name = ''], i) => ({ low: i === 0 ? ref.low : name, id: i === 0 ? ref.id : root.nextId + i - 1, filled: true }))
    const leaves = refs.map(({ low, id }, i): PageWrite => putPage(this.#key(id), { kind: 'leaf', low, high: refs[i + 1]?.low ?? high, names: chunks[i] as string[] }))
    const change = this.#replaced(steps.length - 1, stepOf(this.#path).index, 1, refs, chunks.length - 1)
    return { isUrgent: true, expectations: [...change.expectations, { key: leaf.key, version: leaf.version }], writes: [...leaves, ...change.writes] }
  }

  /** Other pages below the one at `depth` in the place of `count`, for which the root gives out `given` ids. */
  #replaced(depth: number, index: number, count: number, refs: readonly PageRef[], given: number): Pick<Tidied, 'expectations' | 'writes'> {
    const { root, steps } = this.#path
    const nextId = root.nextId + given
    const { node, key, version } = steps[depth] as Step
    const changed = node.refs.toSpliced(index, count, ...refs)
    const [{ key: rootKey, version: rootVersion }] = steps
    if (depth === 0) return { expectations: [{ key: rootKey, version: rootVersion }], writes: [putPage(rootKey, { ...root, nextId, refs: changed })] }
    const own = { expectations: [{ key, version }], writes: [putPage(key, { ...(node as Branch), refs: changed })] }
    if (given === 0) return own
    return { expectations: [...own.expectations, { key: rootKey, version: rootVersion }], writes: [...own.writes, putPage(rootKey, { ...root, nextId })] }
  }

  // Joining

  async #joinLeaf(leaf: ReadPage<readonly string[]>): Promise<Tidied | null> {
    const { pageNames } = this.#context
    const { node, index } = stepOf(this.#path)
    for (const left of [index - 1, index]) {
      if (left < 0 || left + 1 >= node.refs.length) continue
      const one = left === index ? leaf : await this.#readLeaf(left)
      const other = left === index ? await this.#readLeaf(left + 1) : leaf
      if (one === null || other === null) return null
      const areFew = one.content.length + other.content.length <= pageNames / 2
      if (areFew && one.bytes + other.bytes <= pageBytesMax / 2) return this.#joinLeaves(left, one, other)
    }
    return null
  }

  #joinLeaves(left: number, one: ReadPage<readonly string[]>, other: ReadPage<readonly string[]>): Tidied {
    const { root, steps } = this.#path
    const { node, key, version } = stepOf(this.#path)
    const names = [...one.content, ...other.content]
    const first = node.refs[left] as PageRef
    const both = [one, other].map((page) => ({ key: page.key, version: page.version }))
    if (steps.length === 1 && node.refs.length === 2) {
      const small = putPage(key, { kind: 'small', folder: root.folder, names })
      return { isUrgent: false, expectations: [{ key, version }, ...both], writes: [{ del: one.key }, { del: other.key }, small] }
    }
    const joined = putPage(one.key, { kind: 'leaf', low: first.low, high: highOf(node, left + 1), names })
    const change = this.#replaced(steps.length - 1, left, 2, [{ ...first, filled: true }], 0)
    return { isUrgent: false, expectations: [...change.expectations, ...both], writes: [joined, { del: other.key }, ...change.writes] }
  }

  /** A branch with few pages below it joins a neighbour. */
  async #joinBranch(): Promise<Tidied | null> {
    const { steps } = this.#path
    const { pageNames } = this.#context
    for (let depth = steps.length - 1; depth > 0; depth -= 1) {
      const { node: { refs: own } } = steps[depth] as Step
      const { node, index } = steps[depth - 1] as Step
      if (own.length > pageNames / 8) continue
      for (const left of [index - 1, index]) {
        if (left < 0 || left + 1 >= node.refs.length) continue
        const [one, other] = [await this.#readBranch(depth - 1, left), await this.#readBranch(depth - 1, left + 1)]
        if (one === null || other === null) return null
        const areFew = one.content.length + other.content.length <= pageNames / 2
        if (areFew && one.bytes + other.bytes <= pageBytesMax / 2) return this.#joinBranches(depth - 1, left, one, other)
      }
    }
    return null
  }

  #joinBranches(depth: number, left: number, one: ReadPage<readonly PageRef[]>, other: ReadPage<readonly PageRef[]>): Tidied {
    const { root, steps: [{ key: rootKey, version: rootVersion }], steps } = this.#path
    const { node } = steps[depth] as Step
    const [first, second] = [node.refs[left] as PageRef, node.refs[left + 1] as PageRef]
    let given = 0
    // The range of one that is not stored stays, as a page that is not stored either.
    const below = ({ low }: PageRef, { content }: ReadPage<readonly PageRef[]>): readonly PageRef[] =>
      content.length > 0 ? content : [{ low, id: root.nextId + given++, filled: false }]
    const refs = [...below(first, one), ...below(second, other)]
    const expectations = [one, other].map((page) => ({ key: page.key, version: page.version }))
    const level = node.level - 1
    if (depth === 0 && node.refs.length === 2) {
      const lowered = putPage(rootKey, { ...root, nextId: root.nextId + given, level, refs })
      return { isUrgent: false, expectations: [{ key: rootKey, version: rootVersion }, ...expectations], writes: [{ del: one.key }, { del: other.key }, lowered] }
    }
    const joined = putPage(one.key, { kind: 'branch', low: first.low, high: highOf(node, left + 1), level, refs })
    const change = this.#replaced(depth, left, 2, [{ ...first, filled: true }], given)
    return { isUrgent: false, expectations: [...change.expectations, ...expectations], writes: [joined, { del: other.key }, ...change.writes] }
  }

  // Reading

  #key(id: number): string {
    return this.#context.keys.leaf(this.#path.root.folder, id)
  }

  /** Null: it is no such page any more. */
  async #readLeaf(index: number): Promise<ReadPage<readonly string[]> | null> {
    return await this.#readLower((stepOf(this.#path).node.refs[index] as PageRef).id, (page) => (page.kind === 'leaf' ? page.names : null))
  }

  async #readBranch(depth: number, index: number): Promise<ReadPage<readonly PageRef[]> | null> {
    return await this.#readLower(((this.#path.steps[depth] as Step).node.refs[index] as PageRef).id, (page) => (page.kind === 'branch' ? page.refs : null))
  }

  async #readLower<T>(id: number, contentOf: (page: Branch | Leaf) => readonly T[] | null): Promise<ReadPage<readonly T[]> | null> {
    const key = this.#key(id)
    const entry = await this.#context.values.get(key)
    const content = entry === null ? [] : contentOf(decodeLower(entry.value))
    return content === null ? null : { key, version: entry?.version ?? 0, bytes: entry?.value.length ?? 0, content }
  }
}
