/** Query strings and form bodies: pairs of names and texts, as fields of a request. Their text comes with one character per byte. */
import { isUtf8 } from 'node:buffer'
import { badRequest } from '../kit/errors.ts'
import { setEntry, type Json, type JsonObject } from '../kit/json.ts'
import { withKeys } from '../kit/json-steps.ts'
import { unescapePercent } from './path.ts'

/** Every value of every name, in the order of arrival. */
export type Pairs = ReadonlyMap<string, readonly string[]>

const noPairs: Pairs = new Map()

/** Throws `bad_request` for broken escapes and bytes that are no UTF-8: dropping a parameter (`list=%zz`) would change what is asked. */
export function parseQuery(text: string): Pairs {
  return text === '' ? noPairs : parsePairs(text, Number.POSITIVE_INFINITY, malformedQuery)
}

/** A form body. Throws `bad_request` for broken escapes, for ';' (to some programs a separator), and for more than `pairsMax`. */
export function parseForm(text: string, pairsMax: number): Pairs {
  if (text.includes(';')) throw malformedForm()
  return parsePairs(text, pairsMax, malformedForm)
}

const malformedQuery = (): Error => badRequest('error parsing the query of the request')
const malformedForm = (): Error => badRequest('error parsing form data')

function parsePairs(text: string, pairsMax: number, refuse: () => Error): Pairs {
  const reading: Reading = { pairs: new Map(), start: 0, count: 0 }
  readPairs(text, reading, pairsMax, refuse)
  return reading.pairs
}

/** How far a text was read. */
interface Reading {
  readonly pairs: Map<string, string[]>
  start: number
  count: number
}

/** Reads on to the end, or until there are `until` pairs. */
function readPairs(text: string, reading: Reading, pairsMax: number, refuse: () => Error, until = Number.POSITIVE_INFINITY): void {
  while (reading.start < text.length && reading.count < until) {
    const next = text.indexOf('&', reading.start)
    const end = next < 0 ? text.length : next
    if (end > reading.start) {
      if (++reading.count > pairsMax) throw refuse()
      addPair(reading.pairs, text.slice(reading.start, end), refuse)
    }
    reading.start = end + 1
  }
}

const pairsAtOnce = 1000

/** As `formFields` of `parseForm`, in steps: a million fields take two seconds. */
export function* formSteps(text: string, pairsMax: number): Generator<void, JsonObject | null> {
  if (text.includes(';')) throw malformedForm()
  const reading: Reading = { pairs: new Map(), start: 0, count: 0 }
  while (reading.start < text.length) {
    readPairs(text, reading, pairsMax, malformedForm, reading.count + pairsAtOnce)
    yield
  }
  const fields: Record<string, Json> = {}
  let count = 0
  for (const [name, values] of reading.pairs) {
    setEntry(fields, name, joinedValues(values))
    if (++count % pairsAtOnce === 0) yield
  }
  return count === 0 ? null : withKeys(fields, [...reading.pairs.keys()])
}

function addPair(pairs: Map<string, string[]>, pair: string, refuse: () => Error): void {
  const equals = pair.indexOf('=')
  const name = unescapeText(equals < 0 ? pair : pair.slice(0, equals), refuse)
  const value = equals < 0 ? '' : unescapeText(pair.slice(equals + 1), refuse)
  const values = pairs.get(name)
  if (values) values.push(value)
  else pairs.set(name, [value])
}

const plain = /^[\x20-\x24\x26-\x2a\x2c-\x7e]*$/

function unescapeText(encoded: string, refuse: () => Error): string {
  if (plain.test(encoded)) return encoded
  const bytes = unescapePercent(encoded.replaceAll('+', ' '))
  if (bytes === null || !isUtf8(bytes)) throw refuse()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** The parameters of a read, list or delete: a repeated name is a list. Null when there are none. `without` are no fields. */
export function queryFields(pairs: Pairs, without: readonly string[]): JsonObject | null {
  return fieldsOf(pairs, without, (values) => values)
}

const joinedValues = (values: readonly string[]): string => (values.length === 1 ? (values[0] ?? '') : values.join(','))

/** The fields of a form: a repeated name is one text joined by commas. Null when there are none. */
export function formFields(pairs: Pairs): JsonObject | null {
  return fieldsOf(pairs, [], joinedValues)
}

function fieldsOf(pairs: Pairs, without: readonly string[], repeated: (values: readonly string[]) => Json): JsonObject | null {
  const entries: (readonly [string, Json])[] = []
  for (const [name, values] of pairs) {
    const [first = ''] = values
    if (!without.includes(name)) entries.push([name, values.length === 1 ? first : repeated(values)])
  }
  // Object.fromEntries defines properties, so that a parameter called `__proto__` is a field like any other.
  return entries.length === 0 ? null : Object.fromEntries(entries)
}

/** A flag in a query, in the spellings of the Go clients. Null when it is none of them. */
export function findFlag(text: string): boolean | null {
  if (/^(?:1|t|T|true|TRUE|True)$/.test(text)) return true
  return /^(?:0|f|F|false|FALSE|False)$/.test(text) ? false : null
}
