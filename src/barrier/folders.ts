/**
 * Plans the page writes that follow from records coming and going: one merge per page, so that commits which change different names of
 * a folder never conflict. A merge checks that the page still is as the plan needs it and otherwise fails with `StalePlan`: then
 * the plan is made again. So a folder is listed in its parent exactly as long as it has names.
 */
import { Conflict } from '../kit/errors.ts'
import type { Write } from '../kit/store.ts'
import { type FolderContext, isFull, isSparse, tidyFolder } from './folder-tidy.ts'
import type { LargeFolder, Leaf, LeafRef, NameChange } from './pages.ts'
import { changeNames, decodeFolder, decodeLeaf, encodePage, highOf, isEmptied, isInRange, leafIndexOf } from './pages.ts'
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
const tidyRoundsMax = 4
/** A merge adds nothing to a page that is so many times too full: so splits keep up with any crowd. */
const overfullMax = 4

async function planFolder(context: FolderContext, folder: string, change: FolderChange): Promise<FolderPlan> {
  const { values, keys } = context
  const key = keys.folder(folder)
  for (let round = 0; ; round += 1) {
    const entry = await values.get(key)
    const page = entry === null ? null : decodeFolder(entry.value)
    if (page?.kind === 'large') {
      const leaves = await readLeaves(context, page, change)
      const unfit = round < tidyRoundsMax ? leaves.find((leaf) => isUnfit(context, leaf)) : undefined
      if (unfit === undefined || !(await tidyFolder(context, folder, unfit.ref.low))) return planLarge(context, page, leaves)
    } else {
      const full = change.add.size > 0 && isFull(context, page?.names ?? [], entry?.value.length ?? 0)
      const isTidied = full && round < tidyRoundsMax && (await tidyFolder(context, folder, ''))
      if (!isTidied) return planSmall(context, folder, page?.names ?? [], change)
    }
  }
}

function planSmall({ keys, pageNames }: FolderContext, folder: string, names: readonly string[], change: FolderChange): FolderPlan {
  const key = keys.folder(folder)
  const parent = parentChange(names.length === 0, isEmptied(names, change))
  const by = (current: Uint8Array | null): Uint8Array | null => {
    const page = current === null ? null : decodeFolder(current)
    if (page?.kind === 'large') throw new StalePlan(key)
    const before = page?.names ?? []
    if (change.add.size > 0 && before.length >= pageNames * overfullMax) throw new StalePlan(key)
    const after = changeNames(before, change)
    checkParent(key, parent, before.length === 0, after.length === 0)
    return after.length === 0 ? null : encodePage({ kind: 'small', folder, names: after })
  }
  return { writes: [{ merge: key, by, owned: true }], parent }
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
  readonly ref: LeafRef
  readonly high: string | null
  readonly change: FolderChange
  readonly names: readonly string[]
  readonly bytes: number
  /** Whether it has no name after the change. */
  readonly emptied: boolean
}

async function readLeaves({ values, keys }: FolderContext, page: LargeFolder, change: FolderChange): Promise<TouchedLeaf[]> {
  const changes = new Map<number, FolderChange>()
  for (const kind of ['add', 'remove'] as const) {
    for (const name of change[kind]) {
      const index = leafIndexOf(page.leaves, name)
      const ofLeaf = changes.get(index) ?? { add: new Set(), remove: new Set() }
      ofLeaf[kind].add(name)
      changes.set(index, ofLeaf)
    }
  }
  const leaves: TouchedLeaf[] = []
  for (const [index, ofLeaf] of changes) {
    const ref = page.leaves[index] as LeafRef
    const entry = await values.get(keys.leaf(page.folder, ref.id))
    const names = entry === null ? [] : decodeLeaf(entry.value).names
    const emptied = isEmptied(names, ofLeaf)
    leaves.push({ ref, high: highOf(page.leaves, index), change: ofLeaf, names, bytes: entry?.value.length ?? 0, emptied })
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
  const key = context.keys.folder(page.folder)
  const writes: PageWrite[] = leaves.map((leaf) => mergeLeaf(context, page.folder, leaf))
  // Leaves that stay filled keep the folder filled. Only of the others does the root page, or the parent, hear.
  const turning = leaves.filter(({ names, emptied }) => names.length === 0 || emptied)
  if (turning.length === 0) return { writes, parent: null }
  const parent = turn(page.leaves, turning).some(({ filled }) => filled) ? null : 'remove'
  const by = (current: Uint8Array | null): Uint8Array | null => {
    const root = current === null ? null : decodeFolder(current)
    if (root?.kind !== 'large' || !turning.every((leaf) => isAsPlanned(root, leaf))) throw new StalePlan(key)
    const turned = turn(root.leaves, turning)
    const isEmpty = !turned.some(({ filled }) => filled)
    checkParent(key, parent, false, isEmpty)
    return isEmpty ? null : encodePage({ ...root, leaves: turned })
  }
  writes.push({ merge: key, by, owned: true })
  return { writes, parent }
}

function mergeLeaf({ keys, pageNames }: FolderContext, folder: string, { ref, high, change, names, emptied }: TouchedLeaf): PageWrite {
  const key = keys.leaf(folder, ref.id)
  const fills = names.length === 0 && !emptied
  const by = (current: Uint8Array | null): Uint8Array | null => {
    if (current === null && !fills && !emptied) throw new StalePlan(key)
    const leaf: Leaf = current === null ? { kind: 'leaf', low: ref.low, high, names: [] } : decodeLeaf(current)
    const inRange = [...change.add, ...change.remove].every((name) => isInRange(leaf, name))
    if (!inRange || (change.add.size > 0 && leaf.names.length >= pageNames * overfullMax)) throw new StalePlan(key)
    const after = changeNames(leaf.names, change)
    if ((after.length === 0) !== emptied) throw new StalePlan(key)
    return emptied ? null : encodePage({ ...leaf, names: after })
  }
  return { merge: key, by, owned: true }
}

function isAsPlanned({ leaves }: LargeFolder, { ref, high }: TouchedLeaf): boolean {
  const index = leaves.findIndex(({ id }) => id === ref.id)
  return index >= 0 && leaves[index]?.low === ref.low && highOf(leaves, index) === high
}

function turn(leaves: readonly LeafRef[], turning: readonly TouchedLeaf[]): LeafRef[] {
  const emptied = new Map(turning.map((leaf) => [leaf.ref.id, leaf.emptied]))
  return leaves.map((ref) => (emptied.has(ref.id) ? { ...ref, filled: emptied.get(ref.id) === false } : ref))
}
