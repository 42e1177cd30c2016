/**
 * The patterns of rules: exact paths, prefixes that end in `*`, and patterns with `+` for one whole segment. A `*` elsewhere and a
 * `+` inside a segment are ordinary characters, as in Vault.
 */

export interface Pattern {
  /** As written, with its namespace before it and without a leading '/'. */
  readonly text: string
  /** Without the trailing `*`. */
  readonly body: string
  readonly isGlob: boolean
  /** Number of `+` segments. */
  readonly wildcards: number
  /** Offset of the first `+` segment, or of the trailing `*`. */
  readonly firstWild: number
}

export function parsePattern(text: string): Pattern {
  const isGlob = text.endsWith('*')
  const body = isGlob ? text.slice(0, -1) : text
  const segments = body.split('/')
  // What stands before a `*` is the beginning of a segment, never a whole one.
  const whole = isGlob ? segments.slice(0, -1) : segments
  const first = whole.indexOf('+')
  const firstWild = first < 0 ? body.length : segments.slice(0, first).join('/').length + (first > 0 ? 1 : 0)
  return { text, body, isGlob, wildcards: whole.filter((segment) => segment === '+').length, firstWild }
}

/**
 * Orders patterns from the least specific to the most specific, by Vault's five rules: the first wildcard comes later; no `*` at the end;
 * fewer `+`; longer; greater in the order of characters. Only for patterns with a wildcard: an exact path beats them all.
 */
export function bySpecificity(a: Pattern, b: Pattern): number {
  if (a.firstWild !== b.firstWild) return a.firstWild - b.firstWild
  if (a.isGlob !== b.isGlob) return a.isGlob ? -1 : 1
  if (a.wildcards !== b.wildcards) return b.wildcards - a.wildcards
  if (a.body.length !== b.body.length) return a.body.length - b.body.length
  return a.body < b.body ? -1 : a.body > b.body ? 1 : 0
}
