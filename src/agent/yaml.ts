/**
 * YAML 1.1 in block style, with the quoting of Go's `yaml.v2`, whose readers treat `yes` and `1_000` as more than text. Names are
 * sorted, numbers keep their digits.
 */
import { ExactNumber } from '../../client/src/exact-json.ts'

/** Without a line end at the end. */
export const formatYaml = (value: unknown): string => block(value, '').replace(/^\n/, '').trim()

/** The text that follows `key:` or `-`, with its leading space or line end. */
function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) return value.length === 0 ? ' []' : value.map((item) => `\n${indent}-${listItem(item, indent)}`).join('')
  if (typeof value !== 'object' || value === null || value instanceof ExactNumber) return ` ${scalar(value, indent)}`
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  if (members.length === 0) return ' {}'
  return members
    .toSorted(([a], [b]) => compareNames(a, b))
    .map(([name, member]) => `\n${indent}${key(name)}:${block(member, inner(member, indent))}`)
    .join('')
}

/** A list below a name stands at the indent of the name. */
const inner = (member: unknown, indent: string): string => (Array.isArray(member) ? indent : `${indent}  `)

/** An item of a list: a map begins on the line of its dash. */
const listItem = (item: unknown, indent: string): string => block(item, `${indent}  `).replace(/^\n\s*/, ' ')

const key = (name: string): string => (name.includes('\n') ? doubleQuoted(name) : scalar(name, ''))

function scalar(value: unknown, indent: string): string {
  if (typeof value !== 'string') return value instanceof ExactNumber ? value.text : String(value ?? 'null')
  if (value.includes('\n')) return canBeLiteral(value) ? literal(value, indent) : doubleQuoted(value)
  if (isSpecial(value) || resolvesElsewhere(value)) return doubleQuoted(value)
  return canBePlain(value) ? value : `'${value.replaceAll("'", "''")}'`
}

/** Words that a reader takes for something other than text: null, booleans, numbers, times. */
const otherTypes = [
  /^(?:|~|null|Null|NULL|<<)$/,
  /^(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF|true|True|TRUE|false|False|FALSE)$/,
  /^[-+]?(?:\.[0-9_]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$/,
  /^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+)$/,
  /^[-+]?(?:\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$/,
  /^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?$/,
  /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/,
]
const resolvesElsewhere = (text: string): boolean => otherTypes.some((pattern) => pattern.test(text))

// oxlint-disable-next-line no-control-regex
const isSpecial = (text: string): boolean => /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ufeff\ufffe\uffff]|\p{Surrogate}/u.test(text)

function canBePlain(text: string): boolean {
  if (/^[\s,[\]{}#&*!|>'"%@`]/.test(text) || /\s$/.test(text)) return false
  if (/^(?:---|\.\.\.)/.test(text) || /^[-?:](?:\s|$)/.test(text)) return false
  return !/:(?:\s|$)|\s#/.test(text)
}

/** Text of several lines keeps its form, unless it holds what the form cannot show. */
const canBeLiteral = (text: string): boolean => !isSpecial(text) && !/ \n| $/.test(text)

function literal(text: string, indent: string): string {
  const lead = /^[ \n]/.test(text) ? '2' : ''
  const keep = text.endsWith('\n') ? (text.endsWith('\n\n') || text === '\n' ? '+' : '') : '-'
  const lines = text.replace(/\n$/, '').split('\n')
  return `|${lead}${keep}\n${lines.map((line) => (line === '' ? '' : (indent || '  ') + line)).join('\n')}`
}

const short: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '\u001b': '\\e',
  '"': '\\"',
  '\\': '\\\\',
  '\u0085': '\\N',
}

const doubleQuoted = (text: string): string => `"${[...text].map(escapeChar).join('')}"`

function escapeChar(char: string): string {
  const known = Object.hasOwn(short, char) ? short[char] : undefined
  if (known !== undefined) return known
  if (!isSpecial(char)) return char
  const code = char.codePointAt(0) ?? 0
  return code > 0xff ? `\\u${code.toString(16).toUpperCase().padStart(4, '0')}` : `\\x${code.toString(16).toUpperCase().padStart(2, '0')}`
}

/** Digits within names count as numbers: `key2` comes before `key10`. */
function compareNames(a: string, b: string): number {
  const left = a.match(/\d+|\D/g) ?? []
  const right = b.match(/\d+|\D/g) ?? []
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const x = left[i] ?? ''
    const y = right[i] ?? ''
    if (x === y) continue
    if (isLetter(x) || isLetter(y)) return Number(isLetter(x)) - Number(isLetter(y)) || (x < y ? -1 : 1)
    return numberOf(x) - numberOf(y) || (x < y ? -1 : 1)
  }
  return left.length - right.length
}

/** Signs count as 0. */
const numberOf = (part: string): number => (/\d/.test(part) ? Number(part) : 0)
const isLetter = (char: string): boolean => /\p{L}/u.test(char)
