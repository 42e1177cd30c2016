/**
 * Plans the page writes that follow from records coming and going: one merge per page, so that commits which change different names of
 * a folder never conflict. A merge checks that the page still is as the plan needs it and otherwise fails with `StalePlan`: then
 * the plan is made again. So a folder is listed in its parent exactly as long as it has names.
 */
import { Conflict, internal } from '../kit/errors.ts'
import type { Entry, Write } from '../kit/store.ts'
import { type FolderPath, type Step, toName, walkFolder } from './folder-path.ts'
import { type FolderContext, isFull, isSparse, tidyFolder } from './folder-tidy.ts'
import type { Branch, LargeFolder, Leaf, NameChange, Node, PageRef } from './pages.ts'
import { changeNames, decodeFolder, decodeLower, highOf, isEmptied, isInRange, mergeFolderPage, mergeLowerPage } from './pages.ts'
import { splitPath } from './tree-keys.ts'
import type { WriteHints } from './values.ts'

/** A page is no longer as it was when the commit was planned: plan again. */
export class StalePlan extends Conflict {}

/** What a commit does to one folder; no name is in both sets. */
export interface FolderChange extends NameChange {
  readonly add: Set<string>
  readonly remove: Set<string>
}

/** The names that come and go, by folder. */
export class FolderChanges {
  readonly #byDepth = new Map<number, Map<string, FolderChange>>()

  add(path: string): void {
    const { folder, name } = splitPath(path)
    this.#at(folder).add.add(name)
  }

  remove(path: string): void {
    const { folder, name } = splitPath(path)
    this.#at(folder).remove.add(name)
  }

  /** Takes out a folder that no other one lies in, or null when none is left. */
  takeDeepest(): { readonly folder: string; readonly change: FolderChange } | null {
    if (this.#byDepth.size === 0) return null
    const depth = Math.max(...this.#byDepth.keys())
    for (const [folder, change] of this.#byDepth.get(depth) ?? []) {
      this.#byDepth.get(depth)?.delete(folder)
      return { folder, change }
    }
    this.#byDepth.delete(depth)
    return this.takeDeepest()
  }

  #at(folder: string): FolderChange {
    const depth = folder.split('/').length
    const folders = this.#byDepth.get(depth) ?? new Map<string, FolderChange>()
    this.#byDepth.set(depth, folders)
    const change = folders.get(folder) ?? { add: new Set(), remove: new Set() }
    folders.set(folder, change)
    return change
  }
}

type PageWrite = Write & WriteHints

/** What a folder's change means for the parent: it must list the folder, must not, or need not be touched. */
type ParentChange = 'add' | 'remove' | null

interface FolderPlan {
  readonly writes: readonly PageWrite[]
  readonly parent: ParentChange
}

/** The writes to all pages that these changes touch. Uses `changes` up. */
export async function planFolders(context: FolderContext, changes: FolderChanges): Promise<PageWrite[]> {
  const writes: PageWrite[] = []
  for (let next = changes.takeDeepest(); next !== null; next = changes.takeDeepest()) {
    const plan = await planFolder(context, next.folder, next.change)
    writes.push(...plan.writes)
    if (next.folder === '') continue
    if (plan.parent === 'add') changes.add(next.folder)
    if (plan.parent === 'remove') changes.remove(next.folder)
  }
  return writes
}

/** How often a folder is tidied before one commit; then the commit goes on with the page as it is. */
const tidyRoundsMax = 8
/** Pages that differ from each other in so many readings are broken, not busy. */
const rereadsMax = 1_000
/** A merge adds nothing to a page that is so many times too full: so splits keep up with any crowd. */
const overfullMax = 4

async function planFolder(context: FolderContext, folder: string, change: FolderChange): Promise<FolderPlan> {
  const { values, keys } = context
  const key = keys.folder(folder)
  for (let [round, rereads] = [0, 0]; rereads < rereadsMax; ) {
    const entry = await values.get(key)
    const page = entry === null ? null : decodeFolder(entry.value)
    if (entry !== null && page?.kind === 'large') {
      const leaves = await readLeaves(context, page, entry, change)
      if (leaves === null) {
        rereads += 1
        continue
      }
      const unfit = round < tidyRoundsMax ? leaves.find((leaf) => isUnfit(context, leaf)) : undefined
      if (unfit === undefined || !(await tidyFolder(context, folder, unfit.path.low))) return planLarge(context, page, leaves)
    } else {
      const names = page?.kind === 'small' ? page.names : []
      const full = change.add.size > 0 && isFull(context, names, entry?.value.length ?? 0)
      const isTidied = full && round < tidyRoundsMax && (await tidyFolder(context, folder, ''))
      if (!isTidied) return planSmall(context, folder, names, change)
    }
    round += 1
  }
  throw internal(`the pages of the folder at "${key}" do not fit together`)
}

function planSmall({ keys, pageNames }: FolderContext, folder: string, names: readonly string[], change: FolderChange): FolderPlan {
  const key = keys.folder(folder)
  const parent = parentChange(names.length === 0, isEmptied(names, change))
  const write = mergeFolderPage(key, (page) => {
    if (page?.kind === 'large') throw new StalePlan(key)
    const before = page?.names ?? []
    if (change.add.size > 0 && before.length >= pageNames * overfullMax) throw new StalePlan(key)
    const after = changeNames(before, change)
    checkParent(key, parent, before.length === 0, after.length === 0)
    return after.length === 0 ? null : { kind: 'small', folder, names: after }
  })
  return { writes: [write], parent }
}

function parentChange(wasEmpty: boolean, isEmpty: boolean): ParentChange {
  if (wasEmpty === isEmpty) return null
  return isEmpty ? 'remove' : 'add'
}

/** Adding to, and removing from, the parent may be repeated; leaving out what is needed, or removing what is not empty, may not be. */
function checkParent(key: string, planned: ParentChange, wasEmpty: boolean, isEmpty: boolean): void {
  const fits = planned === null ? wasEmpty === isEmpty : (planned === 'remove') === isEmpty
  if (!fits) throw new StalePlan(key)
}

/** A leaf that a commit touches, as it was read. */
interface TouchedLeaf {
  readonly path: FolderPath
  readonly change: FolderChange
  readonly names: readonly string[]
  readonly bytes: number
  /** Whether it has no name after the change. */
  readonly emptied: boolean
}

/** Null: pages do not fit together, and the root is to be read again. */
async function readLeaves(context: FolderContext, page: LargeFolder, { version, value }: Entry, change: FolderChange): Promise<TouchedLeaf[] | null> {
  const touched = new Map<number, { readonly path: FolderPath; readonly change: FolderChange }>()
  for (const kind of ['add', 'remove'] as const) {
    for (const name of change[kind]) {
      const path = await walkFolder(context, page, version, value.length, toName(name))
      if (path === null) return null
      const known = touched.get(path.ref.id) ?? { path, change: { add: new Set(), remove: new Set() } }
      known.change[kind].add(name)
      touched.set(path.ref.id, known)
    }
  }
  const leaves: TouchedLeaf[] = []
  for (const { path, change: ofLeaf } of touched.values()) {
    const entry = path.level > 0 ? null : await context.values.get(context.keys.leaf(page.folder, path.ref.id))
    const leaf = entry === null ? null : decodeLower(entry.value)
    if (leaf?.kind === 'branch') return null
    const names = leaf?.names ?? []
    // What is to be removed is there no more: the records were read before that.
    if (path.level > 0 && ofLeaf.add.size === 0) throw new StalePlan(context.keys.folder(page.folder))
    leaves.push({ path, change: ofLeaf, names, bytes: entry?.value.length ?? 0, emptied: isEmptied(names, ofLeaf) })
  }
  return leaves
}

/**
 * A leaf to split before names are added, or to join with a neighbour before its last ones go. The neighbours may be too full for that, so
 * joining is tried now and then only.
 */
function isUnfit(context: FolderContext, { names, bytes, change }: TouchedLeaf): boolean {
  if (change.add.size > 0) return isFull(context, names, bytes)
  return isSparse(context, names) && names.length % Math.ceil(context.pageNames / 32) < change.remove.size
}

function planLarge(context: FolderContext, page: LargeFolder, leaves: readonly TouchedLeaf[]): FolderPlan {
  const turns = new Turns(context, page)
  const writes: PageWrite[] = []
  for (const leaf of leaves) {
    if (leaf.path.level > 0) writes.push(...turns.fillHole(leaf))
    else {
      writes.push(mergeLeaf(context, page.folder, leaf))
      // Leaves that stay filled keep the folder filled. Only of the others do the pages above them, or the parent, hear.
      if (leaf.names.length === 0 || leaf.emptied) turns.add(leaf.path, leaf.path.steps.length - 1, !leaf.emptied)
    }
  }
  const above = turns.plan()
  return { writes: [...writes, ...above.writes], parent: above.parent }
}

function mergeLeaf({ keys, pageNames }: FolderContext, folder: string, { path: { ref, high }, change, names, emptied }: TouchedLeaf): PageWrite {
  const key = keys.leaf(folder, ref.id)
  const fills = names.length === 0 && !emptied
  return mergeLowerPage(key, (current) => {
    if (current === null && !fills && !emptied) throw new StalePlan(key)
    const leaf = current ?? ({ kind: 'leaf', low: ref.low, high, names: [] } as const)
    if (leaf.kind !== 'leaf') throw new StalePlan(key)
    const inRange = [...change.add, ...change.remove].every((name) => isInRange(leaf, name))
    if (!inRange || (change.add.size > 0 && leaf.names.length >= pageNames * overfullMax)) throw new StalePlan(key)
    const after = changeNames(leaf.names, change)
    if ((after.length === 0) !== emptied) throw new StalePlan(key)
    return emptied ? null : { ...leaf, names: after }
  })
}

/** Of a page below another one: whether it is to be filled. */
interface Turn {
  readonly ref: PageRef
  readonly high: string | null
  readonly filled: boolean
}

interface TurnedNode {
  readonly path: FolderPath
  readonly depth: number
  readonly turns: Turn[]
}

/** What pages hear of those below them that come to be filled, or empty: from the leaves up to the root, each page once. */
class Turns {
  readonly #context: FolderContext
  readonly #root: LargeFolder
  readonly #nodes = new Map<string, TurnedNode>()
  #nextId: number

  constructor(context: FolderContext, root: LargeFolder) {
    this.#context = context
    this.#root = root
    this.#nextId = root.nextId
  }

  /** The page below the one at `depth` of the path turns. */
  add(path: FolderPath, depth: number, filled: boolean): void {
    const { node, key, index } = path.steps[depth] as Step
    const known = this.#nodes.get(key) ?? { path, depth, turns: [] }
    this.#nodes.set(key, known)
    known.turns.push({ ref: node.refs[index] as PageRef, high: highOf(node, index), filled })
  }

  /** Names come where no branch is: it is made, down to a leaf for them. Ids are those that the root gives out next. */
  fillHole({ path, change }: TouchedLeaf): PageWrite[] {
    const { ref: { low }, high } = path
    const writes: PageWrite[] = []
    let id = path.ref.id
    for (let level = path.level; level > 0; level -= 1) {
      const below = this.#nextId++
      writes.push(this.#made(id, { kind: 'branch', low, high, level, refs: [{ low, id: below, filled: true }] }))
      id = below
    }
    writes.push(this.#made(id, { kind: 'leaf', low, high, names: changeNames([], change) }))
    this.add(path, path.steps.length - 1, true)
    return writes
  }

  #made(id: number, page: Branch | Leaf): PageWrite {
    const key = this.#context.keys.leaf(this.#root.folder, id)
    return mergeLowerPage(key, (current) => {
      if (current !== null) throw new StalePlan(key)
      return page
    })
  }

  plan(): FolderPlan {
    const writes: PageWrite[] = []
    const rootTurns: Turn[] = []
    for (let next = this.#takeDeepest(); next !== null; next = this.#takeDeepest()) {
      if (next.depth === 0) rootTurns.push(...next.turns)
      else {
        const { node } = next.path.steps[next.depth] as Step
        const emptied = !turned(node, next.turns).some(({ filled }) => filled)
        writes.push(mergeBranch(next, emptied))
        if (emptied) this.add(next.path, next.depth - 1, false)
      }
    }
    if (rootTurns.length === 0 && this.#nextId === this.#root.nextId) return { writes, parent: null }
    const root = this.#planRoot(rootTurns)
    return { writes: [...writes, ...root.writes], parent: root.parent }
  }

  #takeDeepest(): TurnedNode | null {
    const [deepest] = [...this.#nodes].sort(([, a], [, b]) => b.depth - a.depth)
    if (deepest === undefined) return null
    this.#nodes.delete(deepest[0])
    return deepest[1]
  }

  #planRoot(turns: readonly Turn[]): FolderPlan {
    const planned = this.#root
    const given = this.#nextId - planned.nextId
    const key = this.#context.keys.folder(planned.folder)
    const parent = turned(planned, turns).some(({ filled }) => filled) ? null : 'remove'
    const write = mergeFolderPage(key, (root) => {
      if (root?.kind !== 'large' || !turns.every((turn) => isAsPlanned(root, turn))) throw new StalePlan(key)
      if (given > 0 && root.nextId !== planned.nextId) throw new StalePlan(key)
      const refs = turned(root, turns)
      const isEmpty = !refs.some(({ filled }) => filled)
      checkParent(key, parent, false, isEmpty)
      return isEmpty ? null : { ...root, nextId: root.nextId + given, refs }
    })
    return { writes: [write], parent }
  }
}

function mergeBranch({ path, depth, turns }: TurnedNode, emptied: boolean): PageWrite {
  const { key } = path.steps[depth] as Step
  return mergeLowerPage(key, (branch) => {
    if (branch?.kind !== 'branch' || !turns.every((turn) => isAsPlanned(branch, turn))) throw new StalePlan(key)
    const refs = turned(branch, turns)
    if (refs.some(({ filled }) => filled) === emptied) throw new StalePlan(key)
    return emptied ? null : { ...branch, refs }
  })
}

function isAsPlanned(node: Node, { ref, high }: Turn): boolean {
  const index = node.refs.findIndex(({ id }) => id === ref.id)
  return index >= 0 && node.refs[index]?.low === ref.low && highOf(node, index) === high
}

function turned({ refs }: Node, turns: readonly Turn[]): PageRef[] {
  const filled = new Map(turns.map(({ ref, filled: isFilled }) => [ref.id, isFilled]))
  return refs.map((ref) => (filled.has(ref.id) ? { ...ref, filled: filled.get(ref.id) === true } : ref))
}
