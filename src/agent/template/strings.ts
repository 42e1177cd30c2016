/** Functions on texts. The value that is worked on comes last, so that it can be piped. */
import { createHash, createHmac } from 'node:crypto'
import { fixed, TemplateError, type TemplateFunction } from '../../kit/template/values.ts'
import { integer, ofTexts, text, texts } from './arguments.ts'
import { regexMatch, regexReplaceAll } from './regex.ts'

const spaces = /^[\s\u0085\u200e]+|[\s\u0085]+$/gu
export const trimSpace = (value: string): string => value.replaceAll(spaces, '')

function trim(cutset: string, value: string): string {
  const chars = new Set(cutset)
  const all = [...value]
  const isKept = (char: string): boolean => !chars.has(char)
  const from = all.findIndex(isKept)
  return from === -1 ? '' : all.slice(from, all.findLastIndex(isKept) + 1).join('')
}

export const trimPrefix = (prefix: string, value: string): string => (value.startsWith(prefix) ? value.slice(prefix.length) : value)
export const trimSuffix = (suffix: string, value: string): string => (suffix !== '' && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value)
export const replaceAll = (from: string, to: string, value: string): string => (from === '' ? betweenAll(to, value) : value.split(from).join(to))
/** What stands for nothing stands before each character and at the end. */
const betweenAll = (to: string, value: string): string => to + [...value].map((char) => char + to).join('')

function indent(spacesWanted: bigint, value: string): string {
  if (spacesWanted < 0n) throw new TemplateError('indent value must be a positive integer')
  if (spacesWanted > 10_000n) throw new TemplateError('indent value is too large')
  const prefix = ' '.repeat(Number(spacesWanted))
  return value.replaceAll(/^(?=[^\n])/gm, prefix)
}

function split(separator: string, value: string): string[] {
  const inner = trimSpace(value)
  if (inner === '') return []
  return separator === '' ? [...inner] : inner.split(separator)
}

function splitToMap(separator: string, between: string, value: string): ReadonlyMap<string, string> {
  const pairs = split(separator, value).filter((part) => part.includes(between))
  return new Map(pairs.map((part) => [part.slice(0, part.indexOf(between)), part.slice(part.indexOf(between) + between.length)]))
}

/** The first letter of each word in upper case; the others stay. */
const toTitle = (value: string): string => value.replaceAll(/(?<![\p{L}\p{N}\p{M}_'’])\p{Ll}/gu, (char) => char.toUpperCase())

const hash = (name: string) => (value: string): string => createHash(name).update(value).digest('hex')

export const stringFunctions: Readonly<Record<string, TemplateFunction>> = {
  hmacSHA256Hex: ofTexts(2, (message, key) => createHmac('sha256', key).update(message).digest('hex')),
  indent: fixed(2, (count, value) => indent(integer(count), text(value))),
  join: fixed(2, (separator, values) => texts(values).join(text(separator))),
  md5sum: ofTexts(1, hash('md5')),
  regexMatch: ofTexts(2, regexMatch),
  regexReplaceAll: ofTexts(3, regexReplaceAll),
  replaceAll: ofTexts(3, replaceAll),
  sha256Hex: ofTexts(1, hash('sha256')),
  split: ofTexts(2, split),
  splitToMap: ofTexts(3, splitToMap),
  toLower: ofTexts(1, (value) => value.toLowerCase()),
  toTitle: ofTexts(1, toTitle),
  toUpper: ofTexts(1, (value) => value.toUpperCase()),
  trim: ofTexts(2, trim),
  trimPrefix: ofTexts(2, trimPrefix),
  trimSpace: ofTexts(1, trimSpace),
  trimSuffix: ofTexts(2, trimSuffix),
}
