/** What functions of templates ask of their arguments: each throws in Go's words when one is of another type. */
import { fixed, isList, isMap, NumberText, TemplateError, typeName, type TemplateFunction, type Value } from '../../kit/template/values.ts'

export function text(value: Value): string {
  if (typeof value !== 'string') throw wrongType('string', value)
  return value
}

export function integer(value: Value): bigint {
  // A constant such as 3.0 is taken for a whole number where one is wanted.
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  if (typeof value !== 'bigint') throw wrongType('int', value)
  return value
}

export function list(value: Value): readonly Value[] {
  if (!isList(value)) throw wrongType('[]interface {}', value)
  return value
}

export const texts = (value: Value): string[] => list(value).map(text)

export function map(value: Value): ReadonlyMap<string, Value> {
  if (!isMap(value)) throw wrongType('map[string]interface {}', value)
  return value
}

const wrongType = (wanted: string, value: Value): TemplateError =>
  new TemplateError(value === null || value === undefined ? `invalid value; expected ${wanted}` : `wrong type for value; expected ${wanted}; got ${typeName(value)}`)

/** A function of so many texts. */
export const ofTexts = (count: number, work: (...args: string[]) => Value): TemplateFunction => fixed(count, (...args) => work(...args.map(text)))

/** The text of a number that was kept as it was written, and of a text. */
export const plain = (value: Value): Value => (value instanceof NumberText ? value.text : value)
