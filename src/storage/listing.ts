/**
 * The rules of `Store.list`, over anything that can run through sorted keys: which names a page holds, where it starts, and
 * how folders are stepped over instead of read.
 */
import type { ListOptions } from '../kit/store.ts'

/** Keys from `start` (included) to `end` (excluded; null: the last key), ascending, or the same keys from the other end. */
export interface KeyRange {
  readonly start: string
  readonly end: string | null
  readonly reverse: boolean
}

/** A sorted set of keys. The iteration is left early as a rule. */
export type KeySource = (range: KeyRange) => Iterable<string>

/** Reading on is cheaper than seeking anew, so a folder is only stepped over after so many of its keys. */
const readOnMax = 8

/** The page of names below `prefix` that `options` ask for. The arguments have been checked (`checkList`). */
export function listNames(source: KeySource, prefix: string, options: ListOptions = {}): string[] {
  const limit = options.limit ?? Number.POSITIVE_INFINITY
  const names: string[] = []
  let range: KeyRange | null = limit === 0 ? null : firstRange(prefix, options)
  while (range !== null) range = readRange(source, prefix, range, names, limit)
  return names
}

/** Adds names until the limit, the end (null) or a large folder; then answers with the range behind that folder. */
function readRange(source: KeySource, prefix: string, range: KeyRange, names: string[], limit: number): KeyRange | null {
  let folder = ''
  let readOn = 0
  for (const key of source(range)) {
    if (folder !== '' && key.startsWith(folder)) {
      readOn += 1
      if (readOn > readOnMax) return beyondFolder(range, folder)
      continue
    }
    const slash = key.indexOf('/', prefix.length)
    folder = slash < 0 ? '' : key.slice(0, slash + 1)
    readOn = 0
    names.push(slash < 0 ? key.slice(prefix.length) : key.slice(prefix.length, slash + 1))
    // A folder may be followed by thousands of its keys: when the page is full, do not look for its end.
    if (names.length >= limit) return null
  }
  return null
}

function firstRange(prefix: string, { after, reverse = false }: ListOptions): KeyRange {
  const end = prefix === '' ? null : endOf(prefix)
  if (after === undefined) return { start: prefix, end, reverse }
  if (reverse) return { start: prefix, end: endBefore(prefix, after), reverse }
  return { start: startAfter(prefix, after), end, reverse }
}

/** The first key whose name sorts after `after`. Within a folder no name but its own can lie. */
function startAfter(prefix: string, after: string): string {
  const slash = after.indexOf('/')
  return slash < 0 ? `${prefix}${after}\0` : endOf(prefix + after.slice(0, slash + 1))
}

/** Where the keys end whose names sort before `after`: a folder lies before whatever it contains. */
function endBefore(prefix: string, after: string): string {
  const slash = after.indexOf('/')
  return slash < 0 || slash === after.length - 1 ? prefix + after : endOf(prefix + after.slice(0, slash + 1))
}

const beyondFolder = (range: KeyRange, folder: string): KeyRange =>
  range.reverse ? { ...range, end: folder } : { ...range, start: endOf(folder) }

/** The end of all keys that begin with `folder`, which ends in '/': '0' is the character that follows '/'. */
const endOf = (folder: string): string => `${folder.slice(0, -1)}0`
