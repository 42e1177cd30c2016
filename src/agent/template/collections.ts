/** Functions on lists and maps, and the scratch pad of a template. */
import { fixed, isList, isMap, isTrue, Methods, sortedKeys, TemplateError, typeName, type TemplateFunction, type Value } from '../../kit/template/values.ts'
import { list, map, text } from './arguments.ts'
import { parseInteger } from './numbers.ts'

/** Whether a list has the value, or a text contains it. Only numbers and texts are looked for. */
function isIn(within: Value, value: Value): boolean {
  if (typeof within === 'string') return typeof value === 'string' && within.includes(value)
  if (!isList(within)) return false
  return within.some((item) => ['string', 'bigint', 'number'].includes(typeof item) && item === value)
}

const some = (result: boolean, inverted: boolean): TemplateFunction => fixed(2, (values, within) => (list(values).some((value) => isIn(within, value) !== inverted) ? !result : result))

function explodeInto(into: Map<string, Value>, key: string, value: Value, path: string): void {
  const cut = key.indexOf('/')
  if (cut === -1) {
    if (key !== '') into.set(key, value)
    return
  }
  const top = key.slice(0, cut)
  const known = into.get(top) ?? new Map<string, Value>()
  if (!isMap(known)) throw new TemplateError(`explodeMap: not a map: ${JSON.stringify(path)}: ${JSON.stringify(top)} already has value ${JSON.stringify(String(known))}`)
  into.set(top, known)
  explodeInto(known as Map<string, Value>, key.slice(cut + 1), value, key)
}

function explodeMap(flat: ReadonlyMap<string, Value>): Value {
  const nested = new Map<string, Value>()
  for (const key of sortedKeys(flat)) explodeInto(nested, key, flat.get(key), key)
  return nested
}

/** Maps inside are merged too. What is empty in the first gives way; with `override`, what is not empty in the second wins. */
function merge(first: ReadonlyMap<string, Value>, second: ReadonlyMap<string, Value>, override: boolean): ReadonlyMap<string, Value> {
  const merged = new Map(first)
  for (const [key, value] of second) {
    const known = merged.get(key)
    if (isMap(known) && isMap(value)) merged.set(key, merge(known, value, override))
    else if (!isTrue(known) || (override && isTrue(value))) merged.set(key, value)
  }
  return merged
}

function loopEnd(value: Value): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'string') return parseInteger(value)
  throw new TemplateError(`loop: bad argument type: ${typeName(value)}`)
}

const loopMax = 10_000_000n

function loop(...ends: readonly Value[]): Value {
  if (ends.length < 1 || ends.length > 2) throw new TemplateError(`loop: wrong number of arguments, expected 1 or 2, but got ${ends.length}`)
  const [from, to] = ends.length === 1 ? [0n, loopEnd(ends[0])] : [loopEnd(ends[0]), loopEnd(ends[1])]
  if (to - from > loopMax) throw new TemplateError(`loop: more than ${loopMax} rounds`)
  return Array.from({ length: Math.max(0, Number(to - from)) }, (_, i) => from + BigInt(i))
}

/** What a template notes down while it runs. */
export function scratchPad(): Methods {
  const values = new Map<string, Value>()
  const set = (key: Value, value: Value): string => {
    values.set(text(key), value)
    return ''
  }
  const setInside = (override: boolean): TemplateFunction => fixed(3, (key, inner, value) => {
    const name = text(key)
    const known = values.get(name) ?? new Map<string, Value>()
    if (!isMap(known)) throw new TemplateError(`${JSON.stringify(name)} is not a map`)
    values.set(name, !override && known.has(text(inner)) ? known : new Map(known).set(text(inner), value))
    return ''
  })
  return new Methods('*template.Scratch', {
    Key: fixed(1, (key) => values.has(text(key))),
    Get: fixed(1, (key) => values.get(text(key)) ?? null),
    Set: fixed(2, set),
    SetX: fixed(2, (key, value) => (values.has(text(key)) ? '' : set(key, value))),
    MapSet: setInside(true),
    MapSetX: setInside(false),
    MapValues: fixed(1, (key) => {
      const known = values.get(text(key))
      return isMap(known) ? sortedKeys(known).map((name) => known.get(name)) : []
    }),
  })
}

export const collectionFunctions: Readonly<Record<string, TemplateFunction>> = {
  contains: fixed(2, (value, within) => isIn(within, value)),
  containsAll: some(true, true),
  containsAny: some(false, false),
  containsNone: some(true, false),
  containsNotAll: some(false, true),
  explodeMap: fixed(1, (value) => explodeMap(map(value))),
  in: fixed(2, isIn),
  loop,
  mergeMap: fixed(2, (first, second) => merge(map(first), map(second), false)),
  mergeMapWithOverride: fixed(2, (first, second) => merge(map(first), map(second), true)),
}

