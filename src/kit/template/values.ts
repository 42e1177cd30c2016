/**
 * What templates compute with: Go's values, as far as templates meet them. Integers are `bigint` (64 bits), floating point is `number`, as the two
 * print differently. `null` is a nil interface, `undefined` no value at all: a key that a map does not have.
 */

/** A number that is kept as it was written in JSON: for Go a text of a type of its own (`json.Number`). */
export class NumberText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** An object with named fields. `shown` is what it prints as. */
export class Struct {
  readonly typeName: string
  readonly fields: ReadonlyMap<string, Value>
  constructor(typeName: string, fields: Readonly<Record<string, Value>>) {
    this.typeName = typeName
    this.fields = new Map(Object.entries(fields))
  }
}

/** An object that templates call methods of, such as `scratch`. */
export class Methods {
  readonly typeName: string
  readonly methods: ReadonlyMap<string, TemplateFunction>
  constructor(typeName: string, methods: Readonly<Record<string, TemplateFunction>>) {
    this.typeName = typeName
    this.methods = new Map(Object.entries(methods))
  }
}

export type Value = undefined | null | boolean | string | bigint | number | NumberText | Struct | Methods | TemplateFunction | readonly Value[] | ReadonlyMap<string, Value>

/** Called with the arguments as they were given; checks them itself. Throws `TemplateError`. */
export interface TemplateFunction {
  (...args: readonly Value[]): Value
  /** How many arguments it takes; default any number. `most` of Infinity: one or more may follow. */
  readonly arity?: readonly [least: number, most: number]
}

/** A template that is malformed, or that cannot be carried out with these values. `line` is 0 where none is known. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  readonly line: number
  constructor(message: string, line = 0) {
    super(message)
    this.line = line
  }
}

export const isMap = (value: Value): value is ReadonlyMap<string, Value> => value instanceof Map
export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)
export const isFunction = (value: Value): value is TemplateFunction => typeof value === 'function'

/** A function that is refused with fewer or more arguments than these. */
export const fixed = (least: number, work: (...args: readonly Value[]) => Value, most = least): TemplateFunction => Object.assign((...args: readonly Value[]) => work(...args), { arity: [least, most] as const })

/** Go's name of the kind of a value, for messages. */
export function typeName(value: Value): string {
  if (value === null || value === undefined) return '<nil>'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'float64'
  if (value instanceof NumberText) return 'json.Number'
  if (value instanceof Struct || value instanceof Methods) return value.typeName
  if (isFunction(value)) return 'func'
  return isList(value) ? '[]interface {}' : 'map[string]interface {}'
}

/** Whether `if` takes it for true: anything but nothing, false, zero, and what is empty. */
export function isTrue(value: Value): boolean {
  if (value === null || value === undefined || value === false) return false
  if (typeof value === 'string') return value !== ''
  if (typeof value === 'bigint') return value !== 0n
  if (typeof value === 'number') return value !== 0
  if (value instanceof NumberText) return value.text !== ''
  if (isMap(value)) return value.size > 0
  return isList(value) ? value.length > 0 : true
}

/** The keys of a map, in the order in which templates see them: by their UTF-8 bytes. */
export const sortedKeys = (map: ReadonlyMap<string, Value>): string[] => [...map.keys()].toSorted(byBytes)

/** Code points compare as their bytes in UTF-8 do; units of UTF-16 do not. */
export function byBytes(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const at = left.findIndex((char, i) => char !== right[i])
  if (at === -1) return left.length - right.length
  return (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? -1)
}

export const intMin = -(2n ** 63n)
export const intMax = 2n ** 63n - 1n
/** As 64-bit integers overflow. */
export const wrapInt = (value: bigint): bigint => BigInt.asIntN(64, value)

const encoder = new TextEncoder()
const decoder = new TextDecoder()
export const utf8 = (text: string): Uint8Array => encoder.encode(text)
export const fromUtf8 = (bytes: Uint8Array): string => decoder.decode(bytes)
