/** How values print: Go's `%v`. */
import { formatG } from './float.ts'
import { isFunction, isList, isMap, Methods, NumberText, sortedKeys, Struct, type Value } from './values.ts'

const depthMax = 100

/** The result of an action. */
export const shown = (value: Value): string => (value === null || value === undefined ? '<no value>' : format(value))

/** A value inside another one, or given to `print`. */
export function format(value: Value, depth = 0): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return formatG(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (value instanceof NumberText) return value.text
  if (depth > depthMax) return '...'
  if (isMap(value)) return `map[${sortedKeys(value).map((key) => `${key}:${format(value.get(key), depth + 1)}`).join(' ')}]`
  if (isList(value)) return `[${value.map((item) => format(item, depth + 1)).join(' ')}]`
  if (value instanceof Struct) return `${depth === 0 ? '&' : ''}{${[...value.fields.values()].map((item) => format(item, depth + 1)).join(' ')}}`
  return isFunction(value) || value instanceof Methods ? '0x0' : ''
}

const isText = (value: Value): boolean => typeof value === 'string'

/** Blanks only between two of which neither is a text. */
export function print(values: readonly Value[]): string {
  return values.map((value, i) => (i > 0 && !isText(value) && !isText(values[i - 1]) ? ' ' : '') + format(value)).join('')
}

export const println = (values: readonly Value[]): string => `${values.map((value) => format(value)).join(' ')}\n`
