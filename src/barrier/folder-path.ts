/** The way from the root page of a folder down to the leaf in whose range a name lies. */
import { decodeLower, highOf, indexOfName, type LargeFolder, type Node, type PageRef } from './pages.ts'
import type { TreeKeys } from './tree-keys.ts'
import type { SealedValues } from './values.ts'

/** A page on the way, as it was read, and which of those below it comes next. */
export interface Step {
  readonly node: Node
  readonly key: string
  readonly version: number
  readonly bytes: number
  readonly index: number
}

export interface FolderPath {
  readonly root: LargeFolder
  /** From the root to the last page that is stored above the leaf. Of its pages below, the one at `index` is the leaf, or a part of the folder where nothing is. */
  readonly steps: readonly [Step, ...Step[]]
  readonly ref: PageRef
  readonly low: string
  readonly high: string | null
  /** Levels of `ref`: 0 for a leaf. A branch that is not stored has more. */
  readonly level: number
}

interface Pages {
  readonly values: SealedValues
  readonly keys: TreeKeys
}

export const stepOf = (path: FolderPath): Step => path.steps.at(-1) as Step

/**
 * Goes down to a leaf; `choose` says which of the pages below one to take. Null: a branch is not what the page above it says, as pages were split or
 * joined meanwhile, and the root is to be read again.
 */
export async function walkFolder({ values, keys }: Pages, root: LargeFolder, version: number, bytes: number, choose: (node: Node) => number): Promise<FolderPath | null> {
  let step: Step = { node: root, key: keys.folder(root.folder), version, bytes, index: choose(root) }
  const steps: [Step, ...Step[]] = [step]
  for (;;) {
    const { node, index } = step
    const ref = node.refs[index] as PageRef
    const high = highOf(node, index)
    const level = node.level - 1
    if (level === 0 || !ref.filled) return { root, steps, ref, low: ref.low, high, level }
    const key = keys.leaf(root.folder, ref.id)
    const entry = await values.get(key)
    const branch = entry === null ? null : decodeLower(entry.value)
    if (entry === null || branch?.kind !== 'branch' || branch.low !== ref.low || branch.high !== high || branch.level !== level) return null
    // It is newer than the root: ids that the root would give out are taken.
    if (branch.refs.some(({ id }) => id >= root.nextId)) return null
    step = { node: branch, key, version: entry.version, bytes: entry.value.length, index: choose(branch) }
    steps.push(step)
  }
}

export const toName = (name: string) => (node: Node): number => indexOfName(node.refs, name)
