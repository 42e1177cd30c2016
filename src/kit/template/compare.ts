/** How templates compare: only what is of one kind. */
import { byBytes, isFunction, isList, isMap, Methods, NumberText, Struct, TemplateError, type Value } from './values.ts'

type Basic = { readonly kind: 'bool'; readonly value: boolean } | { readonly kind: 'int'; readonly value: bigint } | { readonly kind: 'float'; readonly value: number } | { readonly kind: 'string'; readonly value: string }

const incompatible = (): TemplateError => new TemplateError('incompatible types for comparison')

function basic(value: Value): Basic | null {
  if (typeof value === 'boolean') return { kind: 'bool', value }
  if (typeof value === 'bigint') return { kind: 'int', value }
  if (typeof value === 'number') return { kind: 'float', value }
  if (typeof value === 'string') return { kind: 'string', value }
  return value instanceof NumberText ? { kind: 'string', value: value.text } : null
}

const isNothing = (value: Value): boolean => value === null || value === undefined

/** Whether the first one equals any of the others. */
export function equal(first: Value, others: readonly Value[]): boolean {
  if (isMap(first) || isList(first)) throw new TemplateError('non-comparable type in comparison')
  if (others.length === 0) throw new TemplateError('missing argument for comparison')
  return others.some((other) => same(first, other))
}

function same(a: Value, b: Value): boolean {
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b)
  const [left, right] = [basic(a), basic(b)]
  if (left !== null && right !== null) {
    if (left.kind !== right.kind) throw incompatible()
    return left.value === right.value
  }
  if (isMap(b) || isList(b) || isFunction(b)) throw new TemplateError('non-comparable type in comparison')
  if (left !== null || right !== null || !(a instanceof Struct || a instanceof Methods)) throw incompatible()
  return a === b
}

export function less(a: Value, b: Value): boolean {
  const [left, right] = [basic(a), basic(b)]
  if (left === null || right === null || left.kind === 'bool') throw new TemplateError('invalid type for comparison')
  if (left.kind === 'int' && right.kind === 'int') return left.value < right.value
  if (left.kind === 'float' && right.kind === 'float') return left.value < right.value
  if (left.kind === 'string' && right.kind === 'string') return byBytes(left.value, right.value) < 0
  throw incompatible()
}
