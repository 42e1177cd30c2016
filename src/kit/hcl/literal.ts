/** The values that HCL's literals stand for: quoted texts with escapes, heredocs, numbers. */
import { wellFormed } from '../json-reader.ts'
import { hclError, type HclLiteral } from './ast.ts'
import type { Token } from './lexer.ts'

/** The literal of a token of kind `string`, `heredoc`, `integer`, `float` or `boolean`; null for any other. Throws `bad_request`. */
export function literalOf(text: string, token: Token): HclLiteral | null {
  const literal = (type: HclLiteral['type'], value: HclLiteral['value']): HclLiteral =>
    Object.freeze({ kind: 'literal', type, value, text: token.text, at: token.at, end: token.end })
  if (token.kind === 'string') return literal('string', unquote(text, token))
  if (token.kind === 'heredoc') return literal('heredoc', heredocValue(token.text))
  if (token.kind === 'integer') return literal('integer', integerValue(text, token))
  if (token.kind === 'float') return literal('float', floatValue(text, token))
  return token.kind === 'boolean' ? literal('boolean', token.text === 'true') : null
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
}
const hexLength: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }
const hexDigits = /^[0-9a-fA-F]+$/
const octal = /[0-7]{3}/y

/** The text between the quotes of a `string` token. `${…}` stays as it is, escapes and all. */
export function unquote(text: string, token: Token): string {
  const end = token.end - 1
  let value = ''
  for (let at = token.at + 1; at < end;) {
    if (text.startsWith('${', at)) {
      const after = interpolationEnd(text, at, end)
      value += text.slice(at, after)
      at = after
    } else if (text[at] === '\\') {
      const [meaning, length] = readEscape(text, at)
      value += meaning
      at += length
    } else value += text[at++] ?? ''
  }
  return wellFormed(value)
}

function interpolationEnd(text: string, start: number, end: number): number {
  let braces = 0
  for (let at = start + 1; at < end; at++) {
    if (text[at] === '{') braces++
    else if (text[at] === '}' && --braces === 0) return at + 1
  }
  throw hclError(text, start, '"${" is not closed')
}

function readEscape(text: string, at: number): [meaning: string, length: number] {
  const letter = text[at + 1] ?? ''
  if (Object.hasOwn(simpleEscapes, letter)) return [simpleEscapes[letter] ?? '', 2]
  octal.lastIndex = at + 1
  const octalDigits = octal.exec(text)?.[0]
  if (octalDigits !== undefined) return [asciiOf(text, at, Number.parseInt(octalDigits, 8)), 4]
  const length = Object.hasOwn(hexLength, letter) ? (hexLength[letter] ?? 0) : 0
  const hex = text.slice(at + 2, at + 2 + length)
  if (length === 0 || hex.length < length || !hexDigits.test(hex)) throw hclError(text, at, 'illegal char escape')
  const code = Number.parseInt(hex, 16)
  if (letter === 'x') return [asciiOf(text, at, code), 4]
  if (code > 0x10ffff) throw hclError(text, at, 'illegal char escape')
  return [String.fromCodePoint(code), 2 + length]
}

/** HashiCorp's parser makes single bytes of these, which need not be valid UTF-8. */
function asciiOf(text: string, at: number, code: number): string {
  if (code > 127) throw hclError(text, at, 'a byte above 127; write the character itself or "\\u"')
  return String.fromCharCode(code)
}

/**
 * The lines between the anchors. After `<<-` the indentation of the closing anchor is taken from every line, if every line has it.
 * After `<<` what stands before the closing anchor belongs to the text, as in HashiCorp's parser.
 */
function heredocValue(written: string): string {
  const lines = written.slice(written.indexOf('\n') + 1).split('\n')
  const last = lines.pop() ?? ''
  const indent = last.slice(0, last.length - last.trimStart().length)
  if (!written.startsWith('<<-')) return [...lines, indent].join('\n')
  const isIndented = lines.every((line) => line.startsWith(indent))
  return lines.map((line) => `${isIndented ? line.slice(indent.length) : line}\n`).join('')
}

function integerValue(text: string, token: Token): number {
  const negative = token.text.startsWith('-')
  const digits = negative ? token.text.slice(1) : token.text
  const isOctal = digits.length > 1 && digits.startsWith('0') && !/^0[xX]/.test(digits)
  const value = isOctal ? Number.parseInt(digits, 8) : Number(digits)
  if (!Number.isSafeInteger(value)) throw hclError(text, token.at, 'number out of range')
  return negative && value !== 0 ? -value : value
}

function floatValue(text: string, token: Token): number {
  const value = Number(token.text)
  if (!Number.isFinite(value)) throw hclError(text, token.at, 'number out of range')
  return value
}
