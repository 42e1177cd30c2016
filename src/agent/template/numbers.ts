/** Arithmetic: of whole numbers if both are, else of floating point. The second operand comes first, so that the first can be piped. */
import { fixed, TemplateError, typeName, wrapInt, type TemplateFunction, type Value } from '../../kit/template/values.ts'
import { ofTexts } from './arguments.ts'

interface Arithmetic {
  readonly ofInts: (a: bigint, b: bigint) => bigint
  readonly ofFloats: ((a: number, b: number) => number) | null
}

function arithmetic(name: string, { ofInts, ofFloats }: Arithmetic): TemplateFunction {
  return fixed(2, (second, first) => {
    if (!isNumber(first)) throw new TemplateError(`${name}: unknown type for ${JSON.stringify(String(first))} (${typeName(first)})`)
    if (!isNumber(second)) throw new TemplateError(`${name}: unknown type for ${JSON.stringify(String(second))} (${typeName(second)})`)
    if (typeof first === 'bigint' && typeof second === 'bigint') return wrapInt(ofInts(first, second))
    if (ofFloats === null) throw new TemplateError(`${name}: unknown type for ${JSON.stringify(String(first))} (${typeName(first)})`)
    return ofFloats(Number(first), Number(second))
  })
}

const isNumber = (value: Value): value is bigint | number => typeof value === 'bigint' || typeof value === 'number'

function checkedDivisor(b: bigint): bigint {
  if (b === 0n) throw new TemplateError('integer divide by zero')
  return b
}

const whole = (name: string, least: bigint, most: bigint) => (written: string): bigint => {
  if (written === '') return 0n
  const invalid = (why: string): TemplateError => new TemplateError(`${name}: strconv.Parse${name.slice(5)}: parsing ${JSON.stringify(written)}: ${why}`)
  if (!(least < 0n ? /^[+-]?\d+$/ : /^\d+$/).test(written)) throw invalid('invalid syntax')
  const value = BigInt(written.replace('+', ''))
  if (value < least || value > most) throw invalid('value out of range')
  return value
}

export const parseInteger = whole('parseInt', -(2n ** 63n), 2n ** 63n - 1n)

function parseFloating(written: string): number {
  if (written === '') return 0
  const plain = written.replaceAll('_', '').toLowerCase()
  if (/^[+-]?(?:inf|infinity)$/.test(plain)) return plain.startsWith('-') ? -Infinity : Infinity
  if (plain === 'nan') return NaN
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/.test(plain)) throw new TemplateError(`parseFloat: strconv.ParseFloat: parsing ${JSON.stringify(written)}: invalid syntax`)
  return Number(plain)
}

const truths = new Map([['1', true], ['t', true], ['T', true], ['TRUE', true], ['true', true], ['True', true], ['0', false], ['f', false], ['F', false], ['FALSE', false], ['false', false], ['False', false], ['', false]])

function parseBoolean(written: string): boolean {
  const value = truths.get(written)
  if (value === undefined) throw new TemplateError(`parseBool: strconv.ParseBool: parsing ${JSON.stringify(written)}: invalid syntax`)
  return value
}

export const numberFunctions: Readonly<Record<string, TemplateFunction>> = {
  add: arithmetic('add', { ofInts: (a, b) => a + b, ofFloats: (a, b) => a + b }),
  divide: arithmetic('divide', { ofInts: (a, b) => a / checkedDivisor(b), ofFloats: (a, b) => a / b }),
  maximum: arithmetic('maximum', { ofInts: (a, b) => (a > b ? a : b), ofFloats: Math.max }),
  minimum: arithmetic('minimum', { ofInts: (a, b) => (a < b ? a : b), ofFloats: Math.min }),
  modulo: arithmetic('modulo', { ofInts: (a, b) => a % checkedDivisor(b), ofFloats: null }),
  multiply: arithmetic('multiply', { ofInts: (a, b) => a * b, ofFloats: (a, b) => a * b }),
  parseBool: ofTexts(1, parseBoolean),
  parseFloat: ofTexts(1, parseFloating),
  parseInt: ofTexts(1, parseInteger),
  parseUint: ofTexts(1, whole('parseUint', 0n, 2n ** 64n - 1n)),
  subtract: arithmetic('subtract', { ofInts: (a, b) => a - b, ofFloats: (a, b) => a - b }),
}
