/** What a rule says about the fields of a request: which must be there, which may have which values, which must not. */
import { JsonNumber, type Json, type JsonObject } from '../../kit/json.ts'

/** By name in lower case, `*` for all that are not named; an empty list means any value. */
export type ParameterValues = ReadonlyMap<string, readonly Json[]>

export interface ParameterRules {
  readonly required: readonly string[]
  readonly allowed: ParameterValues
  readonly denied: ParameterValues
}

export interface ParameterRefusal {
  readonly code: 'parameter_missing' | 'parameter_denied' | 'parameter_not_allowed'
  readonly name: string
}

/** Why the fields do not satisfy the rules, or null. Names are compared without case, values by type. */
export function refusalOf(rules: ParameterRules, data: JsonObject | null): ParameterRefusal | null {
  for (const name of rules.required) {
    if (data === null || !Object.hasOwn(data, name.toLowerCase())) return { code: 'parameter_missing', name }
  }
  const names = data === null ? [] : Object.keys(data)
  if (data === null || names.length === 0) return null
  const denied = names.find((name) => isDenied(rules.denied, name, data[name] ?? null))
  if (denied !== undefined) return { code: 'parameter_denied', name: denied }
  if (rules.allowed.size === 0) return null
  const stray = names.find((name) => !isAllowed(rules.allowed, name, data[name] ?? null))
  return stray === undefined ? null : { code: 'parameter_not_allowed', name: stray }
}

function isDenied(denied: ParameterValues, name: string, value: Json): boolean {
  if (denied.size === 0) return false
  if (denied.has('*')) return true
  const values = denied.get(name.toLowerCase())
  return values !== undefined && (values.length === 0 || values.some((listed) => coversValue(listed, value)))
}

function isAllowed(allowed: ParameterValues, name: string, value: Json): boolean {
  const values = allowed.get(name.toLowerCase()) ?? allowed.get('*')
  return values !== undefined && (values.length === 0 || values.some((listed) => isSameValue(listed, value)))
}

function isSameValue(listed: Json, given: Json): boolean {
  if (typeof listed === 'string' && typeof given === 'string') return matchesGlob(listed, given)
  if (isNumber(listed) && isNumber(given)) return digitsOf(listed) === digitsOf(given)
  if (Array.isArray(listed) && Array.isArray(given))
    return listed.length === given.length && listed.every((item, i) => isSameItem(item as Json, given[i] as Json))
  return listed === given
}

/** Inside a list there are no globs. */
const isSameItem = (listed: Json, given: Json): boolean =>
  typeof listed === 'string' && typeof given === 'string' ? listed === given : isSameValue(listed, given)

/**
 * A denial looks closer than a grant, because the engines coerce: `1` for `"1"`, a list or a text with commas for a list. Otherwise a
 * denied value would pass in another guise.
 */
function coversValue(listed: Json, given: Json): boolean {
  if (isSameValue(listed, given)) return true
  if (Array.isArray(given)) return given.some((item) => coversValue(listed, item as Json))
  if (isNumber(listed) && isNumber(given)) return Number(digitsOf(listed)) === Number(digitsOf(given))
  const [pattern, text] = [scalarText(listed), scalarText(given)]
  if (pattern === null || text === null) return false
  return matchesGlob(pattern, text) || (text.includes(',') && text.split(',').some((item) => matchesGlob(pattern, item.trim())))
}

const isNumber = (value: Json): value is number | JsonNumber => typeof value === 'number' || value instanceof JsonNumber
const digitsOf = (value: number | JsonNumber): string => (typeof value === 'number' ? String(value) : value.text)

function scalarText(value: Json): string | null {
  if (isNumber(value)) return digitsOf(value)
  return typeof value === 'string' ? value : typeof value === 'boolean' ? String(value) : null
}

/** A `*` at the beginning or the end of `pattern`, or at both, stands for any characters. A lone `*` is itself. */
export function matchesGlob(pattern: string, text: string): boolean {
  if (pattern.length < 2) return pattern === text
  const [atStart, atEnd] = [pattern.startsWith('*'), pattern.endsWith('*')]
  if (atStart && atEnd) return text.includes(pattern.slice(1, -1))
  if (atStart) return text.endsWith(pattern.slice(1))
  return atEnd ? text.startsWith(pattern.slice(0, -1)) : pattern === text
}

/**
 * The values of two rules for one pattern: both are listed, and "any value" of one is any value of both. A rule that lists nothing
 * leaves the other's list as it is.
 */
export function mergeValues(a: ParameterValues, b: ParameterValues): ParameterValues {
  if (a.size === 0 || b.size === 0) return a.size === 0 ? b : a
  const merged = new Map(a)
  for (const [name, values] of b) {
    const earlier = a.get(name)
    merged.set(name, earlier === undefined ? values : earlier.length === 0 || values.length === 0 ? [] : [...earlier, ...values])
  }
  return merged
}
