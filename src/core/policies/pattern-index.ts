/**
 * Finds the most specific pattern for a path among thousands: exact ones by hash, prefixes by binary search, patterns with `+` by a tree of
 * segments. The order of specificity does not depend on the path, so it is one number per pattern, computed once.
 */
import { bySpecificity, type Pattern } from './pattern.ts'

export interface Indexed {
  readonly pattern: Pattern
  /** Whether it takes everything away. */
  readonly isDeny: boolean
}

export interface PatternIndex<R extends Indexed> {
  /** The rule for a path, or null. */
  readonly find: (path: string) => R | null
  /** The rule for a listing of a folder; `path` ends in '/', or is ''. */
  readonly findListing: (path: string) => R | null
  /** Whether a rule that `grants` could be the one for something below `prefix` (which ends in '/'). Asks only for rules below it. */
  readonly hasBelow: (prefix: string, grants: (rule: R) => boolean) => boolean
}

interface Ranked<R> {
  readonly rule: R
  readonly rank: number
}

/** `rules` have different patterns. */
export function indexPatterns<R extends Indexed>(rules: readonly R[]): PatternIndex<R> {
  const isWild = (rule: R): boolean => rule.pattern.isGlob || rule.pattern.wildcards > 0
  const exact = new Map(rules.filter((rule) => !isWild(rule)).map((rule) => [rule.pattern.body, rule]))
  const ranked = rules
    .filter(isWild)
    .toSorted((a, b) => bySpecificity(a.pattern, b.pattern))
    .map((rule, rank): Ranked<R> => ({ rule, rank }))
  const prefixes = indexPrefixes(ranked.filter(({ rule }) => rule.pattern.wildcards === 0))
  const withSegments = ranked.filter(({ rule }) => rule.pattern.wildcards > 0)
  const segments = withSegments.length === 0 ? null : indexSegments(withSegments)

  const findWild = (path: string): Ranked<R> | null => {
    const prefix = prefixes(path)
    return segments === null ? prefix : higher(prefix, findSegments(segments, path, 0))
  }
  return {
    find: (path) => exact.get(path) ?? findWild(path)?.rule ?? null,
    findListing(path) {
      const found = exact.get(path)
      if (found !== undefined || !path.endsWith('/')) return found ?? findWild(path)?.rule ?? null
      const bare = path.slice(0, -1)
      const foundBare = exact.get(bare)
      if (foundBare !== undefined) return foundBare
      const wild = findWild(path)
      // CVE-2026-63131: what denies the folder as it is asked for is not overruled by a pattern that fits only without the slash.
      if (segments === null || wild?.rule.isDeny === true) return wild?.rule ?? null
      return higher(wild, findSegments(segments, bare, 0))?.rule ?? null
    },
    hasBelow: (prefix, grants) => rules.some((rule) => grants(rule) && couldMatchBelow(rule.pattern, prefix)),
  }
}

const higher = <R>(a: Ranked<R> | null, b: Ranked<R> | null): Ranked<R> | null => (a === null ? b : b === null || a.rank > b.rank ? a : b)

/**
 * Longest prefix by binary search: the greatest entry that is not greater than the path either is a prefix of it, or begins with the
 * longest one that is; every entry knows the longest shorter entry that it begins with.
 */
function indexPrefixes<R extends Indexed>(ranked: readonly Ranked<R>[]): (path: string) => Ranked<R> | null {
  const entries = ranked.toSorted((a, b) => (a.rule.pattern.body < b.rule.pattern.body ? -1 : 1))
  const bodies = entries.map(({ rule }) => rule.pattern.body)
  const parents = new Int32Array(entries.length).fill(-1)
  for (let i = 1; i < entries.length; i++) {
    let parent = i - 1
    while (parent >= 0 && !(bodies[i] ?? '').startsWith(bodies[parent] ?? '')) parent = parents[parent] ?? -1
    parents[i] = parent
  }
  return (path) => {
    let [low, high] = [0, bodies.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((bodies[middle] ?? '') <= path) low = middle + 1
      else high = middle
    }
    let at = low - 1
    while (at >= 0 && !path.startsWith(bodies[at] ?? '')) at = parents[at] ?? -1
    return entries[at] ?? null
  }
}

interface Segments<R> {
  readonly literals: Map<string, Segments<R>>
  plus: Segments<R> | null
  /** The pattern that ends here. */
  end: Ranked<R> | null
  /** Patterns that go on with the beginning of a segment and `*`. */
  readonly globs: { readonly start: string; readonly ranked: Ranked<R> }[]
}

const emptySegments = <R>(): Segments<R> => ({ literals: new Map(), plus: null, end: null, globs: [] })

function indexSegments<R extends Indexed>(ranked: readonly Ranked<R>[]): Segments<R> {
  const root = emptySegments<R>()
  for (const entry of ranked) {
    const { body, isGlob } = entry.rule.pattern
    const segments = body.split('/')
    const start = isGlob ? segments.pop() : undefined
    const node = segments.reduce(childOf, root)
    if (start === undefined) node.end = entry
    else node.globs.push({ start, ranked: entry })
  }
  return root
}

function childOf<R>(node: Segments<R>, segment: string): Segments<R> {
  if (segment === '+') return (node.plus ??= emptySegments())
  const known = node.literals.get(segment)
  if (known !== undefined) return known
  const made = emptySegments<R>()
  node.literals.set(segment, made)
  return made
}

/** Visits every node that fits, at most once: the number of patterns bounds the work, whatever the path. */
function findSegments<R>(node: Segments<R>, path: string, from: number): Ranked<R> | null {
  let best: Ranked<R> | null = null
  for (const { start, ranked } of node.globs) if (path.startsWith(start, from)) best = higher(best, ranked)
  const slash = path.indexOf('/', from)
  const literal = node.literals.size === 0 ? undefined : node.literals.get(slash < 0 ? path.slice(from) : path.slice(from, slash))
  for (const child of [literal, node.plus]) {
    if (child !== undefined && child !== null) best = higher(best, slash < 0 ? child.end : findSegments(child, path, slash + 1))
  }
  return best
}

function couldMatchBelow(pattern: Pattern, prefix: string): boolean {
  // A shorter prefix says no more below than it does here, where `find` weighs it against the others.
  if (pattern.wildcards === 0) return pattern.body.startsWith(prefix)
  const folders = prefix.split('/').slice(0, -1)
  const segments = pattern.body.split('/')
  const last = segments.length - 1
  for (const [i, folder] of folders.entries()) {
    const segment = segments[i]
    if (segment === undefined) return false
    if (i === last) return pattern.isGlob && folder.startsWith(segment)
    if (segment !== '+' && segment !== folder) return false
  }
  return segments.length > folders.length
}
