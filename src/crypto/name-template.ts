/** Names of users that are made by templates, with the functions that Vault has for them. */
import { createHash, randomUUID } from 'node:crypto'
import { badRequest } from '../kit/errors.ts'
import { parseTemplate, TemplateError, type Template, type TemplateFunction, type TemplateValue } from '../kit/go-template.ts'

export interface NameSource {
  readonly fields: Readonly<Record<string, string>>
  /** Milliseconds since 1970. */
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

export type NameTemplate = (source: NameSource) => string

const nameMax = 1_024
const randomMax = 512

/**
 * Throws `bad_request`, now for what can be seen without a name, later for what cannot. `fields` are those that will be there. `what` stands
 * before the reason: `unable to initialize username template: …`.
 */
export function parseNameTemplate(text: string, fields: readonly string[]): NameTemplate {
  const template = refusing('unable to initialize username template', () => parseTemplate(text))
  const fill: NameTemplate = (source) => refusing('invalid username template', () => filled(template, source))
  fill({ fields: Object.fromEntries(fields.map((name) => [name, ''])), now: 0, random: (bytes) => new Uint8Array(bytes) })
  return fill
}

function filled(template: Template, { fields, now, random }: NameSource): string {
  const name = template({ functions: templateFunctions(now, random), fields: new Map(Object.entries(fields)) })
  if (name.length > nameMax) throw new TemplateError(`a name may have ${nameMax} characters`)
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) throw new TemplateError('a name may not hold control characters')
  return name
}

function refusing<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw badRequest(`${what}: ${error instanceof Error ? error.message : 'unusable'}`, { cause: error })
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Letters and digits, each equally likely. */
export function randomName(length: number, random: (bytes: number) => Uint8Array): string {
  const unbiased = 256 - (256 % alphabet.length)
  let name = ''
  for (let rounds = 0; name.length < length; rounds++) {
    if (rounds > 1_000) return name.padEnd(length, '0') // a source that gives nothing usable: only the one that checks templates
    for (const byte of random(length * 2)) if (byte < unbiased && name.length < length) name += alphabet[byte % alphabet.length]
  }
  return name
}

/** The name that a caller is known by was chosen by the caller, or for it, and goes into statements and paths: nothing but these is left of it. */
export const plainName = (name: string): string => name.replaceAll(/[^\w.@-]/g, '-')

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const textOf = (value: TemplateValue | undefined): string => {
  if (value === undefined) throw new Error('an argument is missing')
  return String(value)
}
const countOf = (value: TemplateValue | undefined, least: number, most = nameMax): number => {
  const count = Number(textOf(value))
  if (!Number.isInteger(count) || count < least || count > most) throw new Error(`expected a number from ${least} to ${most}`)
  return count
}

function truncateSha256(length: number, text: string): string {
  if (text.length <= length) return text
  const kept = length - 8
  return text.slice(0, kept) + sha256(text.slice(kept)).slice(0, 8)
}

/** The verbs `%s`, `%d`, `%v` and `%q`, and `%%`. */
function printf(format: string, args: readonly TemplateValue[]): string {
  let next = 0
  return format.replaceAll(/%(.)?/g, (_, verb: string | undefined) => {
    if (verb === '%') return '%'
    if (verb === undefined || !'sdvq'.includes(verb)) throw new Error(`%${verb ?? ''} is not supported`)
    const value = textOf(args[next++])
    return verb === 'q' ? JSON.stringify(value) : value
  })
}

/** Parts of Go's reference time, longest first. */
const layoutParts: readonly (readonly [part: string, of: (iso: string) => string])[] = [
  ['2006', (iso) => iso.slice(0, 4)], ['01', (iso) => iso.slice(5, 7)], ['02', (iso) => iso.slice(8, 10)], ['15', (iso) => iso.slice(11, 13)],
  ['04', (iso) => iso.slice(14, 16)], ['05', (iso) => iso.slice(17, 19)], ['-0700', () => '+0000'], ['Z07:00', () => 'Z'], ['MST', () => 'UTC'],
]

const formatLayout = (layout: string, now: number): string => {
  const iso = new Date(now).toISOString()
  return layout.replaceAll(/2006|-0700|Z07:00|MST|01|02|15|04|05/g, (part) => layoutParts.find(([name]) => name === part)?.[1](iso) ?? part)
}

/** Vault’s functions for names, which its other templates have as well. They throw an `Error` for arguments that do not fit. */
export function templateFunctions(now: number, random: (bytes: number) => Uint8Array): ReadonlyMap<string, TemplateFunction> {
  return new Map<string, TemplateFunction>([
    ['random', (length) => randomName(countOf(length, 1, randomMax), random)],
    ['truncate', (length, text) => textOf(text).slice(0, countOf(length, 1))],
    ['truncate_sha256', (length, text) => truncateSha256(countOf(length, 9), textOf(text))],
    ['uppercase', (text) => textOf(text).toUpperCase()],
    ['lowercase', (text) => textOf(text).toLowerCase()],
    ['replace', (find, by, text) => textOf(text).replaceAll(textOf(find), () => textOf(by))],
    ['sha256', (text) => sha256(textOf(text))],
    ['base64', (text) => Buffer.from(textOf(text)).toString('base64')],
    ['decode_base64', (text) => Buffer.from(textOf(text), 'base64').toString('utf8')],
    ['hex', (text) => Buffer.from(textOf(text)).toString('hex')],
    ['decode_hex', (text) => Buffer.from(textOf(text), 'hex').toString('utf8')],
    ['unix_time', () => String(Math.floor(now / 1000))],
    ['unix_time_millis', () => String(now)],
    ['timestamp', (layout) => formatLayout(textOf(layout), now)],
    ['uuid', () => randomUUID()],
    ['printf', (format, ...args) => printf(textOf(format), args)],
  ])
}
