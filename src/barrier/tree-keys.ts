/**
 * The physical keys of a tree: `t/<tree>/r/<hash of a path>` holds a record, `t/<tree>/d/<hash of a folder>` lists a folder, and
 * `t/<tree>/x/<hash of a path>` remembers the path of a deleted record for a while. Hashes are keyed, so that the store tells no name and
 * nobody can try names without the key; they differ from tree to tree, so that equal paths do not show.
 *
 * In trees of the second layout, whose names end in `-2`, records whose names are serial numbers stand together with those whose serial numbers begin alike: what
 * is written at the same time shares pages of the store, where a hash alone would touch as many pages as there are records. The store tells by that
 * which of them were made within some milliseconds, as the versions of the records do anyway.
 */
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { internal } from '../kit/errors.ts'
import { checkKey } from '../storage/key.ts'

export interface TreeKeys {
  /** `t/<tree>/`, under which everything of the tree lies. */
  readonly prefix: string
  /** Throws 'bad_request' when `path` cannot be a key. */
  record(path: string): string
  folder(folder: string): string
  leaf(folder: string, id: number): string
}

/** A physical key, and what the maps need beside path and key. */
const cacheOverhead = 250

/**
 * Physical keys by tree and path, shared by all trees of a barrier; in two generations, as in `cache.ts`. Maps in maps, because a text that is joined of both would be
 * made and hashed again at each of the many look-ups of a request.
 */
export class KeyCache {
  readonly #half: number
  #young = new Map<string, Map<string, string>>()
  #old = new Map<string, Map<string, string>>()
  #youngBytes = 0

  /** `bytes` is what paths and keys may take up, roughly. */
  constructor(bytes: number) {
    this.#half = bytes / 2
  }

  /** `of`: the tree, and what is asked for of it. */
  get(of: string, path: string): string | undefined {
    const young = this.#young.get(of)?.get(path)
    if (young !== undefined) return young
    const old = this.#old.get(of)?.get(path)
    if (old !== undefined) this.set(of, path, old)
    return old
  }

  set(of: string, path: string, key: string): void {
    const bytes = path.length + cacheOverhead
    if (this.#youngBytes + bytes > this.#half) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    const keys = this.#young.get(of)
    if (keys === undefined) this.#young.set(of, new Map([[path, key]]))
    else keys.set(path, key)
    this.#youngBytes += bytes
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
    this.#youngBytes = 0
  }
}

const hashLength = 40
const groupLength = 8

/** The name that a tree of the second layout has where one of the first would have `name`. */
export const secondLayout = (name: string): string => `${name}-2`

/** 16 bytes and more in hexadecimal, with dashes: what a serial number is in a key. */
const serialNumber = /^[0-9a-f]{2}(?:-[0-9a-f]{2}){15,}$/
/** Of so many characters, 7 bytes: a mark and a time (`engines/pki/serials.ts`). */
const alikeLength = 20

/** `nameKey` is asked for at each use, because there is none while the barrier is sealed. */
export function treeKeys(tree: string, nameKey: () => KeyObject, cache: KeyCache): TreeKeys {
  const prefix = prefixOfTree(tree)
  const isGrouped = tree.endsWith(secondLayout(''))
  const of = { record: `${tree} r`, folder: `${tree} d`, alike: `${tree} g` }
  const once = (what: keyof typeof of, text: string, make: (text: string) => string): string => {
    const known = cache.get(of[what], text)
    if (known !== undefined) return known
    const made = make(text)
    cache.set(of[what], text, made)
    return made
  }
  const hashOf = (kind: string, text: string): string => createHmac('sha256', nameKey()).update(`${tree}\0${kind}\0${text}`).digest('hex').slice(0, hashLength)
  const groupOf = (alike: string): string => hashOf('g', alike).slice(0, groupLength)
  const folderKey = (path: string): string => `${prefix}d/${hashOf('d', path)}`
  function recordKey(path: string): string {
    checkKey(path)
    const alike = isGrouped ? alikeOf(path) : null
    if (alike === null) return `${prefix}r/${hashOf('r', path)}`
    return `${prefix}r/${once('alike', alike, groupOf)}${hashOf('r', path).slice(groupLength)}`
  }
  const folder = (path: string): string => once('folder', path, folderKey)
  return Object.freeze({
    prefix,
    record: (path: string) => once('record', path, recordKey),
    folder,
    leaf: (path: string, id: number) => `${folder(path)}.${id}`,
  })
}

/** What the paths of serial numbers that begin alike have in common; null for other paths. */
function alikeOf(path: string): string | null {
  const { folder, name } = splitPath(path)
  return serialNumber.test(name) ? folder + name.slice(0, alikeLength) : null
}

/** Throws 'internal' for a name that no tree may have. */
export function prefixOfTree(tree: string): string {
  if (!/^[a-z0-9-]{1,64}$/.test(tree)) throw internal(`"${tree}" cannot be the name of a tree`)
  return `t/${tree}/`
}

/** The key under which the path of a record is remembered after its deletion. */
export const obituaryOf = (recordKey: string): string => recordKey.replace('/r/', '/x/')

/** A path as its folder ('' or ending in '/') and the name in it; of a folder, the name ends in '/'. */
export function splitPath(path: string): { readonly folder: string; readonly name: string } {
  // A negative position would count as 0, and the folder '/' lies in ''.
  const at = path.length < 2 ? 0 : path.lastIndexOf('/', path.length - 2) + 1
  return { folder: path.slice(0, at), name: path.slice(at) }
}
