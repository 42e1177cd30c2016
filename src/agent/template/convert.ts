/** Between the values of templates and those of JavaScript. */
import { ExactNumber, isExactObject, type ExactJson } from '../../../client/src/exact-json.ts'
import { isList, isMap, NumberText, sortedKeys, Struct, TemplateError, typeName, type Value } from '../../kit/template/values.ts'
import { formatG } from '../../kit/template/float.ts'

type NumberKind = (digits: string) => Value
/** What `encoding/json` makes of numbers when nobody says otherwise. */
export const asFloat: NumberKind = Number
/** What Vault's client makes of them. */
export const asText: NumberKind = (digits) => new NumberText(digits)

export function fromJson(json: ExactJson, number: NumberKind): Value {
  if (json instanceof ExactNumber) return number(json.text)
  if (typeof json === 'number') return number(String(json))
  if (Array.isArray(json)) return (json as readonly ExactJson[]).map((item) => fromJson(item, number))
  if (isExactObject(json)) return new Map(Object.entries(json).map(([name, member]) => [name, fromJson(member, number)]))
  return json as null | boolean | string
}

/** For encoders: maps in the order of their names, numbers by their digits. Throws for what has no form outside of templates. */
export function toExact(value: Value): ExactJson {
  if (value === undefined || value === null) return null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return new ExactNumber(String(value))
  if (typeof value === 'number') return floatText(value)
  if (value instanceof NumberText) return new ExactNumber(value.text)
  if (isList(value)) return value.map(toExact)
  if (isMap(value)) return exactMembers(sortedKeys(value), value)
  if (value instanceof Struct) return exactMembers([...value.fields.keys()], value.fields)
  throw new TemplateError(`unsupported type: ${typeName(value)}`)
}

function exactMembers(names: readonly string[], members: ReadonlyMap<string, Value>): ExactJson {
  const made = Object.create(null) as { [name: string]: ExactJson }
  for (const name of names) made[name] = toExact(members.get(name))
  return made
}

/** As `encoding/json` writes floating point: plain between 1e-6 and 1e21. */
function floatText(value: number): ExactNumber {
  if (!Number.isFinite(value)) throw new TemplateError(`unsupported value: ${formatG(value)}`)
  return new ExactNumber(String(value))
}
