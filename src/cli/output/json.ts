/**
 * JSON as Go's `encoding/json` prints it with two spaces of indent: maps sorted by name, `<`, `>` and `&` escaped. Objects without
 * a prototype are maps; objects that the code itself puts together keep their order. `undefined` is left out.
 */
import { ExactNumber } from '../../../client/src/exact-json.ts'
import { byName } from './value.ts'

export const formatJson = (value: unknown): string => write(value, '')

function write(value: unknown, indent: string): string {
  if (value instanceof ExactNumber) return value.text
  if (typeof value === 'string') return quote(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    return value.length === 0 ? '[]' : `[\n${value.map((item) => inner + write(item, inner)).join(',\n')}\n${indent}]`
  }
  const members = membersOf(value)
  if (members.length === 0) return '{}'
  return `{\n${members.map(([name, member]) => `${inner}${quote(name)}: ${write(member, inner)}`).join(',\n')}\n${indent}}`
}

/** In the order in which they are printed. */
function membersOf(value: object): [string, unknown][] {
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.getPrototypeOf(value) === null ? members.toSorted(byName) : members
}

const quote = (text: string): string =>
  JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
