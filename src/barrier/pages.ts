/**
 * The pages that list a folder's names, and their bytes. A folder with few names is one page (`small`). A larger one is a root page
 * (`large`) over leaves, each of which owns the names from `low` up to, not including, `high`; a very large one has branches in between, in as
 * many levels as keep each page small. Pages are immutable once decoded.
 */
import { internal } from '../kit/errors.ts'
import { memo } from '../kit/memo.ts'
import { formedMerge } from '../storage/draft.ts'
import { compareKeys } from '../storage/key.ts'

/** A folder on one page. `folder` is its path ('' or ending in '/'), so that the page proves what it lists. */
export interface SmallFolder {
  readonly kind: 'small'
  readonly folder: string
  /** Ascending by UTF-8 bytes, never empty. */
  readonly names: readonly string[]
}

/** What a page says of one below it. */
export interface PageRef {
  readonly low: string
  readonly id: number
  /** A leaf without names is not stored, nor is a branch without such a leaf; its range stays. */
  readonly filled: boolean
}

/** The root page of a folder on several pages. At least one of those below it is filled. */
export interface LargeFolder {
  readonly kind: 'large'
  readonly folder: string
  /** No other page of this folder has, or had, this id or a higher one. */
  readonly nextId: number
  /** Levels below: 1 when those are leaves. */
  readonly level: number
  /** Ascending by `low`; the first begins with ''. Each ends where the next begins. */
  readonly refs: readonly PageRef[]
}

/** A page between the root and the leaves. At least one of those below it is filled. */
export interface Branch {
  readonly kind: 'branch'
  readonly low: string
  /** Null: to the end. */
  readonly high: string | null
  readonly level: number
  /** The first begins with `low`. */
  readonly refs: readonly PageRef[]
}

export interface Leaf {
  readonly kind: 'leaf'
  readonly low: string
  /** Null: to the end. */
  readonly high: string | null
  /** Ascending by UTF-8 bytes, never empty. */
  readonly names: readonly string[]
}

export type FolderPage = SmallFolder | LargeFolder
/** A page over others. */
export type Node = LargeFolder | Branch
export type Page = FolderPage | Branch | Leaf

/** The index of the first name that is not smaller: where `name` stands or would stand. */
export function positionOf(names: readonly string[], name: string): number {
  let low = 0
  let high = names.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(names[middle] as string, name) < 0) low = middle + 1
    else high = middle
  }
  return low
}

export const hasName = (names: readonly string[], name: string): boolean => names[positionOf(names, name)] === name

/** The names with some removed and some added, whether or not they were there. */
export function changeNames(names: readonly string[], { add, remove }: NameChange): string[] {
  const changed = [...names]
  for (const name of remove) {
    const at = positionOf(changed, name)
    if (changed[at] === name) changed.splice(at, 1)
  }
  if (add.size * 8 > names.length) return mergeNames(changed, add)
  for (const name of add) {
    const at = positionOf(changed, name)
    if (changed[at] !== name) changed.splice(at, 0, name)
  }
  return changed
}

/** What a commit does to a set of names. No name is in both. */
export interface NameChange {
  readonly add: ReadonlySet<string>
  readonly remove: ReadonlySet<string>
}

/** Whether no name is left after the change. */
export function isEmptied(names: readonly string[], { add, remove }: NameChange): boolean {
  return add.size === 0 && names.length <= remove.size && names.every((name) => remove.has(name))
}

const mergeNames = (names: readonly string[], add: ReadonlySet<string>): string[] => [...new Set([...names, ...add])].sort(compareKeys)

/** The index of the page in whose range a name lies. */
export function indexOfName(refs: readonly PageRef[], name: string): number {
  let low = 0
  let high = refs.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (compareKeys((refs[middle] as PageRef).low, name) <= 0) low = middle
    else high = middle - 1
  }
  return low
}

/** Where the page at `index` ends, as the page over it has it. */
export const highOf = (node: Node, index: number): string | null => node.refs[index + 1]?.low ?? (node.kind === 'branch' ? node.high : null)

export const isInRange = ({ low, high }: Pick<Leaf, 'low' | 'high'>, name: string): boolean =>
  compareKeys(low, name) <= 0 && (high === null || compareKeys(name, high) < 0)

const kinds = ['small', 'large', 'leaf', 'last leaf', 'tree', 'branch', 'last branch'] as const

function kindOf(page: Page): (typeof kinds)[number] {
  if (page.kind === 'large') return page.level === 1 ? 'large' : 'tree'
  return (page.kind === 'leaf' || page.kind === 'branch') && page.high === null ? `last ${page.kind}` : page.kind
}

/**
 * [kind 1][number of texts][length of each text][of a large folder: nextId; of what has more than one level below it, and of a branch: level; of
 * both, id * 2 + filled of each page below][the texts, joined].
 * Numbers are LEB128; lengths count UTF-16 units, so that one decoding of the joined texts serves all names.
 */
export function encodePage(page: Page): Buffer {
  const texts = textsOf(page)
  const kind = kindOf(page)
  const numbers: number[] = []
  if (page.kind === 'large') numbers.push(page.nextId)
  if (page.kind === 'large' || page.kind === 'branch') numbers.push(...(kind === 'large' ? [] : [page.level]), ...page.refs.map(({ id, filled }) => id * 2 + (filled ? 1 : 0)))
  const joined = texts.join('')
  const bytes = Buffer.allocUnsafe(1 + lengthOfNumber(texts.length) + texts.reduce(addLength, 0) + numbers.reduce(addNumber, 0) + Buffer.byteLength(joined))
  bytes[0] = kinds.indexOf(kind)
  let offset = writeNumber(bytes, 1, texts.length)
  for (const text of texts) offset = writeNumber(bytes, offset, text.length)
  for (const number of numbers) offset = writeNumber(bytes, offset, number)
  offset += bytes.write(joined, offset)
  const encoded = bytes.subarray(0, offset)
  decoded.set(encoded, page)
  return encoded
}

const lengthOfNumber = (number: number): number => (number < 0x80 ? 1 : 8)
const addNumber = (sum: number, number: number): number => sum + lengthOfNumber(number)
const addLength = (sum: number, text: string): number => sum + lengthOfNumber(text.length)

function textsOf(page: Page): readonly string[] {
  if (page.kind === 'small') return [page.folder, ...page.names]
  if (page.kind === 'large') return [page.folder, ...page.refs.map(({ low }) => low)]
  if (page.kind === 'branch') return [page.low, page.high ?? '', ...page.refs.map(({ low }) => low)]
  return [page.low, page.high ?? '', ...page.names]
}

// The same bytes are decoded once as long as the cache of opened values holds them.
const decoded = memo<Uint8Array, Page>('decoded')

/** The page of these bytes. Throws 'internal' for bytes that no page has: they were authentic, so that is a defect. */
function decodePage(bytes: Uint8Array): Page {
  const known = decoded.get(bytes)
  if (known !== undefined) return known
  const page = readPage(new PageReader(bytes))
  decoded.set(bytes, page)
  return page
}

/** The page of a folder itself, small or large. */
export const decodeFolder = (bytes: Uint8Array): FolderPage => asFolder(decodePage(bytes))

/** A page of a folder that is not its first. */
export const decodeLower = (bytes: Uint8Array): Branch | Leaf => asLower(decodePage(bytes))

function asFolder(page: Page): FolderPage {
  if (page.kind !== 'small' && page.kind !== 'large') throw internal(`a ${page.kind} stands where a folder should`)
  return page
}

function asLower(page: Page): Branch | Leaf {
  if (page.kind !== 'branch' && page.kind !== 'leaf') throw internal('a folder stands where a part of one should')
  return page
}

const pageForm = { read: decodePage, write: encodePage }

/** A merge of the page at `key`: `change` gets it, or null where there is none, and gives what is to be there. */
const mergePage = <P extends Page>(key: string, asKind: (page: Page) => P, change: (page: P | null) => Page | null) => {
  const { by, draft } = formedMerge<Page>(key, pageForm, (page) => change(page === null ? null : asKind(page)))
  return { merge: key, by, draft, owned: true } as const
}

export const mergeFolderPage = (key: string, change: (page: FolderPage | null) => Page | null) => mergePage(key, asFolder, change)
export const mergeLowerPage = (key: string, change: (page: Branch | Leaf | null) => Page | null) => mergePage(key, asLower, change)

function readPage(reader: PageReader): Page {
  const kind = kinds[reader.byte()]
  const lengths = reader.numbers(reader.number())
  if (kind === 'large' || kind === 'tree') {
    const nextId = reader.number()
    const level = kind === 'large' ? 1 : reader.number()
    const [[folder = ''], refs] = readRefs(reader, lengths, 1)
    return { kind: 'large', folder, nextId, level, refs }
  }
  if (kind === 'branch' || kind === 'last branch') {
    const level = reader.number()
    const [[low = '', high = ''], refs] = readRefs(reader, lengths, 2)
    return { kind: 'branch', low, high: kind === 'branch' ? high : null, level, refs }
  }
  const [first = '', ...rest] = reader.texts(lengths)
  if (kind === 'small') return { kind, folder: first, names: rest }
  if (kind === 'leaf') return { kind, low: first, high: rest[0] ?? '', names: rest.slice(1) }
  if (kind === 'last leaf') return { kind: 'leaf', low: first, high: null, names: rest.slice(1) }
  throw internal('a page of a folder has an unknown kind')
}

/** The first `own` texts are the page's own, the others the lower ends of those below it. */
function readRefs(reader: PageReader, lengths: readonly number[], own: number): readonly [readonly string[], readonly PageRef[]] {
  const marks = reader.numbers(Math.max(0, lengths.length - own))
  const texts = reader.texts(lengths)
  // Ids outgrow 31 bits before anything else does, so no shifting.
  return [texts.slice(0, own), texts.slice(own).map((low, i) => ({ low, id: Math.floor((marks[i] as number) / 2), filled: (marks[i] as number) % 2 === 1 }))]
}

class PageReader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  byte(): number {
    const byte = this.#bytes[this.#offset]
    if (byte === undefined) throw internal('a page of a folder is too short')
    this.#offset += 1
    return byte
  }

  number(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  numbers(count: number): number[] {
    const bytes = this.#bytes
    const numbers: number[] = []
    while (numbers.length < count) {
      // Nearly all are of one byte, and a page has hundreds.
      const only = bytes[this.#offset] ?? 0x80
      if (only < 0x80) this.#offset += 1
      numbers.push(only < 0x80 ? only : this.number())
    }
    return numbers
  }

  /** All that follows, cut into texts of these lengths. */
  texts(lengths: readonly number[]): string[] {
    const joined = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length).toString('utf8', this.#offset)
    let at = 0
    const texts = lengths.map((length) => joined.slice(at, (at += length)))
    if (at !== joined.length) throw internal('a page of a folder has a wrong length')
    return texts
  }
}

function writeNumber(bytes: Buffer, offset: number, number: number): number {
  let rest = number
  let at = offset
  while (rest >= 0x80) {
    bytes[at] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
    at += 1
  }
  bytes[at] = rest
  return at + 1
}
