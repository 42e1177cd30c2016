/**
 * Fields: the one description of a value that types, validation, OpenAPI, path help, documentation and audit redaction read.
 * The coercions are Vault's: clients send numbers as texts, lists as comma texts, durations in three forms.
 */
import { parseDuration } from './duration.ts'
import { badRequest } from './errors.ts'
import { JsonNumber, type Json, type JsonObject } from './json.ts'

export interface Field<T> {
  readonly type: 'string' | 'integer' | 'boolean' | 'array' | 'object' | 'any'
  readonly format?: string
  readonly description: string
  /** Whether a request without it is refused. */
  readonly required: boolean
  /** Never shown in documentation examples, and hidden by the command line's prompts. */
  readonly secret: boolean
  readonly choices?: readonly string[]
  /** Of a path parameter: what does not fit is another path. */
  readonly pattern?: RegExp
  /** Of a path parameter: the one spelling that all spellings stand for, where several name the same thing. Rules are asked about it too. */
  readonly fold?: (written: string) => string
  readonly deprecated?: boolean
  /** What an absent field becomes; `undefined` when absence is a value of its own. */
  readonly fallback: T | undefined
  /** What `null` on the wire means: the empty value, not the default. */
  readonly empty: T
  /** Turns a value from the wire (JSON, form or query) into a value; throws an `Error` that does not name the field. */
  readonly parse: (raw: Json) => T
}

export type Fields = Readonly<Record<string, Field<unknown>>>
type ValueOf<F> = F extends Field<infer T> ? T : never

/** The object that a set of fields describes; optional fields may be absent. */
export type ValuesOf<F extends Fields> = {
  readonly [K in keyof F as undefined extends ValueOf<F[K]> ? never : K]: ValueOf<F[K]>
} & {
  readonly [K in keyof F as undefined extends ValueOf<F[K]> ? K : never]?: Exclude<ValueOf<F[K]>, undefined>
}

type Shape = Pick<Field<unknown>, 'type'> & Partial<Pick<Field<unknown>, 'format' | 'choices'>>
const field = <T>(shape: Shape, description: string, empty: T, parse: (raw: Json) => T): Field<T> =>
  ({ ...shape, description, required: true, secret: false, fallback: undefined, empty, parse })

const asText = (raw: Json): string => {
  if (typeof raw === 'string') return raw
  if (typeof raw === 'number') return String(raw)
  if (typeof raw === 'boolean') return raw ? '1' : '0'
  if (raw instanceof JsonNumber) return raw.text
  throw new Error(`expected a text, got ${kindOf(raw)}`)
}

const articles: Readonly<Record<string, string>> = { string: 'a text', boolean: 'true or false', number: 'a number' }
const kindOf = (raw: Json): string =>
  raw === null ? 'null' : raw instanceof JsonNumber ? 'a number' : Array.isArray(raw) ? 'a list' : (articles[typeof raw] ?? 'an object')

const asInteger = (raw: Json): number => {
  if (typeof raw === 'boolean') return raw ? 1 : 0
  const written = typeof raw === 'string' && /^\s*[+-]?\d+\s*$/.test(raw) ? Number(raw) : raw instanceof JsonNumber ? Number(raw.text) : raw
  if (written === '') return 0
  if (typeof written !== 'number' || !Number.isInteger(written)) throw new Error(`expected an integer, got ${kindOf(raw)}`)
  if (!Number.isSafeInteger(written)) throw new Error('the number is out of range')
  return written
}

const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const falsehoods = new Set(['', '0', 'f', 'F', 'FALSE', 'false', 'False'])
const asFlag = (raw: Json): boolean => {
  if (typeof raw === 'boolean') return raw
  if (typeof raw === 'number' || raw instanceof JsonNumber) return Number(raw instanceof JsonNumber ? raw.text : raw) !== 0
  if (typeof raw === 'string' && truths.has(raw)) return true
  if (typeof raw === 'string' && falsehoods.has(raw)) return false
  throw new Error(`expected true or false, got ${kindOf(raw)}`)
}

export const text = (description: string): Field<string> => field({ type: 'string' }, description, '', asText)
/** A text that is folded to lower case and trimmed, as Vault does with names that ignore case. */
export const lowerText = (description: string): Field<string> =>
  ({ ...field({ type: 'string', format: 'lowercase' }, description, '', (raw) => trimmedLower(asText(raw))), fold: trimmedLower })
const trimmedLower = (written: string): string => written.trim().toLowerCase()
/** A path parameter whose handler takes upper and lower case for the same; the value is as it was written. */
export const anyCase = <T>(f: Field<T>): Field<T> => ({ ...f, fold: (written) => written.toLowerCase() })
/** A name of a user or role, as it stands in paths: letters, digits, `_`, and `-` and `.` inside. Other names make another path. */
export const nameText = (description: string): Field<string> => ({ ...text(description), format: 'name', pattern: /^\w(?:[\w.-]*\w)?$/ })
/** As `nameText`, with `@` inside as well, as names of keys and roles may have it that stand for people and machines. */
export const nameTextWithAt = (description: string): Field<string> => ({ ...text(description), format: 'name', pattern: /^\w(?:[\w.@-]*\w)?$/ })
export const integer = (description: string): Field<number> => field({ type: 'integer' }, description, 0, asInteger)
export const flag = (description: string): Field<boolean> => field({ type: 'boolean' }, description, false, asFlag)
/** Seconds on the inside; on the wire a number of seconds or a text such as `90`, `15m`, `1h30m`, `2d`. Never negative. */
export const duration = (description: string): Field<number> => field({ type: 'integer', format: 'seconds' }, description, 0, (raw) => {
  const seconds = parseDuration(raw)
  if (seconds < 0) throw new Error('cannot be negative')
  return seconds
})
/** A duration where negative ones mean something. */
export const signedDuration = (description: string): Field<number> => field({ type: 'integer', format: 'seconds' }, description, 0, parseDuration)
export const anything = (description: string): Field<Json> => field({ type: 'any' }, description, null, (raw) => raw)

/** A list of texts; on the wire a JSON list or one text with commas. Blanks around items and empty items are dropped. */
export const list = (description: string): Field<readonly string[]> =>
  field<readonly string[]>({ type: 'array', format: 'comma' }, description, [], (raw) => {
    const items = typeof raw === 'string' ? raw.split(',') : Array.isArray(raw) ? raw.map(asText) : [asText(raw)]
    return items.map((item) => item.trim()).filter((item) => item !== '')
  })

/** A list of texts in which a comma is an ordinary character: one text is one item. */
export const plainList = (description: string): Field<readonly string[]> =>
  field<readonly string[]>({ type: 'array' }, description, [], (raw) => (Array.isArray(raw) ? raw.map(asText) : [asText(raw)]))

export const integerList = (description: string): Field<readonly number[]> =>
  field<readonly number[]>({ type: 'array', format: 'comma-integers' }, description, [], (raw) => {
    const items: readonly Json[] = typeof raw === 'string' ? raw.split(',').map((s) => s.trim()).filter((s) => s !== '') : Array.isArray(raw) ? raw : [raw]
    return items.map(asInteger)
  })

/** An object of texts; on the wire a JSON object or a list of `key=value`, of which one may stand alone. Null-prototype: keys come from clients. */
export const textMap = (description: string): Field<Readonly<Record<string, string>>> =>
  field<Readonly<Record<string, string>>>({ type: 'object', format: 'kvpairs' }, description, {}, (raw) => {
    const result: Record<string, string> = Object.create(null) as Record<string, string>
    if (isJsonObject(raw)) for (const [key, value] of Object.entries(raw)) result[key] = value === null ? '' : asText(value)
    else for (const pair of Array.isArray(raw) ? raw.map(asText) : raw === '' ? [] : [asText(raw)]) {
      const at = pair.indexOf('=')
      if (at < 1) throw new Error('expected an object or a list of key=value')
      result[pair.slice(0, at)] = pair.slice(at + 1)
    }
    return result
  })

export const isJsonObject = (raw: Json | undefined): raw is JsonObject =>
  typeof raw === 'object' && raw !== null && !Array.isArray(raw) && !(raw instanceof JsonNumber)

export const object = (description: string): Field<JsonObject> =>
  field<JsonObject>({ type: 'object' }, description, {}, (raw) => {
    if (!isJsonObject(raw)) throw new Error(`expected an object, got ${kindOf(raw)}`)
    return raw
  })

export const optional = <T>(f: Field<T>): Field<T | undefined> => ({ ...f, required: false, fallback: undefined })
export const defaulted = <T>(f: Field<T>, value: T): Field<T> => ({ ...f, required: false, fallback: value })
/** Marks a value that nobody may see: help, forms and logs treat it so. (Audit hashes every text anyhow.) */
export const secret = <T>(f: Field<T>): Field<T> => ({ ...f, secret: true })
export const deprecated = <T>(f: Field<T>): Field<T> => ({ ...f, deprecated: true })

export interface Parsed<F extends Fields> {
  readonly values: ValuesOf<F>
  /** Names that the request had and the operation does not know, sorted. */
  readonly unknown: readonly string[]
}

const none: readonly string[] = []

/** Parses a whole object; throws `bad_request` naming the field, never its value. */
export function parseFields<F extends Fields>(fields: F, raw: JsonObject): Parsed<F> {
  const values: Record<string, unknown> = {}
  for (const name in fields) {
    const value = parseField(name, fields[name] as Field<unknown>, raw)
    if (value !== undefined) values[name] = value
  }
  let unknown: string[] | undefined
  for (const name of Object.keys(raw)) if (!Object.hasOwn(fields, name)) (unknown ??= []).push(name)
  return { values: values as ValuesOf<F>, unknown: unknown?.sort() ?? none }
}

function parseField(name: string, f: Field<unknown>, raw: JsonObject): unknown {
  const given = Object.hasOwn(raw, name) ? raw[name] : undefined
  if (given === undefined) {
    if (f.required) throw badRequest(`missing required field "${name}"`)
    return f.fallback
  }
  if (given === null) return f.empty
  try {
    return f.parse(given)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unusable value'
    throw badRequest(`Field validation failed: error converting input for field ${JSON.stringify(name)}: ${reason}`, { cause })
  }
}
