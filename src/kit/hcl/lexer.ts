/** Cuts HCL 1 into tokens. Every token knows its place, so that every later error can name one. */
import { hclError } from './ast.ts'

export type TokenKind =
  'name' | 'string' | 'heredoc' | 'integer' | 'float' | 'boolean' | 'comment' | 'end' | '{' | '}' | '[' | ']' | '=' | ','

export interface Token {
  readonly kind: TokenKind
  /** As written; of a heredoc everything from `<<` to the end of its last line. */
  readonly text: string
  readonly at: number
  readonly end: number
}

const blank = /[ \t\n\r]+/y
const name = /[\p{L}_][\p{L}\p{Nd}_.-]*/uy
const comment = /#[^\n]*|\/\/[^\n]*|\/\*[^]*?\*\//y
const float = /-?[0-9]+(?:\.[0-9]*(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)|\.[0-9]+(?:[eE][+-]?[0-9]+)?/y
const integer = /-?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/y
const afterNumber = /[\p{L}\p{Nd}_.]/uy
const heredocStart = /<<-?([\p{L}\p{Nd}_]+)\r?\n/uy
const signs: ReadonlySet<string> = new Set(['{', '}', '[', ']', '=', ','])
const nul = String.fromCharCode(0)

/** All tokens of `text`, comments included, the last one of kind `end`. Throws `bad_request`. */
export function lexHcl(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    at = endOf(blank, text, at) ?? at
    const token = readToken(text, at)
    tokens.push(token)
    if (token.kind === 'end') return tokens
    at = token.end
  }
}

function endOf(pattern: RegExp, text: string, at: number): number | null {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : null
}

function readToken(text: string, at: number): Token {
  const sign = text[at]
  const to = (kind: TokenKind, end: number): Token => ({ kind, text: text.slice(at, end), at, end })
  if (sign === undefined) return to('end', at)
  if (signs.has(sign)) return to(sign as TokenKind, at + 1)
  if (sign === '"') return to('string', stringEnd(text, at))
  if (sign === '<') return to('heredoc', heredocEnd(text, at))
  const nameEnd = endOf(name, text, at)
  if (nameEnd !== null) {
    const word = text.slice(at, nameEnd)
    return to(word === 'true' || word === 'false' ? 'boolean' : 'name', nameEnd)
  }
  const commentEnd = endOf(comment, text, at)
  if (commentEnd !== null) return to('comment', commentEnd)
  return readNumber(text, at, to)
}

function readNumber(text: string, at: number, to: (kind: TokenKind, end: number) => Token): Token {
  const floatEnd = endOf(float, text, at)
  const end = floatEnd ?? endOf(integer, text, at)
  if (end === null) throw hclError(text, at, unexpected(text, at))
  if (endOf(afterNumber, text, end) !== null) throw hclError(text, end, 'a number is followed by something that does not belong to it')
  return to(floatEnd === null ? 'integer' : 'float', end)
}

function unexpected(text: string, at: number): string {
  if (text.startsWith('/*', at)) return 'comment not terminated'
  if (text[at] === nul) return 'unexpected null character (0x00)'
  return 'illegal character'
}

/** Past the closing quote. Inside `${…}` quotes and line ends are ordinary characters. */
function stringEnd(text: string, start: number): number {
  let braces = 0
  for (let at = start + 1; at < text.length; at++) {
    const sign = text[at]
    if (sign === nul) break
    if (sign === '\n' && braces === 0) break
    if (sign === '"' && braces === 0) return at + 1
    if (sign === '\\') at++
    else if (braces === 0 && sign === '$' && text[at + 1] === '{') {
      braces = 1
      at++
    } else if (braces > 0 && sign === '{') braces++
    else if (braces > 0 && sign === '}') braces--
  }
  throw hclError(text, start, 'literal not terminated')
}

function heredocEnd(text: string, start: number): number {
  heredocStart.lastIndex = start
  const anchor = heredocStart.exec(text)?.[1]
  if (anchor === undefined) throw hclError(text, start, 'expected "<<", a word and a line end')
  for (let line = heredocStart.lastIndex; line <= text.length;) {
    const lineEnd = text.indexOf('\n', line)
    const end = lineEnd < 0 ? text.length : lineEnd
    if (text.slice(line, end).trim() === anchor) return end
    if (lineEnd < 0) break
    line = lineEnd + 1
  }
  throw hclError(text, start, 'heredoc not terminated')
}
