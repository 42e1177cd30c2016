/** TOML as templates write it: plain values of a table first, then its tables, each with its whole name. */
import { ExactNumber, isExactObject, type ExactJson, type ExactObject } from '../../../client/src/exact-json.ts'
import { TemplateError } from '../../kit/template/values.ts'

/** Throws for what TOML has no form for: a value that is no table at the top, nothing inside a list. */
export function writeToml(value: ExactJson): string {
  if (!isExactObject(value)) throw new TemplateError('toTOML: top-level values must be maps')
  return table(value, []).trim()
}

const isTableList = (value: ExactJson): value is readonly ExactObject[] => Array.isArray(value) && value.length > 0 && value.every((item: ExactJson) => isExactObject(item))

function table(members: ExactObject, path: readonly string[]): string {
  const indent = '  '.repeat(Math.max(0, path.length - 1))
  const inside = path.length === 0 ? '' : `${indent}  `
  const entries = Object.entries(members).filter(([, member]) => member !== null)
  const plain = entries.filter(([, member]) => !isExactObject(member) && !isTableList(member))
  const lines = plain.map(([name, member]) => `${inside}${key(name)} = ${inline(member)}\n`)
  const tables = entries.filter((entry) => !plain.includes(entry)).map(([name, member]) => subTables(member, [...path, name]))
  return lines.join('') + tables.join('')
}

function subTables(member: ExactJson, path: readonly string[]): string {
  const indent = '  '.repeat(path.length - 1)
  const name = path.map(key).join('.')
  if (isTableList(member)) return member.map((item) => `\n${indent}[[${name}]]\n${table(item, path)}`).join('')
  return `${path.length === 1 ? '\n' : ''}${indent}[${name}]\n${table(member as ExactObject, path)}`
}

const key = (name: string): string => (/^[A-Za-z0-9_-]+$/.test(name) ? name : quoted(name))

function inline(value: ExactJson): string {
  if (typeof value === 'string') return quoted(value)
  if (value === null) throw new TemplateError('toTOML: a list may not hold nothing')
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (isExactObject(value)) return `{${Object.entries(value).map(([name, member]) => `${key(name)} = ${inline(member)}`).join(', ')}}`
  return value instanceof ExactNumber ? number(value.text) : String(value)
}

const number = (text: string): string => text

const marks: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r' }
// oxlint-disable-next-line no-control-regex
const quoted = (text: string): string => `"${text.replaceAll(/["\\\u0000-\u001f\u007f]/g, (char) => marks[char] ?? `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)}"`
