/**
 * A JSON reader of our own (RFC 8259) beside `JSON.parse`: it hands every value to a builder together with its place in the text, so
 * that numbers keep their digits, duplicate keys stay visible, and errors name a position instead of quoting the content.
 */
import { badRequest, type ApiError } from './errors.ts'

/** Makes the values of whatever is being read. `at` is the offset of the value's first character, in UTF-16 units. */
export interface JsonBuilder<T> {
  /** Duplicate keys come as they stand, in order. */
  readonly object: (entries: readonly JsonEntry<T>[], at: number) => T
  readonly array: (items: readonly T[], at: number) => T
  readonly text: (value: string, at: number) => T
  /** `digits` is the number as it was written; it fits the grammar. */
  readonly number: (digits: string, at: number) => T
  readonly literal: (value: true | false | null, at: number) => T
}

export interface JsonEntry<T> {
  readonly key: string
  readonly value: T
  readonly at: number
}

/** The one refusal of malformed JSON: names the place and what was missing there, never what stands there. */
export const jsonError = (at: number, what: string): ApiError => badRequest(`error parsing JSON at position ${at}: ${what}`)

const numberGrammar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const literals = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const

/** A text, and how far it was read. */
export interface Place {
  readonly text: string
  at: number
}

interface Cursor<T> extends Place {
  readonly build: JsonBuilder<T>
  readonly depthMax: number
  depth: number
}

/** Reads a whole text. Throws `bad_request` for anything that is not one JSON value, or nested deeper than `depthMax`. */
export function readJson<T>(text: string, build: JsonBuilder<T>, depthMax: number): T {
  const cursor: Cursor<T> = { text, build, depthMax, at: 0, depth: 0 }
  const value = readValue(cursor)
  skipBlanks(cursor)
  if (cursor.at < text.length) throw jsonError(cursor.at, 'expected the end')
  return value
}

export function skipBlanks(cursor: Place): void {
  for (;;) {
    const code = cursor.text.charCodeAt(cursor.at)
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return
    cursor.at++
  }
}

function readValue<T>(cursor: Cursor<T>): T {
  skipBlanks(cursor)
  const { text, build, at } = cursor
  const first = text[at]
  if (first === '{') return nested(cursor, readObject)
  if (first === '[') return nested(cursor, readArray)
  if (first === '"') return build.text(readText(cursor), at)
  const literal = readLiteral(cursor)
  return literal === undefined ? build.number(readDigits(cursor), at) : build.literal(literal, at)
}

/** Undefined when none stands there. */
export function readLiteral(cursor: Place): true | false | null | undefined {
  for (const [word, value] of literals) {
    if (!cursor.text.startsWith(word, cursor.at)) continue
    cursor.at += word.length
    return value
  }
  return undefined
}

/** A number as it was written. Throws when no value stands there at all. */
export function readDigits(cursor: Place): string {
  numberGrammar.lastIndex = cursor.at
  const digits = numberGrammar.exec(cursor.text)?.[0]
  if (digits === undefined) throw jsonError(cursor.at, 'expected a value')
  cursor.at += digits.length
  return digits
}

function nested<T>(cursor: Cursor<T>, read: (cursor: Cursor<T>) => T): T {
  if (++cursor.depth > cursor.depthMax) throw jsonError(cursor.at, `nested deeper than ${cursor.depthMax} levels`)
  const value = read(cursor)
  cursor.depth--
  return value
}

function readArray<T>(cursor: Cursor<T>): T {
  const start = cursor.at++
  const items: T[] = []
  if (closes(cursor, ']')) return cursor.build.array(items, start)
  do items.push(readValue(cursor))
  while (continues(cursor, ']'))
  return cursor.build.array(items, start)
}

function readObject<T>(cursor: Cursor<T>): T {
  const start = cursor.at++
  const entries: JsonEntry<T>[] = []
  if (closes(cursor, '}')) return cursor.build.object(entries, start)
  do {
    skipBlanks(cursor)
    const at = cursor.at
    if (cursor.text[at] !== '"') throw jsonError(at, 'expected a key in quotes')
    const key = readText(cursor)
    skipBlanks(cursor)
    if (cursor.text[cursor.at] !== ':') throw jsonError(cursor.at, 'expected ":"')
    cursor.at++
    entries.push({ key, value: readValue(cursor), at })
  } while (continues(cursor, '}'))
  return cursor.build.object(entries, start)
}

export function closes(cursor: Place, bracket: string): boolean {
  skipBlanks(cursor)
  if (cursor.text[cursor.at] !== bracket) return false
  cursor.at++
  return true
}

export function continues(cursor: Place, bracket: string): boolean {
  if (closes(cursor, bracket)) return false
  if (cursor.text[cursor.at] !== ',') throw jsonError(cursor.at, `expected "," or "${bracket}"`)
  cursor.at++
  return true
}

const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const hexDigits = /^[0-9a-fA-F]{4}$/

export function readText(cursor: Place): string {
  const { text } = cursor
  let from = ++cursor.at
  let value = ''
  for (;;) {
    const code = text.charCodeAt(cursor.at)
    if (code === 34) {
      value += text.slice(from, cursor.at++)
      return wellFormed(value)
    }
    if (Number.isNaN(code)) throw jsonError(cursor.at, 'a text is not closed')
    if (code < 32) throw jsonError(cursor.at, 'a control character in a text must be escaped')
    if (code !== 92) {
      cursor.at++
      continue
    }
    value += text.slice(from, cursor.at) + readEscape(cursor)
    from = cursor.at
  }
}

function readEscape(cursor: Place): string {
  const letter = cursor.text[cursor.at + 1] ?? ''
  if (letter === 'u') {
    const hex = cursor.text.slice(cursor.at + 2, cursor.at + 6)
    if (!hexDigits.test(hex)) throw jsonError(cursor.at, 'expected four hexadecimal digits after "\\u"')
    cursor.at += 6
    return String.fromCharCode(Number.parseInt(hex, 16))
  }
  const value = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
  if (value === undefined) throw jsonError(cursor.at, 'unknown escape')
  cursor.at += 2
  return value
}

/** ES2024 in every supported Node.js; the compiler's library stops at ES2023. */
type Unicode = string & { isWellFormed: () => boolean; toWellFormed: () => string }

/** Half a surrogate pair becomes U+FFFD, as in Go: it has no form in UTF-8, in which everything is stored and hashed. */
export const wellFormed = (text: string): string => (text as Unicode).toWellFormed()
export const isWellFormed = (text: string): boolean => (text as Unicode).isWellFormed()
