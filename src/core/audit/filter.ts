/**
 * The option `filter` of an audit device: an expression over five properties of an entry, in the language of Vault Enterprise
 * (go-bexpr): `mount_type == "kv" and not (operation == read or path matches "^secret/data/tmp/")`.
 */
import type { AuditEntry } from './entry.ts'

export type AuditFilter = (entry: AuditEntry) => boolean

const properties: Readonly<Record<string, (entry: AuditEntry) => string>> = {
  mount_point: (entry) => entry.mount?.mount_point ?? '',
  mount_type: (entry) => entry.mount?.mount_type ?? '',
  /** The path without its trailing slash; the root namespace is `root`. */
  namespace: (entry) => namespaceName(entry.request.namespace?.path ?? ''),
  operation: (entry) => entry.request.operation,
  path: (entry) => entry.request.path,
}

const namespaceName = (path: string): string => (path === '' || path === '/' ? 'root' : path.endsWith('/') ? path.slice(0, -1) : path)

/** Longer ones are a mistake, and nesting is bounded with it. */
const filterLengthMax = 4096
const depthMax = 32

interface Token {
  readonly kind: 'word' | 'text' | 'sign' | 'end'
  readonly text: string
}

interface Cursor {
  readonly tokens: readonly Token[]
  at: number
  depth: number
}

/** Throws an `Error` whose text says what is wrong with the expression. */
export function parseFilter(expression: string): AuditFilter {
  if (expression.length > filterLengthMax) throw new Error(`longer than ${filterLengthMax} characters`)
  const cursor: Cursor = { tokens: tokensOf(expression), at: 0, depth: 0 }
  const filter = parseOr(cursor)
  const left = peek(cursor)
  if (left.kind !== 'end') throw new Error(`unexpected ${describe(left)}`)
  return filter
}

const tokenGrammar = /\s*(?:(==|!=|[()])|"((?:[^"\\]|\\.)*)"|`([^`]*)`|([\w./+*:@-]+))/y

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = []
  tokenGrammar.lastIndex = 0
  for (let at = 0; expression.slice(at).trim() !== ''; at = tokenGrammar.lastIndex) {
    const match = tokenGrammar.exec(expression)
    if (match === null) throw new Error(`unexpected character at position ${at}`)
    const [, sign, quoted, raw, word] = match
    if (sign !== undefined) tokens.push({ kind: 'sign', text: sign })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else tokens.push({ kind: 'text', text: raw ?? (quoted ?? '').replace(/\\(["\\])/g, '$1') })
  }
  return tokens
}

const end: Token = { kind: 'end', text: '' }
const peek = (cursor: Cursor): Token => cursor.tokens[cursor.at] ?? end
const describe = (token: Token): string => (token.kind === 'end' ? 'end' : JSON.stringify(token.text))

function take(cursor: Cursor): Token {
  const token = peek(cursor)
  cursor.at++
  return token
}

function takes(cursor: Cursor, text: string): boolean {
  const token = peek(cursor)
  if (token.kind === 'text' || token.kind === 'end' || token.text.toLowerCase() !== text) return false
  cursor.at++
  return true
}

function parseOr(cursor: Cursor): AuditFilter {
  let left = parseAnd(cursor)
  while (takes(cursor, 'or')) {
    const [first, second] = [left, parseAnd(cursor)]
    left = (entry) => first(entry) || second(entry)
  }
  return left
}

function parseAnd(cursor: Cursor): AuditFilter {
  let left = parseNot(cursor)
  while (takes(cursor, 'and')) {
    const [first, second] = [left, parseNot(cursor)]
    left = (entry) => first(entry) && second(entry)
  }
  return left
}

function parseNot(cursor: Cursor): AuditFilter {
  if (++cursor.depth > depthMax) throw new Error(`nested deeper than ${depthMax} levels`)
  try {
    if (takes(cursor, 'not')) {
      const inner = parseNot(cursor)
      return (entry) => !inner(entry)
    }
    if (!takes(cursor, '(')) return parseMatch(cursor)
    const inner = parseOr(cursor)
    if (!takes(cursor, ')')) throw new Error(`expected ")", got ${describe(peek(cursor))}`)
    return inner
  } finally {
    cursor.depth--
  }
}

/** `property operator value`, or `value [not] in property`. */
function parseMatch(cursor: Cursor): AuditFilter {
  const first = take(cursor)
  const following = peek(cursor)
  const isInverted = following.kind === 'word' && (following.text === 'in' || (following.text === 'not' && cursor.tokens[cursor.at + 1]?.text === 'in'))
  if (isInverted && first.kind !== 'sign' && first.kind !== 'end') {
    const wants = !takes(cursor, 'not')
    cursor.at++
    const read = propertyOf(take(cursor))
    return (entry) => read(entry).includes(first.text) === wants
  }
  return parseComparison(cursor, propertyOf(first), first.text)
}

function propertyOf(token: Token): (entry: AuditEntry) => string {
  const found = token.kind === 'word' && Object.hasOwn(properties, token.text) ? properties[token.text] : undefined
  if (found === undefined) throw new Error(`expected one of ${Object.keys(properties).join(', ')}, got ${describe(token)}`)
  return found
}

function parseComparison(cursor: Cursor, read: (entry: AuditEntry) => string, name: string): AuditFilter {
  if (takes(cursor, '==')) return compare(read, name, valueOf(cursor), true)
  if (takes(cursor, '!=')) return compare(read, name, valueOf(cursor), false)
  if (takes(cursor, 'is')) return parseEmpty(cursor, read)
  const wants = !takes(cursor, 'not')
  if (takes(cursor, 'contains')) {
    const part = valueOf(cursor)
    return (entry) => read(entry).includes(part) === wants
  }
  if (takes(cursor, 'matches')) {
    const pattern = patternOf(valueOf(cursor))
    return (entry) => pattern.test(read(entry)) === wants
  }
  throw new Error(`expected ==, !=, contains, matches, in or is, got ${describe(peek(cursor))}`)
}

function compare(read: (entry: AuditEntry) => string, name: string, given: string, wants: boolean): AuditFilter {
  const value = name === 'namespace' ? namespaceName(given) : given
  return (entry) => (read(entry) === value) === wants
}

function parseEmpty(cursor: Cursor, read: (entry: AuditEntry) => string): AuditFilter {
  const wants = !takes(cursor, 'not')
  if (!takes(cursor, 'empty')) throw new Error(`expected "empty", got ${describe(peek(cursor))}`)
  return (entry) => (read(entry) === '') === wants
}

function valueOf(cursor: Cursor): string {
  const token = take(cursor)
  if (token.kind === 'word' || token.kind === 'text') return token.text
  throw new Error(`expected a value, got ${describe(token)}`)
}

/**
 * A regular expression in the part of Go's syntax that JavaScript shares, with a leading `(?i)`. Paths come from clients and JavaScript
 * backtracks, so repetition of what repeats or branches itself is refused: it could take exponential time.
 */
function patternOf(source: string): RegExp {
  const isFolded = source.startsWith('(?i)')
  const body = isFolded ? source.slice(4) : source
  if (repeatsRepetition(body)) throw new Error('the regular expression repeats a group that itself repeats or branches')
  try {
    return new RegExp(body, isFolded ? 'iu' : 'u')
  } catch {
    throw new Error('not a regular expression')
  }
}

function repeatsRepetition(source: string): boolean {
  const groups: { varies: boolean }[] = [{ varies: false }]
  for (let i = 0; i < source.length; i++) {
    const char = source[i]
    const top = groups.at(-1) ?? { varies: false }
    if (char === '\\') i++
    else if (char === '[') i = classEnd(source, i)
    else if (char === '(') groups.push({ varies: false })
    else if (char === '|') top.varies = true
    else if (char === '*' || char === '+' || char === '{') top.varies = true
    else if (char === ')') {
      const closed = groups.pop()
      const isRepeated = /^[*+{]/.test(source.slice(i + 1))
      if (closed?.varies === true && isRepeated) return true
      const outer = groups.at(-1)
      if (outer !== undefined) outer.varies ||= closed?.varies === true || isRepeated
    }
  }
  return false
}

function classEnd(source: string, start: number): number {
  let i = start + 1
  while (i < source.length && source[i] !== ']') i += source[i] === '\\' ? 2 : 1
  return i
}
