/** References to fields of secrets, `coffer://PATH#FIELD`, and the texts that they stand for. */
import { isMap, NumberText, Struct, type Value } from '../kit/template/values.ts'
import type { Question } from './template/asking.ts'
import { toExact } from './template/convert.ts'
import { writeJson } from './template/json.ts'

export interface Reference {
  readonly path: string
  readonly field: string
}

/** A reference that says nothing, or a secret that has no such field. The message names the place, never a value. */
export class ReferenceError extends Error {
  override readonly name = 'ReferenceError'
}

/** `vault://` is taken as well. */
const whole = /^(?:coffer|vault):\/\/([^#?\s]+)#([^\s#]+)$/

/** Null where the text is none. */
export function referenceOf(text: string): Reference | null {
  const [, path, field] = whole.exec(text) ?? []
  return path === undefined || field === undefined ? null : { path, field }
}

export const questionOf = (path: string): Question => ({ kind: 'read', path: path.replace(/^\/+|\/+$/g, ''), data: {} })

/** The fields of a secret; of a versioned one, those of its newest version. Throws `ReferenceError`. */
export function fieldsOf(path: string, secret: Value): ReadonlyMap<string, string> {
  const data = secret instanceof Struct ? secret.fields.get('Data') : null
  if (!isMap(data)) throw new ReferenceError(`${path}: there is no data`)
  const inner = data.get('data')
  const fields = isMap(inner) && data.has('metadata') ? inner : data
  return new Map([...fields].map(([name, value]) => [name, textOf(value)]))
}

/** Numbers by their digits; lists and objects as JSON. */
function textOf(value: Value): string {
  if (typeof value === 'string') return value
  if (value instanceof NumberText) return value.text
  if (value === null || value === undefined) return ''
  return writeJson(toExact(value), { safe: false, pretty: false })
}
