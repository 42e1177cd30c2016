/** What templates use most of sprig, under the names that consul-template gives it: `sprig_trunc`. */
import { randomBytes } from 'node:crypto'
import { format } from '../../kit/template/print.ts'
import { quote } from '../../kit/template/quote.ts'
import { fixed, isList, isMap, isTrue, sortedKeys, TemplateError, typeName, wrapInt, type TemplateFunction, type Value } from '../../kit/template/values.ts'
import { integer, list, map, ofTexts, text } from './arguments.ts'
import { encodingFunctions } from './encoding.ts'
import { stringFunctions, trimPrefix, trimSpace, trimSuffix } from './strings.ts'

const chars = (value: string): string[] => [...value]
const repeatMax = 1_000_000

function repeat(count: bigint, value: string): string {
  if (count < 0n || count * BigInt(value.length) > repeatMax) throw new TemplateError('repeat: too long')
  return value.repeat(Number(count))
}

/** A negative length counts from the end. In characters, so that none is torn. */
const trunc = (length: bigint, value: string): string => (length < 0n ? chars(value).slice(Number(length)).join('') : chars(value).slice(0, Number(length)).join(''))

function substr(from: bigint, to: bigint, value: string): string {
  const end = to < 0n || to > BigInt(value.length) ? value.length : Number(to)
  return value.slice(from < 0n ? 0 : Number(from), end)
}

const asInt = (value: Value): bigint => (typeof value === 'bigint' ? value : typeof value === 'number' ? BigInt(Math.trunc(value)) : typeof value === 'string' && /^[+-]?\d+$/.test(value) ? BigInt(value.replace('+', '')) : value === true ? 1n : 0n)

const sum: TemplateFunction = (...values) => wrapInt(values.reduce<bigint>((total, value) => total + asInt(value), 0n))
const ofInts = (work: (a: bigint, b: bigint) => bigint): TemplateFunction => fixed(2, (a, b) => wrapInt(work(asInt(a), asInt(b))))

function divided(b: bigint): bigint {
  if (b === 0n) throw new TemplateError('integer divide by zero')
  return b
}

function dict(...pairs: readonly Value[]): Value {
  const made = new Map<string, Value>()
  for (let i = 0; i < pairs.length; i += 2) made.set(format(pairs[i]), i + 1 < pairs.length ? pairs[i + 1] : '')
  return made
}

const strings = (values: Value): string[] => (isList(values) ? values.filter((value) => value !== null).map((value) => format(value)) : [format(values)])

function getOr(from: ReadonlyMap<string, Value>, key: string): Value {
  return from.get(key) ?? ''
}

const alphabets = { alphaNum: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', alpha: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', numeric: '0123456789' }

/** Bytes that would favour the first characters of the alphabet are thrown away. */
function randomText(alphabet: string, count: bigint): string {
  if (count < 0n || count > 10_000n) throw new TemplateError('random: too long')
  const made: string[] = []
  const fair = 256 - (256 % alphabet.length)
  while (made.length < Number(count)) for (const byte of randomBytes(Number(count) - made.length)) if (byte < fair) made.push(alphabet[byte % alphabet.length] ?? '')
  return made.join('')
}

const random = (alphabet: string): TemplateFunction => fixed(1, (count) => randomText(alphabet, integer(count)))

const plain: Readonly<Record<string, TemplateFunction>> = {
  add: sum,
  add1: fixed(1, (value) => wrapInt(asInt(value) + 1n)),
  atoi: ofTexts(1, (value) => asInt(value)),
  b64dec: encodingFunctions['base64Decode'] as TemplateFunction,
  b64enc: encodingFunctions['base64Encode'] as TemplateFunction,
  cat: (...values) => values.filter((value) => value !== null).map((value) => format(value)).join(' '),
  coalesce: (...values) => values.find(isTrue) ?? null,
  contains: ofTexts(2, (part, whole) => whole.includes(part)),
  default: fixed(1, (fallback, value) => (isTrue(value) ? value : fallback), 2),
  dict,
  div: ofInts((a, b) => a / divided(b)),
  empty: fixed(1, (value) => !isTrue(value)),
  first: fixed(1, (values) => list(values)[0] ?? null),
  get: fixed(2, (from, key) => getOr(map(from), text(key))),
  has: fixed(2, (value, values) => list(values).includes(value)),
  hasKey: fixed(2, (from, key) => map(from).has(text(key))),
  hasPrefix: ofTexts(2, (prefix, value) => value.startsWith(prefix)),
  hasSuffix: ofTexts(2, (suffix, value) => value.endsWith(suffix)),
  indent: stringFunctions['indent'] as TemplateFunction,
  int: fixed(1, asInt),
  int64: fixed(1, asInt),
  join: fixed(2, (separator, values) => strings(values).join(text(separator))),
  keys: (...maps) => maps.flatMap((one) => sortedKeys(map(one))),
  kindOf: fixed(1, (value) => (isMap(value) ? 'map' : isList(value) ? 'slice' : value === null ? 'invalid' : typeName(value))),
  last: fixed(1, (values) => list(values).at(-1) ?? null),
  list: (...values) => values,
  lower: ofTexts(1, (value) => value.toLowerCase()),
  max: (...values) => values.map(asInt).reduce((a, b) => (a > b ? a : b)),
  min: (...values) => values.map(asInt).reduce((a, b) => (a < b ? a : b)),
  mod: ofInts((a, b) => a % divided(b)),
  mul: (...values) => wrapInt(values.reduce<bigint>((total, value) => total * asInt(value), 1n)),
  nindent: fixed(2, (count, value) => `\n${String((stringFunctions['indent'] as TemplateFunction)(count, value))}`),
  nospace: ofTexts(1, (value) => value.replaceAll(/\s/g, '')),
  quote: (...values) => values.filter((value) => value !== null).map((value) => quote(format(value))).join(' '),
  randAlpha: random(alphabets.alpha),
  randAlphaNum: random(alphabets.alphaNum),
  randNumeric: random(alphabets.numeric),
  repeat: fixed(2, (count, value) => repeat(integer(count), text(value))),
  replace: ofTexts(3, (from, to, value) => value.split(from).join(to)),
  rest: fixed(1, (values) => list(values).slice(1)),
  reverse: fixed(1, (values) => list(values).toReversed()),
  sha256sum: stringFunctions['sha256Hex'] as TemplateFunction,
  sortAlpha: fixed(1, (values) => strings(values).toSorted()),
  splitList: ofTexts(2, (separator, value) => value.split(separator)),
  squote: (...values) => values.filter((value) => value !== null).map((value) => `'${format(value)}'`).join(' '),
  sub: ofInts((a, b) => a - b),
  substr: fixed(3, (from, to, value) => substr(integer(from), integer(to), text(value))),
  ternary: fixed(3, (yes, no, condition) => (condition === true ? yes : no)),
  title: stringFunctions['toTitle'] as TemplateFunction,
  toJson: encodingFunctions['toJSON'] as TemplateFunction,
  toPrettyJson: encodingFunctions['toJSONPretty'] as TemplateFunction,
  toString: fixed(1, (value) => format(value)),
  trim: ofTexts(1, trimSpace),
  trimPrefix: ofTexts(2, trimPrefix),
  trimSuffix: ofTexts(2, trimSuffix),
  trunc: fixed(2, (length, value) => trunc(integer(length), text(value))),
  uniq: fixed(1, (values) => [...new Set(list(values))]),
  upper: ofTexts(1, (value) => value.toUpperCase()),
  values: (...maps) => maps.flatMap((one) => sortedKeys(map(one)).map((key) => map(one).get(key))),
}

export const sprigFunctions: Readonly<Record<string, TemplateFunction>> = Object.fromEntries(Object.entries(plain).map(([name, work]) => [`sprig_${name}`, work]))
