/** Masks: what an answer must look like where its value cannot be known. Recording makes them, comparing reads them. */
import type { Json, Values } from './scenario.ts'

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?(?:Z|[+-]\\d\\d:\\d\\d)'
const pem = '-----BEGIN ([A-Z0-9 ]+)-----[\\s\\S]+?-----END \\1-----'
const token = '(?:hv[sbr]|[sbr])\\.[A-Za-z0-9_-]{20,}(?:\\.[A-Za-z0-9]{5,6})?'

type Shape = readonly [pattern: RegExp, mask: (whole: string, ...groups: string[]) => string]
const shapes: readonly Shape[] = [
  [new RegExp(pem, 'g'), (_, label) => `<pem ${label}>`],
  [new RegExp(uuid, 'g'), () => '<uuid>'],
  [new RegExp(time, 'g'), () => '<time>'],
  [new RegExp(`(?<![\\w.])${token}(?![\\w.])`, 'g'), () => '<token>'],
  [/(?<=vault:v\d+:)[A-Za-z0-9+/=_-]{8,}/g, () => '<string>'],
  [/(?<![\w:])(?:[0-9a-f]{2}:){7,}[0-9a-f]{2}(?![\w:])/g, () => '<string>'],
  [/(?<![\w+/=.-])(?![a-z-]+\/[a-z])[A-Za-z0-9+/]{24,}={0,2}(?![\w+/=-])/g, () => '<string>'], // base64; its padding varies
]

/** Replaces all that looks like a generated value by its mask. */
export const maskShapes = (text: string): string => shapes.reduce((masked, [pattern, mask]) => masked.replace(pattern, mask), text)

export const timePattern = (): RegExp => new RegExp(time, 'g')

const inText = /<(uuid|time|token|string|pem [A-Z0-9 ]+|#\d+)>/g
const patterns = new Map([
  ['uuid', uuid],
  ['time', time],
  ['token', token],
  ['string', '[\\s\\S]+'],
])
const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Whether a text fits a recorded text with masks; `${name}` stands for the captured value. */
export function fits(pattern: string, text: string, values: Values): boolean {
  const resolved = pattern.replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
  let source = ''
  let last = 0
  for (const found of resolved.matchAll(inText)) {
    const [kind = '', ...label] = (found[1] ?? '').split(' ')
    const mask = kind === 'pem' ? `-----BEGIN ${label.join(' ')}-----[\\s\\S]+?-----END ${label.join(' ')}-----` : (patterns.get(kind) ?? '')
    source += `${literal(resolved.slice(last, found.index))}(?:${mask})`
    last = found.index + found[0].length
  }
  return new RegExp(`^${source}${literal(resolved.slice(last))}$`).test(text)
}

/** A number as it comes out of an answer: one that JavaScript would change is `<number DIGITS>`. */
export const isNumber = (value: unknown): boolean => typeof value === 'number' || (typeof value === 'string' && /^<number -?\d/.test(value))

/** Of a number of seconds that runs down while a scenario is played: this much, or one part in a hundred of longer times. */
const aboutTolerance = (about: number): number => Math.max(3, about / 100)

/** Whether `actual` fits a mask that stands for a whole value; null when `expected` is no such mask. */
export function fitsWhole(expected: string, actual: Json): boolean | null {
  const [, kind, about] = /^<(number|about (-?\d+)|unix|bool|any)>$/.exec(expected) ?? []
  if (kind === undefined) return null
  if (kind === 'any') return true
  if (kind === 'bool') return typeof actual === 'boolean'
  return isNumber(actual) && (about === undefined || Math.abs(Number(about) - Number(actual)) <= aboutTolerance(Number(about)))
}

/** Whether `path` is named by one of the patterns; `*` stands for one part, a leading `**.` for any number of parts. */
export function isListed(list: readonly string[] | undefined, path: string): boolean {
  return (list ?? []).some((pattern) => {
    const anywhere = pattern.startsWith('**.')
    const parts = (anywhere ? pattern.slice(3) : pattern).split('.').map((part) => literal(part).replaceAll('\\*', '[^.]+'))
    return new RegExp(`^${anywhere ? '(?:.*\\.)?' : ''}${parts.join('\\.')}$`).test(path)
  })
}

export const joinPath = (path: string, key: string): string => (path ? `${path}.${key}` : key)

/** A value as a short text for the reader. */
export function brief(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > 90 ? `${text.slice(0, 87)}...` : text
}
