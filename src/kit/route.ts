/**
 * Routing inside an engine, by specificity: a literal segment beats `{name}`, `{name}` beats `{rest*}`, longer beats shorter; never by
 * the order of a list. Two templates that could not be told apart are refused when the routes are built.
 */
import type { Operation, Verb } from './operation.ts'

interface Template {
  readonly source: string
  readonly segments: readonly Segment[]
  /** Index of the `{rest*}` segment, or -1. */
  readonly restAt: number
  readonly verbs: Partial<Record<Verb, Operation>>
  /** What parameters must look like, where that is restricted. */
  readonly patterns: ReadonlyMap<string, RegExp> | null
}
type Segment = { readonly literal: string } | { readonly name: string }

export interface Match {
  readonly operation: Operation
  readonly params: Readonly<Record<string, string>>
}

/** `null`: the engine has no such path. `'verb'`: it has the path, but not for this verb. */
export type RouteResult = Match | 'verb' | null

export interface Routes {
  readonly match: (verb: Verb, path: string) => RouteResult
  /** The most specific template that a path fits, whatever the verb; null when there is none. */
  readonly find: (path: string) => { readonly path: string; readonly operations: readonly Operation[] } | null
  /** Every operation that a path has, for help and OpenAPI: one list per template, most specific first. */
  readonly templates: readonly { readonly path: string; readonly operations: readonly Operation[] }[]
}

/** Compiles the operations of an engine. Throws an `Error` for a tie or a malformed template: a bug, found at start. */
export function routesOf(operations: readonly Operation[]): Routes {
  const templates = new Map<string, Template>()
  for (const operation of operations) {
    const shape = operation.path.replaceAll(/\{\w+\*\}/g, '{*}').replaceAll(/\{\w+\}/g, '{}')
    const template = templates.get(shape) ?? parseTemplate(operation)
    checkSameParams(template, operation)
    const known = template.verbs[operation.verb]
    if (known !== undefined) throw new Error(`two operations for ${operation.verb} of ${known.path} and ${operation.path}`)
    template.verbs[operation.verb] = operation
    templates.set(shape, template)
  }
  const sorted = [...templates.values()].sort(moreSpecificFirst)
  const buckets = bucketsOf(sorted)
  return {
    match: (verb, path) => matchIn(buckets, verb, path),
    find(path) {
      const parts = path.replace(/\/$/, '').split('/')
      const found = sorted.find((template) => fit(template, parts, false) !== null) ?? sorted.find((template) => fit(template, parts, true) !== null)
      return found === undefined ? null : shown(found)
    },
    templates: sorted.map(shown),
  }
}

const shown = (t: Template): Routes['templates'][number] => ({ path: t.source, operations: Object.values(t.verbs) })

const patternsOf = ({ params }: Operation): Template['patterns'] => {
  const patterns = Object.entries(params).flatMap(([name, field]) => (field.pattern === undefined ? [] : [[name, field.pattern] as const]))
  return patterns.length === 0 ? null : new Map(patterns)
}

/** The verbs of a path share what is taken out of it: an operation that called or restricted it otherwise would not get what it asks for. */
function checkSameParams(template: Template, operation: Operation): void {
  const isSame = template.source === operation.path && String([...(template.patterns ?? [])]) === String([...(patternsOf(operation) ?? [])])
  const isTwice = template.verbs[operation.verb] !== undefined
  if (!isSame && !isTwice) throw new Error(`${template.source} and ${operation.path} differ in their parameters`)
}

const segmentShape = /^(?:[^{}*\s]+|\{\w+\*?\})$/

function checkTemplate(source: string, segments: readonly string[]): void {
  const names = segments.filter((s) => s.startsWith('{')).map((s) => s.replace('*', ''))
  if (segments.some((s) => !segmentShape.test(s)) || new Set(names).size < names.length) throw new Error(`malformed template: ${JSON.stringify(source)}`)
}

function parseTemplate(operation: Operation): Template {
  const source = operation.path
  const written = source === '' ? [] : source.split('/')
  checkTemplate(source, written)
  const segments: Segment[] = written.map((s) => (s.startsWith('{') ? { name: s.slice(1, -1).replace('*', '') } : { literal: s }))
  const rests = written.flatMap((s, i) => (s.endsWith('*}') ? [i] : []))
  if (rests.length > 1) throw new Error(`more than one {rest*} in ${source}`)
  return { source, segments, restAt: rests[0] ?? -1, verbs: {}, patterns: patternsOf(operation) }
}

const rank = (t: Template, i: number): number => (i >= t.segments.length ? 3 : 'literal' in (t.segments[i] as Segment) ? 0 : i === t.restAt ? 2 : 1)

function moreSpecificFirst(a: Template, b: Template): number {
  for (let i = 0; i < Math.max(a.segments.length, b.segments.length); i++) {
    const difference = rank(a, i) - rank(b, i)
    if (difference !== 0) return difference
  }
  return a.source < b.source ? -1 : 1
}

/** Templates by their first literal segment; those that begin with a parameter are in every bucket, at their place in the order. */
function bucketsOf(sorted: readonly Template[]): { readonly byFirst: ReadonlyMap<string, readonly Template[]>; readonly open: readonly Template[] } {
  const first = (t: Template): string | null => (t.segments[0] !== undefined && 'literal' in t.segments[0] ? t.segments[0].literal : null)
  const names = new Set(sorted.flatMap((t) => first(t) ?? []))
  const within = (name: string): Template[] => sorted.filter((t) => first(t) === null || first(t) === name)
  return { byFirst: new Map([...names].map((name) => [name, within(name)])), open: sorted.filter((t) => first(t) === null) }
}

function matchIn(buckets: ReturnType<typeof bucketsOf>, verb: Verb, path: string): RouteResult {
  const folder = verb === 'list' || verb === 'scan'
  const bare = folder && path.endsWith('/') ? path.slice(0, -1) : path
  const parts = bare === '' ? [] : bare.split('/')
  // A list names a folder. The folder above a literal path is another path; the rest of a path is a folder itself, but not the empty
  // rest where a literal path has that name.
  let isRest = false
  let isEmptyRest = false
  let isLiteral = false
  for (const template of buckets.byFirst.get(parts[0] ?? '') ?? buckets.open) {
    const params = fit(template, parts, folder)
    if (params === null) continue
    const operation = template.verbs[verb]
    if (operation !== undefined) return { operation, params }
    if (!folder) return 'verb'
    if (template.restAt < 0) isLiteral = true
    else if (Object.values(params).includes('')) isEmptyRest = true
    else isRest = true
  }
  return bare !== '' && (isRest || (isEmptyRest && !isLiteral)) ? 'verb' : null
}

/** The parameters, or null. `{rest*}` takes one segment or more, of which each may be empty; of a list or scan, which name a folder, also none. */
function fit(template: Template, parts: readonly string[], folder: boolean): Record<string, string> | null {
  const { segments, restAt, patterns } = template
  const spare = parts.length - segments.length
  if (restAt < 0 ? spare !== 0 : spare < (folder ? -1 : 0)) return null
  const params: Record<string, string> = {}
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i] as Segment
    const at = restAt >= 0 && i > restAt ? i + spare : i
    if (i === restAt) params[(segment as { name: string }).name] = parts.slice(at, at + spare + 1).join('/')
    else if ('literal' in segment) {
      if (parts[at] !== segment.literal) return null
    } else if (parts[at] === '' || parts[at] === undefined || patterns?.get(segment.name)?.test(parts[at] as string) === false) return null
    else params[segment.name] = parts[at] as string
  }
  return params
}
