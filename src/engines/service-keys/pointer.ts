/** JSON pointers (RFC 6901), by which values are taken out of answers. */
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { JsonNumber, type Json } from '../../kit/json.ts'

export type Pointer = readonly string[]

/** Throws `bad_request` that begins with `where`. */
export function parsePointer(text: string, where: string): Pointer {
  if (text !== '' && !text.startsWith('/')) throw badRequest(`${where}: a JSON pointer begins with /`)
  if (/~(?![01])/.test(text)) throw badRequest(`${where}: in a JSON pointer ~ is written ~0, and / in a name ~1`)
  return text.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export const shownPointer = (pointer: Pointer): string => pointer.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Undefined: there is nothing. */
export function pointedAt(value: Json, pointer: Pointer): Json | undefined {
  let found: Json | undefined = value
  for (const part of pointer) {
    if (Array.isArray(found)) found = /^(?:0|[1-9]\d*)$/.test(part) ? (found as readonly Json[])[Number(part)] : undefined
    else found = isJsonObject(found) && Object.hasOwn(found, part) ? found[part] : undefined
  }
  return found
}

/** Texts, numbers and truth values as a text; null for anything else. */
export function asPlainText(value: Json | undefined): string | null {
  if (typeof value === 'string') return value
  if (value instanceof JsonNumber) return value.text
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}
