/**
 * Parses a text of many megabytes in steps that take some milliseconds each: the same values, limits and refusals as `parseJson`, which is two to three
 * times as fast but keeps the event loop until it is done.
 */
import { jsonNumber, parseOwn, setEntry, withDefaults, type Json, type JsonLimits, type JsonObject } from './json.ts'
import { closes, continues, jsonError, readDigits, readLiteral, readText, skipBlanks, wellFormed, type Place } from './json-reader.ts'

/** Texts of more characters are parsed in steps where that can be done. A MiB of small values takes twenty milliseconds in one piece. */
export const longJsonText = 256 * 1024

/** What one step takes on. */
export interface Pace {
  /** Characters that are looked at before anything is built. */
  readonly looked: number
  /** Characters of one text that are decoded. */
  readonly decoded: number
  /** Values that are made. */
  readonly values: number
}

const usualPace: Pace = { looked: 512 * 1024, decoded: 512 * 1024, values: 1000 }

/** As `parseJson`, in steps. */
export function* parseSteps(text: string, limits: Partial<JsonLimits>, pace: Pace = usualPace): Generator<void, Json> {
  yield* lookSteps(text, withDefaults(limits), pace.looked)
  const reader = new SteppedReader(text, pace)
  while (!reader.advance()) yield
  return reader.value
}

/** Enforces the limits before anything is built. */
function* lookSteps(text: string, limits: JsonLimits, atOnce: number): Generator<void> {
  const look: Look = { at: 0, depth: 0, strings: 0, values: 0, isText: false, quote: -1, slash: -1 }
  while (look.at < text.length) {
    lookOn(text, look, Math.min(look.at + atOnce, text.length), limits.depth)
    yield
  }
  if (look.strings > limits.strings) throw jsonError(0, `more than ${limits.strings} texts`)
  if (look.values > limits.values) throw jsonError(0, `more than ${limits.values} values`)
}

interface Look {
  at: number
  depth: number
  strings: number
  values: number
  isText: boolean
  /** The next ones, as far as they are not behind. */
  quote: number
  slash: number
}

function lookOn(text: string, look: Look, until: number, depthMax: number): void {
  let { at } = look
  for (; at < until; at++) {
    if (look.isText) {
      at = textStop(text, look, at)
      continue
    }
    const code = text.charCodeAt(at)
    if (code === 34) {
      look.strings++
      look.isText = true
    } else if (code === 44) look.values++
    else if (code === 123 || code === 91) {
      look.values++
      if (++look.depth > depthMax) throw jsonError(at, `nested deeper than ${depthMax} levels`)
    } else if (code === 125 || code === 93) look.depth--
  }
  look.at = at
}

/** Where the text that goes on at `at` closes, or has its next escape, of which the offset of the last character is given. */
function textStop(text: string, look: Look, at: number): number {
  if (look.quote < at) look.quote = offsetOf(text, '"', at)
  if (look.slash < at) look.slash = offsetOf(text, '\\', at)
  if (look.slash < look.quote) return look.slash + 1
  look.isText = false
  return look.quote
}

function offsetOf(text: string, what: string, from: number): number {
  const found = text.indexOf(what, from)
  return found < 0 ? text.length : found
}

/** A list or object that is not closed yet. */
interface Open {
  readonly list: Json[] | null
  readonly object: Record<string, Json>
  /** Of the entry whose value comes next. */
  key: string
  /** Those of the object so far. */
  readonly keys: string[]
}

/** Stands for a value that is not complete yet. */
const pending = Symbol('pending')

/** Reads without recursion, so that it can stop anywhere. Throws what `readJson` throws. */
class SteppedReader {
  value: Json = null
  readonly #place: Place
  readonly #pace: Pace
  readonly #open: Open[] = []
  #long: LongText | null = null

  constructor(text: string, pace: Pace) {
    this.#place = { text, at: 0 }
    this.#pace = pace
  }

  /** One step; true when the whole text has been read. */
  advance(): boolean {
    for (let left = this.#pace.values; left > 0; left--) {
      const value = this.#long === null ? this.#begin() : this.#goOn(this.#long)
      if (value !== pending && this.#finish(value)) return true
      if (this.#long !== null) return false
    }
    return false
  }

  #begin(): Json | typeof pending {
    const place = this.#place
    skipBlanks(place)
    const { text, at } = place
    const first = text.charCodeAt(at)
    if (first === 34) return this.#text()
    if (first === 123) return this.#opened({ list: null, object: {}, key: '', keys: [] }, '}')
    if (first === 91) return this.#opened({ list: [], object: {}, key: '', keys: [] }, ']')
    const literal = readLiteral(place)
    return literal === undefined ? jsonNumber(readDigits(place)) : literal
  }

  #opened(open: Open, bracket: string): Json | typeof pending {
    this.#place.at++
    if (closes(this.#place, bracket)) return open.list ?? open.object
    this.#open.push(open)
    if (open.list === null) this.#readKey(open)
    return pending
  }

  #readKey(open: Open): void {
    const place = this.#place
    skipBlanks(place)
    const { text, at } = place
    if (text.charCodeAt(at) !== 34) throw jsonError(at, 'expected a key in quotes')
    open.key = readKey(place, this.#pace.decoded)
    skipBlanks(place)
    if (text.charCodeAt(place.at) !== 58) throw jsonError(place.at, 'expected ":"')
    place.at++
  }

  /** What a complete value completes. True for the outermost one. */
  #finish(complete: Json): boolean {
    const place = this.#place
    for (let value = complete; ;) {
      const open = this.#open.at(-1)
      if (open === undefined) return this.#end(value)
      add(open, value)
      if (continues(place, open.list === null ? '}' : ']')) {
        if (open.list === null) this.#readKey(open)
        return false
      }
      this.#open.pop()
      value = open.list ?? withKeys(open.object, open.keys)
    }
  }

  #end(value: Json): true {
    skipBlanks(this.#place)
    if (this.#place.at < this.#place.text.length) throw jsonError(this.#place.at, 'expected the end')
    this.value = value
    return true
  }

  #text(): string | typeof pending {
    const place = this.#place
    const end = endOfPiece(place.text, place.at + 1, this.#pace.decoded)
    if (place.text.charCodeAt(end) === 34) return readShort(place, end)
    place.at++
    this.#long = { value: '', held: '' }
    return pending
  }

  /** The next piece of a long text. */
  #goOn({ value, held }: LongText): string | typeof pending {
    const place = this.#place
    const { text, at } = place
    const end = endOfPiece(text, at, this.#pace.decoded)
    const piece = held + (parsed(`"${text.slice(at, end)}"`) ?? readText({ text, at: at - 1 }))
    if (end === text.length) throw jsonError(end, 'a text is not closed')
    const isLast = text.charCodeAt(end) === 34
    place.at = isLast ? end + 1 : end
    const kept = isLast || !endsWithHalf(piece) ? piece.length : piece.length - 1
    const joined = value + wellFormed(piece.slice(0, kept))
    this.#long = isLast ? null : { value: joined, held: piece.slice(kept) }
    return isLast ? joined : pending
  }
}

/** A text of which pieces were read: what it has come to, and half of a pair of surrogates that waits for the other. */
interface LongText {
  readonly value: string
  readonly held: string
}

const endsWithHalf = (text: string): boolean => (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800

/** Where the text that goes on at `from` closes, or a place near enough that is not within an escape; at most the end of everything. */
function endOfPiece(text: string, from: number, length: number): number {
  const near = from + length
  let end = from
  for (; end < near && end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === 34) return end
    if (code === 92) end += text.charCodeAt(end + 1) === 117 ? 5 : 1
  }
  return Math.min(end, text.length)
}

/** The text that closes at `end`, in a string of its own: a slice would keep all that it is a slice of. */
function readShort(place: Place, end: number): string {
  const value = parsed(place.text.slice(place.at, end + 1))
  // The reader finds the mistake and names its place.
  if (value === null) return readText(place)
  place.at = end + 1
  return wellFormed(value)
}

function readKey(place: Place, lengthMax: number): string {
  const end = endOfPiece(place.text, place.at + 1, lengthMax)
  return place.text.charCodeAt(end) === 34 ? readShort(place, end) : readText(place)
}

/** A text in quotes; null when it is malformed. */
function parsed(quoted: string): string | null {
  try {
    return parseOwn(quoted) as string
  } catch {
    return null
  }
}

function add(open: Open, value: Json): void {
  const { list, object, key, keys } = open
  if (list !== null) return void list.push(value)
  if (!Object.hasOwn(object, key)) keys.push(key)
  setEntry(object, key, value)
}

const isDigit = (code: number): boolean => code >= 48 && code <= 57

/** Objects of so many entries have their keys remembered: to list them takes a tenth of a second for 300,000. */
const manyKeys = 2000
const known = new WeakMap<object, readonly string[]>()

/** The object, of which these are the keys in their order, as long as none begins with a digit. A large one gets no further ones, so that what is remembered stays all there is. */
export function withKeys(object: JsonObject, keys: readonly string[]): JsonObject {
  if (keys.length < manyKeys || keys.some((key) => isDigit(key.charCodeAt(0)))) return object
  known.set(object, keys)
  return Object.preventExtensions(object)
}

/** Whether it was parsed in steps and is so large that its keys are remembered. */
export const hasManyKeys = (value: object): boolean => known.has(value)

/** `Object.keys`, at once also for a very large object that was parsed in steps. */
export const keysOf = (value: object): readonly string[] => known.get(value) ?? Object.keys(value)
