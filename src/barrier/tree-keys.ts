/**
 * The physical keys of a tree: `t/<tree>/r/<hash of a path>` holds a record, `t/<tree>/d/<hash of a folder>` lists a folder, and
 * `t/<tree>/x/<hash of a path>` remembers the path of a deleted record for a while. Hashes are keyed, so that the store tells no name and
 * nobody can try names without the key; they differ from tree to tree, so that equal paths do not show.
 */
import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { internal } from '../kit/errors.ts'
import { checkKey } from '../storage/key.ts'
import { GenerationalCache } from './cache.ts'

export interface TreeKeys {
  /** `t/<tree>/`, under which everything of the tree lies. */
  readonly prefix: string
  /** Throws 'bad_request' when `path` cannot be a key. */
  record(path: string): string
  folder(folder: string): string
  leaf(folder: string, id: number): string
}

/** Physical keys by tree and path, shared by all trees of a barrier. */
export type KeyCache = GenerationalCache<string>

/** `bytes` is what paths and keys may take up, roughly. */
export const createKeyCache = (bytes: number): KeyCache => new GenerationalCache<string>(bytes)

/** A physical key, and what the map needs beside path and key. */
const cacheOverhead = 250

const hashLength = 40

/** `nameKey` is asked for at each use, because there is none while the barrier is sealed. */
export function treeKeys(tree: string, nameKey: () => KeyObject, cache: KeyCache): TreeKeys {
  const prefix = prefixOfTree(tree)
  function keyOf(kind: 'r' | 'd', path: string): string {
    const cacheKey = `${tree}${kind}${path}`
    const known = cache.get(cacheKey)
    if (known !== undefined) return known
    if (kind === 'r') checkKey(path)
    const hash = createHmac('sha256', nameKey()).update(`${tree}\0${kind}\0${path}`).digest('hex')
    const key = `${prefix}${kind}/${hash.slice(0, hashLength)}`
    cache.set(cacheKey, key, cacheKey.length + cacheOverhead)
    return key
  }
  const folder = (path: string): string => keyOf('d', path)
  return Object.freeze({
    prefix,
    record: (path: string) => keyOf('r', path),
    folder,
    leaf: (path: string, id: number) => `${folder(path)}.${id}`,
  })
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
