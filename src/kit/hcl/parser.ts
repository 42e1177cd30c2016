/** Parses HCL 1, or its JSON form when the text begins with `{`, into a syntax tree. */
import { badRequest } from '../errors.ts'
import {
  defaultHclLimits,
  hclError,
  type HclComment,
  type HclElement,
  type HclFile,
  type HclItem,
  type HclKey,
  type HclLimits,
  type HclList,
  type HclObject,
  type HclValue,
} from './ast.ts'
import { parseHclJson } from './json-form.ts'
import { lexHcl, type Token, type TokenKind } from './lexer.ts'
import { literalOf, unquote } from './literal.ts'

/** Throws `bad_request`; the message begins with the place: `At 3:14: …`. */
export function parseHcl(source: string, limits: HclLimits = defaultHclLimits): HclFile {
  if (source.length > limits.size) throw badRequest(`the text is longer than ${limits.size} characters`)
  const text = source.replaceAll('\r\n', '\n').replace(/^\ufeff/, '')
  if (/^\s*\{/.test(text)) return parseHclJson(text, limits.depth)
  const cursor: Cursor = { text, tokens: lexHcl(text), next: 0, depth: 0, depthMax: limits.depth, comments: [] }
  const { items, rest } = readItems(cursor, 'end')
  const root: HclObject = { kind: 'object', items, rest, at: 0, end: text.length }
  return Object.freeze({ root, text, isJson: false })
}

interface Cursor {
  readonly text: string
  readonly tokens: readonly Token[]
  next: number
  depth: number
  readonly depthMax: number
  /** Met on the way and not yet given to anything. */
  comments: HclComment[]
}

/** The token at the cursor; comments before it are set aside. */
function peek(cursor: Cursor): Token {
  for (;;) {
    const token = cursor.tokens[cursor.next] ?? lastToken(cursor)
    if (token.kind !== 'comment') return token
    cursor.comments.push(commentOf(token))
    cursor.next++
  }
}

const lastToken = (cursor: Cursor): Token => ({ kind: 'end', text: '', at: cursor.text.length, end: cursor.text.length })
const commentOf = (token: Token): HclComment => ({ text: token.text.trimEnd(), at: token.at, end: token.end })

function take(cursor: Cursor): Token {
  const token = peek(cursor)
  cursor.next++
  return token
}

function takeComments(cursor: Cursor): readonly HclComment[] {
  if (cursor.comments.length === 0) return none
  const { comments } = cursor
  cursor.comments = []
  return comments
}

const none: readonly HclComment[] = Object.freeze([])

/** Comments that stand on the line on which the last token ended. */
function takeTrail(cursor: Cursor, end: number): readonly HclComment[] {
  const trail: HclComment[] = []
  for (let from = end; ;) {
    const token = cursor.tokens[cursor.next]
    if (token?.kind !== 'comment' || cursor.text.slice(from, token.at).includes('\n')) return trail
    trail.push(commentOf(token))
    from = token.end
    cursor.next++
  }
}

function readItems(cursor: Cursor, closing: TokenKind): { items: readonly HclItem[]; rest: readonly HclComment[]; end: number } {
  const items: HclItem[] = []
  for (;;) {
    const token = peek(cursor)
    if (token.kind === closing) {
      cursor.next++
      return { items, rest: takeComments(cursor), end: token.end }
    }
    items.push(readItem(cursor))
  }
}

function readItem(cursor: Cursor): HclItem {
  const lead = takeComments(cursor)
  const keys = readKeys(cursor)
  const sign = take(cursor)
  const assigned = sign.kind === '='
  if (assigned && keys.length > 1) throw hclError(cursor.text, sign.at, 'expected "{" after several keys')
  const value = assigned ? readValue(cursor) : readObject(cursor, sign)
  const inner = takeComments(cursor)
  const { between, trail } = readComma(cursor, value.end)
  return { keys, assigned, value, lead: [...lead, ...inner, ...between], trail }
}

function readKeys(cursor: Cursor): HclKey[] {
  const keys: HclKey[] = []
  for (;;) {
    const token = peek(cursor)
    if (token.kind === 'name' || token.kind === 'string') {
      keys.push({ value: token.kind === 'name' ? token.text : unquote(cursor.text, token), text: token.text, at: token.at })
      cursor.next++
    } else if (keys.length > 0 && (token.kind === '=' || token.kind === '{')) return keys
    else if (keys.length === 0) throw hclError(cursor.text, token.at, 'expected a key')
    else
      throw hclError(
        cursor.text,
        token.at,
        `key '${keys.map((key) => key.text).join(' ')}' expected start of object ('{') or assignment ('=')`,
      )
  }
}

function readValue(cursor: Cursor): HclValue {
  const token = take(cursor)
  if (token.kind === '{') return readObject(cursor, token)
  if (token.kind === '[') return readList(cursor, token)
  const literal = literalOf(cursor.text, token)
  if (literal === null) throw hclError(cursor.text, token.at, 'expected a value')
  return literal
}

/** `start` is the opening brace, already taken. */
function readObject(cursor: Cursor, start: Token): HclObject {
  enter(cursor, start)
  const { items, rest, end } = readItems(cursor, '}')
  cursor.depth--
  return { kind: 'object', items, rest, at: start.at, end }
}

function enter(cursor: Cursor, start: Token): void {
  if (++cursor.depth > cursor.depthMax) throw hclError(cursor.text, start.at, `nested deeper than ${cursor.depthMax} levels`)
}

function readList(cursor: Cursor, start: Token): HclList {
  enter(cursor, start)
  const elements: HclElement[] = []
  for (;;) {
    const token = peek(cursor)
    if (token.kind === ']') {
      cursor.next++
      cursor.depth--
      return { kind: 'list', elements, rest: takeComments(cursor), at: start.at, end: token.end }
    }
    elements.push(readElement(cursor))
  }
}

/** One element and the comma after it, which only the last one may lack. */
function readElement(cursor: Cursor): HclElement {
  const lead = takeComments(cursor)
  const value = readValue(cursor)
  const inner = takeComments(cursor)
  const { between, trail, comma } = readComma(cursor, value.end)
  const after = peek(cursor)
  if (!comma && after.kind !== ']') throw hclError(cursor.text, after.at, 'error parsing list, expected comma or list end')
  return { value, lead: [...lead, ...inner, ...between], trail }
}

/** Takes a comma, if there is one, and the comments that follow on the line of the value or the comma. */
function readComma(cursor: Cursor, end: number): Pick<HclElement, 'trail'> & { between: readonly HclComment[]; comma: boolean } {
  const near = takeTrail(cursor, end)
  const after = peek(cursor)
  if (after.kind !== ',') return { trail: near, between: none, comma: false }
  cursor.next++
  const between = takeComments(cursor)
  const far = takeTrail(cursor, after.end)
  // A comment up to the line's end can only be the last one.
  return far.length === 0 ? { trail: near, between, comma: true } : { trail: far, between: [...near, ...between], comma: true }
}
