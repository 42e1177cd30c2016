/**
 * Checks a whole tree: every record opens, stands at the hash of its path and is listed; every page opens, is in order and lists only
 * what exists. Runs through the tree in pages with look-ups for the other direction, so memory does not grow with it. For tests, and
 * for operators: nothing may write to the tree meanwhile, or what is under way shows as a finding.
 */
import type { KeyObject } from 'node:crypto'
import { ApiError } from '../kit/errors.ts'
import { compareKeys } from '../storage/key.ts'
import { toName, walkFolder } from './folder-path.ts'
import type { LargeFolder, Node, PageRef } from './pages.ts'
import { decodeFolder, decodeLower, hasName, highOf, isInRange } from './pages.ts'
import { decodeObituary, decodeRecord } from './record.ts'
import { KeyCache, obituaryOf, splitPath, type TreeKeys, treeKeys } from './tree-keys.ts'
import type { SealedValues } from './values.ts'

/** Something wrong at a physical key. Holds no name and no value. */
export interface Finding {
  readonly key: string
  readonly problem: string
}

export interface CheckOptions {
  /** As the tree was made with. */
  readonly isHidden?: (path: string) => boolean
  /** Findings after which the check stops. Default 1,000. */
  readonly findingsMax?: number
}

/** All that is wrong with a tree; empty when it is sound. */
export async function checkTree(
  values: SealedValues, tree: string, nameKey: () => KeyObject, options: CheckOptions = {},
): Promise<Finding[]> {
  const { isHidden = (path) => path.startsWith('.'), findingsMax = 1_000 } = options
  const check = new TreeCheck(values, treeKeys(tree, nameKey, new KeyCache(32 * 2 ** 20)), isHidden)
  const { prefix } = check.keys
  for (const name of await values.list(prefix)) {
    if (!['r/', 'd/', 'x/'].includes(name)) check.report(prefix + name, 'is nothing that a tree has')
  }
  for (const [folder, checkKey] of [['r/', check.record], ['d/', check.page], ['x/', check.obituary]] as const) {
    for await (const key of keysUnder(values, prefix + folder)) {
      await check.guard(key, () => checkKey.call(check, key))
      if (check.findings.length >= findingsMax) return check.findings
    }
  }
  return check.findings
}

/** All keys right below a folder of a store, read in pages. */
async function* keysUnder(values: Pick<SealedValues, 'list'>, folder: string, limit = 1_000): AsyncGenerator<string> {
  let page = await values.list(folder, { limit })
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    for (const name of page) yield folder + name
    page = page.length < limit ? [] : await values.list(folder, { limit, after: last })
  }
}

class TreeCheck {
  readonly findings: Finding[] = []
  readonly keys: TreeKeys
  readonly #values: SealedValues
  readonly #isHidden: (path: string) => boolean

  constructor(values: SealedValues, keys: TreeKeys, isHidden: (path: string) => boolean) {
    this.#values = values
    this.keys = keys
    this.#isHidden = isHidden
  }

  report(key: string, problem: string): void {
    this.findings.push({ key, problem })
  }

  /** What cannot be opened or decoded is a finding; other failures are the store's. */
  async guard(key: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'internal') throw error
      this.report(key, error.detail ?? error.message)
    }
  }

  async record(key: string): Promise<void> {
    const entry = await this.#values.get(key)
    if (entry === null) return
    const { path } = decodeRecord(entry.value)
    if (this.keys.record(path) !== key) return this.report(key, 'holds the record of another path')
    if (this.#isHidden(path)) return
    if (!(await this.#isListed(path))) this.report(key, 'is a record that its folder does not list')
  }

  async obituary(key: string): Promise<void> {
    const entry = await this.#values.get(key)
    if (entry === null) return
    if (obituaryOf(this.keys.record(decodeObituary(entry.value).path)) !== key) this.report(key, 'holds the path of another record')
  }

  async page(key: string): Promise<void> {
    if (key.includes('.')) return await this.#part(key)
    const entry = await this.#values.get(key)
    if (entry === null) return
    const page = decodeFolder(entry.value)
    if (this.keys.folder(page.folder) !== key) return this.report(key, 'lists another folder')
    if (page.folder !== '' && !(await this.#isListed(page.folder))) this.report(key, 'is a folder that its parent does not list')
    if (page.kind === 'small') await this.#names(key, page.folder, page.names)
    else await this.#large(key, page)
  }

  /** A part of a folder is checked from its root page; here, only that it is one. */
  async #part(key: string): Promise<void> {
    const [rootKey = '', id] = key.split('.')
    const [root, own] = [await this.#values.get(rootKey), await this.#values.get(key)]
    const page = root === null ? null : decodeFolder(root.value)
    if (own === null) return
    const { low } = decodeLower(own.value)
    const path = root === null || page?.kind !== 'large' ? null : await walkFolder(this.#pages, page, root.version, root.value.length, toName(low))
    const isKnown = path?.steps.some(({ node, index }) => node.refs[index]?.filled === true && String(node.refs[index].id) === id) === true
    if (!isKnown) this.report(key, 'is a part that its folder does not know')
  }

  async #large(key: string, root: LargeFolder): Promise<void> {
    const ids = new Set<number>()
    await this.#below(key, root.folder, root, '', ids)
    if (Math.max(...ids) >= root.nextId) this.report(key, 'has a part that is too new')
  }

  /** Looks at all that is below a page. */
  async #below(key: string, folder: string, node: Node, low: string, ids: Set<number>): Promise<void> {
    const { refs } = node
    const ascending = refs.every((ref, i) => (i === 0 ? ref.low === low : compareKeys((refs[i - 1] as PageRef).low, ref.low) < 0))
    if (!ascending) this.report(key, 'has ranges out of order')
    if (!refs.some(({ filled }) => filled)) this.report(key, 'lists an empty folder')
    for (const [index, ref] of refs.entries()) {
      if (ids.has(ref.id)) this.report(key, 'has a part twice')
      ids.add(ref.id)
      const below = this.keys.leaf(folder, ref.id)
      const entry = await this.#values.get(below)
      if ((entry !== null) !== ref.filled) this.report(below, ref.filled ? 'is a part that is missing' : 'is a part that should be empty')
      if (entry === null) continue
      const page = decodeLower(entry.value)
      if (page.low !== ref.low || page.high !== highOf(node, index)) this.report(below, 'has another range than its folder says')
      if ((page.kind === 'leaf' ? 0 : page.level) !== node.level - 1) this.report(below, 'is on another level than its folder says')
      else if (page.kind === 'branch') await this.#below(below, folder, page, page.low, ids)
      else {
        if (!page.names.every((name) => isInRange(page, name))) this.report(below, 'has a name out of its range')
        await this.#names(below, folder, page.names)
      }
    }
  }

  async #names(key: string, folder: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) this.report(key, 'is a page without names')
    if (names.some((name, i) => i > 0 && compareKeys(names[i - 1] as string, name) >= 0)) this.report(key, 'has names out of order')
    for (const name of names) {
      const child = name.endsWith('/') ? this.keys.folder(folder + name) : this.keys.record(folder + name)
      if ((await this.#values.versionOf(child)) === 0) this.report(key, `lists what is missing at "${child}"`)
    }
  }

  /** Whether a path, or a folder, stands in the folder above. */
  async #isListed(path: string): Promise<boolean> {
    const { folder, name } = splitPath(path)
    const entry = await this.#values.get(this.keys.folder(folder))
    if (entry === null) return false
    const page = decodeFolder(entry.value)
    if (page.kind === 'small') return hasName(page.names, name)
    const at = await walkFolder(this.#pages, page, entry.version, entry.value.length, toName(name))
    const leaf = at === null || at.level > 0 ? null : await this.#values.get(this.keys.leaf(folder, at.ref.id))
    const part = leaf === null ? null : decodeLower(leaf.value)
    return part?.kind === 'leaf' && hasName(part.names, name)
  }

  get #pages(): { readonly values: SealedValues; readonly keys: TreeKeys } {
    return { values: this.#values, keys: this.keys }
  }
}
