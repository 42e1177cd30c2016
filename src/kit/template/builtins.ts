/** The functions that every template has. `and`, `or` are the executor's own, because they stop early. */
import { equal, less } from './compare.ts'
import { print, println } from './print.ts'
import { printf } from './printf.ts'
import { fixed, fromUtf8, isFunction, isList, isMap, isTrue, NumberText, TemplateError, typeName, utf8, type TemplateFunction, type Value } from './values.ts'

export function length(value: Value): bigint {
  if (typeof value === 'string') return BigInt(utf8(value).length)
  if (value instanceof NumberText) return BigInt(value.text.length)
  if (isMap(value)) return BigInt(value.size)
  if (isList(value)) return BigInt(value.length)
  if (value === null || value === undefined) throw new TemplateError('len of nil pointer')
  throw new TemplateError(`len of type ${typeName(value)}`)
}

function index(value: Value, ...keys: readonly Value[]): Value {
  let at = value
  if (at === undefined) throw new TemplateError('index of untyped nil')
  for (const key of keys) at = indexOnce(at, key)
  return at
}

function indexOnce(value: Value, key: Value): Value {
  if (isMap(value)) {
    if (typeof key !== 'string' && !(key instanceof NumberText)) throw new TemplateError(key === null || key === undefined ? 'value is nil; should be of type string' : `value has type ${typeName(key)}; should be string`)
    return value.get(key instanceof NumberText ? key.text : key) ?? null
  }
  if (value === null || value === undefined) throw new TemplateError('index of nil pointer')
  if (typeof value !== 'string' && !isList(value)) throw new TemplateError(`can't index item of type ${typeName(value)}`)
  const items: ArrayLike<Value> = typeof value === 'string' ? Array.from(utf8(value), BigInt) : value
  return items[place(key, items.length - 1)]
}

/** A place in a list; `last` is the greatest that there is. */
function place(key: Value, last: number): number {
  if (typeof key !== 'bigint') throw new TemplateError(key === null || key === undefined ? 'cannot index slice/array with nil' : `cannot index slice/array with type ${typeName(key)}`)
  if (key < 0n || key > BigInt(last)) throw new TemplateError(`index out of range: ${key}`)
  return Number(key)
}

function slice(value: Value, ...ends: readonly Value[]): Value {
  if (value === null || value === undefined) throw new TemplateError('slice of untyped nil')
  if (typeof value !== 'string' && !isList(value)) throw new TemplateError(`can't slice item of type ${typeName(value)}`)
  if (ends.length > 3) throw new TemplateError(`too many slice indexes: ${ends.length}`)
  if (ends.length === 3 && typeof value === 'string') throw new TemplateError('cannot 3-index slice a string')
  const items = typeof value === 'string' ? utf8(value) : value
  const [from = 0, to = items.length, cap = items.length] = ends.map((end) => place(end, items.length))
  if (from > to) throw new TemplateError(`invalid slice index: ${from} > ${to}`)
  if (to > cap) throw new TemplateError(`invalid slice index: ${to} > ${cap}`)
  return typeof items === 'object' && items instanceof Uint8Array ? fromUtf8(items.subarray(from, to)) : (items as readonly Value[]).slice(from, to)
}

const entities: Readonly<Record<string, string>> = { '"': '&#34;', "'": '&#39;', '&': '&amp;', '<': '&lt;', '>': '&gt;', '\0': '\u{fffd}' }
const html = (text: string): string => text.replaceAll(/["'&<>\0]/g, (char) => entities[char] ?? char)

const scriptMarks: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '"': '\\"', '<': '\\u003C', '>': '\\u003E', '&': '\\u0026', '=': '\\u003D' }
const hex4 = (char: string): string => `\\u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
const script = (text: string): string => text.replaceAll(/[\\'"<>&=\0-\x1f\x7f]/g, (char) => scriptMarks[char] ?? hex4(char))

/** As Go's url.QueryEscape: a blank is `+`. */
const queryEscape = (text: string): string =>
  Array.from(utf8(text), (byte) => (/[\w.~-]/.test(String.fromCharCode(byte)) && byte < 0x80 ? String.fromCharCode(byte) : byte === 0x20 ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)).join('')

/** Several values are printed as one text first. */
const escaping = (escape: (text: string) => string): TemplateFunction => (...values) => escape(values.length === 1 && typeof values[0] === 'string' ? values[0] : print(values))

function printfFunction(pattern: Value, ...args: readonly Value[]): string {
  if (typeof pattern !== 'string') throw new TemplateError(`wrong type for value; expected string; got ${typeName(pattern)}`)
  return printf(pattern, args)
}

function call(target: Value, ...args: readonly Value[]): Value {
  if (target === null || target === undefined) throw new TemplateError('call of nil')
  if (!isFunction(target)) throw new TemplateError(`non-function of type ${typeName(target)}`)
  return target(...args)
}

const several = (least: number, work: TemplateFunction): TemplateFunction => fixed(least, work, Infinity)

export const builtins: Readonly<Record<string, TemplateFunction>> = {
  call: several(1, call),
  eq: several(1, (first, ...others) => equal(first, others)),
  ge: fixed(2, (a, b) => !less(a, b)),
  gt: fixed(2, (a, b) => !less(a, b) && !equal(a, [b])),
  html: escaping(html),
  index: several(1, index),
  js: escaping(script),
  le: fixed(2, (a, b) => less(a, b) || equal(a, [b])),
  len: fixed(1, length),
  lt: fixed(2, less),
  ne: fixed(2, (a, b) => !equal(a, [b])),
  not: fixed(1, (value) => !isTrue(value)),
  print: (...values) => print(values),
  printf: several(1, printfFunction),
  println: (...values) => println(values),
  slice: several(1, slice),
  urlquery: escaping(queryEscape),
}

