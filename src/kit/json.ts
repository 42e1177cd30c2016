/**
 * JSON without loss: numbers that JavaScript would change (`12345678901234567890`, `1.0`, `1e400`) are kept digit by digit, limits
 * hold before anything is built, and errors never show content. What needs none of that costs one quick look besides `JSON.parse`.
 */
import { isWellFormed, jsonError, readJson, type JsonBuilder } from './json-reader.ts'

export type Json = null | boolean | number | string | JsonNumber | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json
}

export interface JsonLimits {
  /** Nested lists and objects. */
  readonly depth: number
  /** Texts, keys included. */
  readonly strings: number
  /** List items and object entries, all levels together. */
  readonly values: number
}

/** Depth as Vault's; the counts let a batch of 32 MiB through and keep what is built from it below some hundred MB. */
export const defaultJsonLimits: JsonLimits = Object.freeze({ depth: 300, strings: 1_000_000, values: 1_000_000 })

const wholeNumber = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

/** A number that a JavaScript `number` would print differently. Compare by `text`; `Number(text)` where precision may be lost. */
export class JsonNumber {
  readonly text: string
  /** Throws a `TypeError` when `text` is not a JSON number: it goes into JSON as it stands. */
  constructor(text: string) {
    if (!wholeNumber.test(text)) throw new TypeError('not a JSON number')
    this.text = text
    Object.freeze(this)
  }
  toJSON(): string {
    if (exact === null) throw new TypeError('a JsonNumber is written by encodeJson')
    exact.push(this.text)
    return placeholder
  }
}

/**
 * JSON that is written out already: `encodeJson` embeds its text as it stands, so that what is read often is neither parsed nor
 * written again.
 */
export class JsonText {
  readonly text: string
  #value: Json | undefined
  /** `text` must come from `encodeJson` or have passed `parseJson`. */
  constructor(text: string) {
    this.text = text
  }
  /** The parsed value: the same frozen one each time. */
  value(): Json {
    return (this.#value ??= freezeDeep(parseJson(this.text, { depth: Infinity, strings: Infinity, values: Infinity })))
  }
  toJSON(): string {
    if (exact === null) throw new TypeError('a JsonText is written by encodeJson')
    exact.push(this.text)
    return placeholder
  }
}

/** Stands for a number while `JSON.stringify` runs. 128 random bits, so that no text in the value can be taken for it. */
const placeholder = [...globalThis.crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
const quotedPlaceholder = `"${placeholder}"`
/** The digits met so far by the `encodeJson` that is running; null outside of it. */
let exact: string[] | null = null

/** The JSON of a value, numbers exactly as they were parsed. */
export function encodeJson(value: unknown): string {
  const met: string[] = []
  exact = met
  let text: string
  try {
    text = JSON.stringify(value)
  } finally {
    exact = null
  }
  if (met.length === 0) return text
  const parts = text.split(quotedPlaceholder)
  let result = parts[0] ?? ''
  for (let i = 0; i < met.length; i++) result += (met[i] ?? '') + (parts[i + 1] ?? '')
  return result
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => {
  const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined
  return prototype === Object.prototype || prototype === null
}
const entryCount = (value: unknown): number => (Array.isArray(value) ? value.length : isPlain(value) ? Object.keys(value).length : 0)

/** Whether an object, or a list or object right in it, has more than `max` entries. */
export const isLongJson = (data: Readonly<Record<string, unknown>>, max: number): boolean => {
  const values = Object.values(data)
  return values.length > max || values.some((value) => entryCount(value) > max)
}

/**
 * Parses one JSON value. Duplicate keys: the last wins. `__proto__` is a key like any other. Half surrogate pairs become U+FFFD.
 * Throws `bad_request` naming a position for malformed JSON, or the limit that was exceeded.
 */
export function parseJson(text: string, limits: Partial<JsonLimits> = defaultJsonLimits): Json {
  const within = withDefaults(limits)
  if (needsReader(text, within)) return readJson(text, jsonValues, within.depth)
  try {
    return JSON.parse(text) as Json
  } catch {
    // The error of JSON.parse quotes the text. The reader finds the same mistake and names its place.
    return readJson(text, jsonValues, within.depth)
  }
}

export const withDefaults = ({ depth = defaultJsonLimits.depth, strings = defaultJsonLimits.strings, values = defaultJsonLimits.values }: Partial<JsonLimits>): JsonLimits => ({ depth, strings, values })

/** What this program wrote itself, without a number that JavaScript would change: no look is needed. Throws a `SyntaxError`, which quotes the text, for anything else but JSON. */
export const parseOwn = (text: string): Json => JSON.parse(text) as Json

const escapedSurrogate = /\\u[dD][89a-fA-F]/

/** The quick look: enforces the counts, and tells whether `JSON.parse` would change a number or keep half a surrogate pair. */
function needsReader(text: string, limits: JsonLimits): boolean {
  let depth = 0
  let strings = 0
  let values = 0
  let needed = false
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 34) {
      strings++
      i = textEnd(text, i)
    } else if (code === 44) values++
    else if (code === 123 || code === 91) {
      values++
      if (++depth > limits.depth) throw jsonError(i, `nested deeper than ${limits.depth} levels`)
    } else if (code === 125 || code === 93) depth--
    else if (code === 45 || (code >= 48 && code <= 57)) {
      const start = i
      i = numberEnd(text, i)
      needed ||= changes(text, start, i)
      i--
    }
  }
  if (strings > limits.strings) throw jsonError(0, `more than ${limits.strings} texts`)
  if (values > limits.values) throw jsonError(0, `more than ${limits.values} values`)
  return needed || !isWellFormed(text) || (text.includes('\\u') && escapedSurrogate.test(text))
}

/** The offset of the quote that closes the text opened at `start`, or the end of everything. */
function textEnd(text: string, start: number): number {
  for (let end = start; ;) {
    end = text.indexOf('"', end + 1)
    if (end < 0) return text.length
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === 92) slashes++
    if (slashes % 2 === 0) return end
  }
}

function numberEnd(text: string, start: number): number {
  let end = start + 1
  for (; ; end++) {
    const code = text.charCodeAt(end)
    // Digits, '+', '-', '.', 'e', 'E'; not a number at the end of the text.
    if (!((code >= 48 && code <= 57) || code === 43 || code === 45 || code === 46 || code === 101 || code === 69)) return end
  }
}

/** Up to 15 digits and nothing else are always exact. */
function changes(text: string, start: number, end: number): boolean {
  if (end - start <= 15 && isDigits(text, start, end)) return false
  const written = text.slice(start, end)
  return String(Number(written)) !== written
}

function isDigits(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (text.charCodeAt(i) > 57 || text.charCodeAt(i) < 48) return false
  return true
}

const jsonValues: JsonBuilder<Json> = {
  array: (items) => items,
  text: (value) => value,
  literal: (value) => value,
  number: (digits) => jsonNumber(digits),
  object(entries) {
    const result: Record<string, Json> = {}
    for (const { key, value } of entries) setEntry(result, key, value)
    return result
  },
}

/** No `number` prints as more characters. */
const numberTextMax = 30

/** The value of a number as it was written. */
export const jsonNumber = (digits: string): number | JsonNumber =>
  digits.length <= numberTextMax && String(Number(digits)) === digits ? Number(digits) : new JsonNumber(digits)

export function setEntry<T>(object: Record<string, T>, key: string, value: T): void {
  // An assignment to `__proto__` would set the prototype.
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

/** Freezes a value and everything in it, and returns it. Binary data and maps stay as they are: freezing does not reach their content. */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const key of Object.keys(value)) freezeDeep((value as Record<string, unknown>)[key])
  return value
}
