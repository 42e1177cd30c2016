/** Cuts a template into texts and the tokens of its actions, as Go's text/template does. */
import { TemplateError } from './values.ts'

export interface Delimiters {
  readonly left: string
  readonly right: string
}

export type TokenKind = 'text' | 'open' | 'close' | 'space' | 'word' | 'field' | 'variable' | 'dot' | 'string' | 'char' | 'number' | 'pipe' | 'declare' | 'assign' | 'comma' | 'paren' | 'unparen' | 'end'

export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly line: number
}

const spaces = ' \t\r\n'
const trimRight = (text: string): string => text.replace(/[ \t\r\n]+$/, '')
const isSpace = (char: string | undefined): boolean => char !== undefined && spaces.includes(char)

/** What a token looks like, tried in this order at one place of an action. */
const shapes: readonly (readonly [kind: TokenKind, pattern: RegExp])[] = [
  ['space', /[ \t\r\n]+/y],
  ['string', /"(?:[^"\\\n]|\\[^\n])*"/y],
  ['string', /`[^`]*`/y],
  ['char', /'(?:[^'\\\n]|\\[^\n])+'/y],
  ['number', /[+-]?(?:0[xX][0-9a-fA-F_]+(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?\d+)?|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*)?\.?\d[\d_]*\.?(?:[eE][+-]?\d+)?)/y],
  ['declare', /:=/y],
  ['assign', /=/y],
  ['comma', /,/y],
  ['pipe', /\|/y],
  ['paren', /\(/y],
  ['unparen', /\)/y],
  ['variable', /\$[\p{L}\p{N}_]*/uy],
  ['field', /\.[\p{L}\p{N}_]+/uy],
  ['dot', /\./y],
  ['word', /[\p{L}_][\p{L}\p{N}_]*/uy],
]

/** A word, a field or a number is followed by something that cannot belong to it. */
const endsWell = /[ \t\r\n.,|:)(]|$/y
const checked: ReadonlySet<TokenKind> = new Set(['word', 'field', 'variable', 'number'])

export function lex(source: string, delimiters: Delimiters): Token[] {
  const tokens: Token[] = []
  let [at, line, trims] = [0, 1, false]
  for (;;) {
    const open = source.indexOf(delimiters.left, at)
    let text = source.slice(at, open === -1 ? source.length : open)
    line += lines(text)
    if (trims) text = text.replace(/^[ \t\r\n]+/, '')
    const from = open + delimiters.left.length
    const isTrimmed = source[from] === '-' && isSpace(source[from + 1])
    if (open !== -1 && isTrimmed) text = trimRight(text)
    if (text !== '') tokens.push({ kind: 'text', text, line })
    if (open === -1) return [...tokens, { kind: 'end', text: '', line }]
    const end = lexAction(source, from + (isTrimmed ? 1 : 0), delimiters, line, tokens)
    line += lines(source.slice(open, end.at))
    ;({ at, trims } = end)
  }
}

const lines = (text: string): number => text.split('\n').length - 1

interface ActionEnd {
  readonly at: number
  /** Whether the blanks after it go. */
  readonly trims: boolean
}

function lexAction(source: string, start: number, { left, right }: Delimiters, line: number, tokens: Token[]): ActionEnd {
  const comment = /[ \t\r\n]*\/\*/y
  comment.lastIndex = start
  // A comment stands right behind the delimiter or its trim mark; no blank may lie in between, but for the one of the mark.
  const opening = source.startsWith('/*', start) ? start : source[start - 1] === '-' && comment.test(source) ? comment.lastIndex - 2 : -1
  if (opening !== -1) return skipComment(source, opening, right, line)
  tokens.push({ kind: 'open', text: left, line })
  let at = start
  for (let here = line; ; ) {
    const end = actionEnd(source, at, right)
    if (end !== null) {
      tokens.push({ kind: 'close', text: right, line: here })
      return end
    }
    const token = tokenAt(source, at, here)
    if (token.kind !== 'space' || tokens.at(-1)?.kind !== 'space') tokens.push(token)
    here += lines(token.text)
    at += token.text.length
  }
}

function skipComment(source: string, opening: number, right: string, line: number): ActionEnd {
  const close = source.indexOf('*/', opening + 2)
  if (close === -1) throw new TemplateError('unclosed comment', line)
  const end = actionEnd(source, close + 2, right)
  if (end === null) throw new TemplateError('comment ends before closing delimiter', line)
  return end
}

/** Whether an action ends at `at`, perhaps with a trim mark. */
function actionEnd(source: string, at: number, right: string): ActionEnd | null {
  if (source.startsWith(right, at)) return { at: at + right.length, trims: false }
  const mark = /[ \t\r\n]+-/y
  mark.lastIndex = at
  if (mark.test(source) && source.startsWith(right, mark.lastIndex)) return { at: mark.lastIndex + right.length, trims: true }
  return null
}

function tokenAt(source: string, at: number, line: number): Token {
  if (at >= source.length) throw new TemplateError('unclosed action', line)
  for (const [kind, pattern] of shapes) {
    pattern.lastIndex = at
    const text = pattern.exec(source)?.[0]
    if (text === undefined) continue
    if (checked.has(kind)) checkEnd(source, at + text.length, text, kind, line)
    return { kind, text, line }
  }
  const char = String.fromCodePoint(source.codePointAt(at) ?? 0)
  if (char === '"' || char === "'" || char === '`') throw new TemplateError(char === '"' ? 'unterminated quoted string' : char === '`' ? 'unterminated raw quoted string' : 'unterminated character constant', line)
  throw new TemplateError(`unexpected ${JSON.stringify(char)} in command`, line)
}

/** What follows: the delimiter of the end may be anything, so it is looked for only where a simple end is not. */
function checkEnd(source: string, end: number, text: string, kind: TokenKind, line: number): void {
  endsWell.lastIndex = end
  if (endsWell.test(source)) return
  const next = source[end] ?? ''
  if (/[\p{L}\p{N}_$"'`]/u.test(next)) throw new TemplateError(kind === 'number' ? `bad number syntax: ${JSON.stringify(text + next)}` : `bad character ${JSON.stringify(next)}`, line)
}
