/** Go's `printf`: verbs, flags, width and precision, and what it says of arguments that do not fit. */
import { formatE, formatF, formatG } from './float.ts'
import { format } from './print.ts'
import { quote, quoteChar } from './quote.ts'
import { isFunction, isList, isMap, Methods, NumberText, sortedKeys, Struct, typeName, utf8, type Value } from './values.ts'

interface Spec {
  readonly flags: string
  readonly width: number | null
  readonly precision: number | null
  readonly verb: string
}

const directive = /%([-+# 0]*)(\[\d+\])?(\*|\d+)?(?:(\.)(\[\d+\])?(\*|\d+)?)?(\[\d+\])?([^\d\s]|$)/gu
const sizeMax = 1_000_000

export function printf(pattern: string, args: readonly Value[]): string {
  let at = 0
  let isReordered = false
  const next = (): Value | typeof missing => (at < args.length ? args[at++] : missing)
  const jump = (index: string | undefined): void => {
    if (index === undefined) return
    isReordered = true
    at = Number(index.slice(1, -1)) - 1
  }
  const size = (written: string | undefined): number | null => (written === undefined ? null : Math.min(sizeMax, written === '*' ? Number(next()) || 0 : Number(written)))
  const text = pattern.replaceAll(directive, (_, flags: string, first: string | undefined, width: string | undefined, dot: string | undefined, second: string | undefined, precision: string | undefined, third: string | undefined, verb: string) => {
    if (verb === '') return '%!(NOVERB)'
    jump(first)
    const wide = size(width)
    jump(second)
    const fine = dot === undefined ? null : (size(precision) ?? 0)
    jump(third)
    if (verb === '%') return '%'
    const value = next()
    if (value === missing) return `%!${verb}(${first ?? third ? 'BADINDEX' : 'MISSING'})`
    const isLeft = wide !== null && wide < 0
    return formatVerb({ flags: isLeft ? `${flags}-` : flags, width: wide === null ? null : Math.abs(wide), precision: fine, verb }, value)
  })
  if (isReordered || at >= args.length) return text
  return `${text}%!(EXTRA ${args.slice(at).map((value) => `${typeName(value)}${value === null || value === undefined ? '' : `=${format(value)}`}`).join(', ')})`
}

const missing = Symbol('missing')

function formatVerb(spec: Spec, value: Value): string {
  if (spec.verb === 'T') return pad(spec, typeName(value))
  if (spec.verb === 'v' && (value === null || value === undefined)) return pad(spec, '<nil>')
  if (spec.verb === 'v') return formatValue(spec, value)
  const text = isList(value) || isMap(value) ? each(spec, value) : verbText(spec, value)
  return text ?? bad(spec, value)
}

const bad = ({ verb }: Spec, value: Value): string => (value === null || value === undefined ? `%!${verb}(<nil>)` : `%!${verb}(${typeName(value)}=${format(value)})`)

/** A verb for each part. */
function each(spec: Spec, value: readonly Value[] | ReadonlyMap<string, Value>): string {
  if (isList(value)) return `[${value.map((item) => formatVerb(spec, item)).join(' ')}]`
  return `map[${sortedKeys(value).map((key) => `${formatVerb(spec, key)}:${formatVerb(spec, value.get(key))}`).join(' ')}]`
}

function formatValue(spec: Spec, value: Value): string {
  if (spec.flags.includes('#')) return pad(spec, goSyntax(value))
  if (value instanceof Struct && spec.flags.includes('+')) return `&{${[...value.fields].map(([name, item]) => `${name}:${format(item, 1)}`).join(' ')}}`
  if (isList(value) || isMap(value)) return each(spec, value)
  if (typeof value === 'bigint') return number(spec, value, 10)
  if (typeof value === 'number') return signed(spec, formatG(value, spec.precision))
  return pad(spec, cut(spec, format(value)))
}

function verbText(spec: Spec, value: Value): string | null {
  if (typeof value === 'bigint') return integerText(spec, value)
  if (typeof value === 'number') return floatText(spec, value)
  if (typeof value === 'string') return stringText(spec, value)
  if (value instanceof NumberText) return stringText(spec, value.text)
  if (typeof value === 'boolean') return spec.verb === 't' ? pad(spec, String(value)) : null
  return spec.verb === 'p' && (isFunction(value) || value instanceof Methods) ? '0x0' : null
}

const bases: Readonly<Record<string, number>> = { d: 10, b: 2, o: 8, O: 8, x: 16, X: 16 }

function integerText(spec: Spec, value: bigint): string | null {
  const base = bases[spec.verb]
  if (base !== undefined) return number(spec, value, base)
  const code = Number(value)
  const char = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\u{fffd}'
  if (spec.verb === 'c') return pad(spec, char)
  if (spec.verb === 'q') return pad(spec, quoteChar(char, spec.flags.includes('+')))
  return spec.verb === 'U' ? pad(spec, `U+${code.toString(16).toUpperCase().padStart(4, '0')}`) : null
}

function number(spec: Spec, value: bigint, base: number): string {
  const { verb, flags, precision } = spec
  let digits = (value < 0n ? -value : value).toString(base)
  if (verb === 'X') digits = digits.toUpperCase()
  if (precision !== null) digits = precision === 0 && value === 0n ? '' : digits.padStart(precision, '0')
  const prefix = verb === 'O' ? '0o' : flags.includes('#') ? ({ x: '0x', X: '0X', o: '0', b: '0b' }[verb] ?? '') : ''
  return signed({ ...spec, flags: precision === null ? flags : flags.replaceAll('0', '') }, `${value < 0n ? '-' : ''}${prefix}${digits}`)
}

function floatText(spec: Spec, value: number): string | null {
  const { verb, precision } = spec
  if (verb === 'g' || verb === 'G') return signed(spec, upperFor(verb, formatG(value, precision)))
  if (verb === 'e' || verb === 'E') return signed(spec, upperFor(verb, formatE(value, precision ?? 6)))
  return verb === 'f' || verb === 'F' ? signed(spec, formatF(value, precision ?? 6)) : null
}

const upperFor = (verb: string, text: string): string => (verb === 'G' || verb === 'E' ? text.toUpperCase() : text)

function stringText(spec: Spec, value: string): string | null {
  const { verb, flags } = spec
  const text = cut(spec, value)
  if (verb === 's') return pad(spec, text)
  if (verb === 'q') return pad(spec, flags.includes('#') && !/[`\n]/.test(text) ? `\`${text}\`` : quote(text, flags.includes('+')))
  if (verb !== 'x' && verb !== 'X') return null
  const bytes = [...utf8(text)].map((byte) => byte.toString(16).padStart(2, '0'))
  const hex = flags.includes(' ') ? bytes.join(' ') : bytes.join('')
  return pad(spec, verb === 'X' ? hex.toUpperCase() : hex)
}

/** A precision is the most characters of a text. */
const cut = ({ precision }: Spec, text: string): string => (precision === null ? text : [...text].slice(0, precision).join(''))

/** Numbers: a sign if it was asked for, zeros between it and the digits. */
function signed(spec: Spec, text: string): string {
  const { flags } = spec
  const body = text.replace(/^[+-]/, '')
  const sign = text.startsWith('-') ? '-' : flags.includes('+') || text.startsWith('+') ? '+' : flags.includes(' ') ? ' ' : ''
  if (!flags.includes('0') || flags.includes('-')) return pad(spec, sign + body)
  return sign + body.padStart((spec.width ?? 0) - sign.length, '0')
}

function pad({ flags, width }: Spec, text: string): string {
  const lack = (width ?? 0) - [...text].length
  if (lack <= 0) return text
  return flags.includes('-') ? text + ' '.repeat(lack) : (flags.includes('0') ? '0' : ' ').repeat(lack) + text
}

/** `%#v`: as it would stand in a program in Go. */
function goSyntax(value: Value): string {
  if (value === null || value === undefined) return 'interface {}(nil)'
  if (typeof value === 'string') return quote(value)
  if (value instanceof NumberText) return quote(value.text)
  if (isList(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (isMap(value)) return `map[string]interface {}{${sortedKeys(value).map((key) => `${quote(key)}:${goSyntax(value.get(key))}`).join(', ')}}`
  return format(value)
}
