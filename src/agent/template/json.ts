/** JSON as Go's `encoding/json` writes it. */
import { ExactNumber, isExactObject, type ExactJson } from '../../../client/src/exact-json.ts'

const marks: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' }
const unicode = (char: string): string => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
// oxlint-disable-next-line no-control-regex
const special = /["\\\u0000-\u001f\u2028\u2029]/g

/** `safe`: what HTML gives a meaning to is written as a number. */
export interface JsonStyle {
  readonly safe: boolean
  readonly pretty: boolean
}

export function writeJson(value: ExactJson, style: JsonStyle, indent = ''): string {
  if (typeof value === 'string') return text(value, style.safe)
  if (value instanceof ExactNumber) return value.text
  const inner = `${indent}  `
  const [open, between, close] = style.pretty ? [`\n${inner}`, `,\n${inner}`, `\n${indent}`] : ['', ',', '']
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[${open}${value.map((item: ExactJson) => writeJson(item, style, inner)).join(between)}${close}]`
  if (!isExactObject(value)) return String(value)
  const members = Object.entries(value)
  if (members.length === 0) return '{}'
  return `{${open}${members.map(([name, member]) => `${text(name, style.safe)}:${style.pretty ? ' ' : ''}${writeJson(member, style, inner)}`).join(between)}${close}}`
}

function text(value: string, safe: boolean): string {
  const escaped = value.replaceAll(/\p{Surrogate}/gu, '\u{fffd}').replaceAll(special, (char) => marks[char] ?? unicode(char))
  return `"${safe ? escaped.replaceAll(/[<>&]/g, unicode) : escaped}"`
}
