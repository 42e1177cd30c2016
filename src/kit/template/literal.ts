/** Constants of templates: Go's numbers, characters and texts. */
import { fromUtf8, intMax, intMin, TemplateError, utf8, type Value } from './values.ts'

const simpleEscapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92, "'": 39, '"': 34 }
const escape = /\\(?:([abfnrtv\\'"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|\\|[^\\]+/gy

/** The text of a constant in quotes or backquotes. */
export function unquote(text: string, line: number): string {
  const inside = text.slice(1, -1)
  if (text.startsWith('`')) return inside.replaceAll('\r', '')
  if (!inside.includes('\\')) return inside
  const bytes: number[] = []
  for (const [all, simple, hex, octal, short, long] of inside.matchAll(escape)) {
    if (simple !== undefined) bytes.push(simpleEscapes[simple] ?? 0)
    else if (hex !== undefined || octal !== undefined) bytes.push(byteOf(hex, octal, text, line))
    else if (short !== undefined || long !== undefined) bytes.push(...utf8(runeOf(short ?? long ?? '', text, line)))
    else if (all === '\\') throw new TemplateError(`invalid syntax in ${text}`, line)
    else bytes.push(...utf8(all))
  }
  return fromUtf8(Uint8Array.from(bytes))
}

function byteOf(hex: string | undefined, octal: string | undefined, text: string, line: number): number {
  const byte = hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16)
  if (byte > 255) throw new TemplateError(`invalid syntax in ${text}`, line)
  return byte
}

function runeOf(hex: string, text: string, line: number): string {
  const rune = Number.parseInt(hex, 16)
  if (rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) throw new TemplateError(`invalid syntax in ${text}`, line)
  return String.fromCodePoint(rune)
}

/** The number of a character constant. */
export function charValue(text: string, line: number): bigint {
  const chars = [...unquote(text, line)]
  if (chars.length !== 1) throw new TemplateError(`malformed character constant: ${text}`, line)
  return BigInt(chars[0]?.codePointAt(0) ?? 0)
}

/** Underscores stand between digits, or after the base. */
const underscores = /^[+-]?(?:0[xXbBoO])?_?(?:[0-9a-fA-F](?:_?[0-9a-fA-F.pPeE+-])*|\.\d.*)$/

export function numberValue(text: string, line: number): Value {
  const bad = (): TemplateError => new TemplateError(`bad number syntax: ${JSON.stringify(text)}`, line)
  if (text.includes('_') && !underscores.test(text)) throw bad()
  const plain = text.replaceAll('_', '')
  const [, sign = '', digits = ''] = /^([+-]?)(.*)$/.exec(plain) ?? []
  const whole = intValue(digits)
  if (whole !== null) {
    const value = sign === '-' ? -whole : whole
    if (value < intMin || value > intMax) throw new TemplateError(`integer overflow: ${JSON.stringify(text)}`, line)
    return value
  }
  if (!/^(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(digits)) throw bad()
  const value = Number(plain)
  if (!Number.isFinite(value)) throw bad()
  // A constant such as 1e3 is a whole number as well, and is taken for one only where one is wanted: it prints as what it is.
  return value
}

function intValue(digits: string): bigint | null {
  if (/^0[xX][0-9a-fA-F]+$/.test(digits) || /^0[bB][01]+$/.test(digits) || /^0[oO][0-7]+$/.test(digits)) return BigInt(digits.toLowerCase())
  if (/^0[0-7]+$/.test(digits)) return BigInt(`0o${digits.slice(1)}`)
  return /^(?:0|[1-9]\d*)$/.test(digits) ? BigInt(digits) : null
}
