/** Functions that read and write base64, JSON, YAML and TOML. */
import { parse as parseYamlText } from 'yaml'
import { parseExact } from '../../../client/src/exact-json.ts'
import { fixed, TemplateError, type TemplateFunction, type Value } from '../../kit/template/values.ts'
import { formatYaml } from '../yaml.ts'
import { ofTexts } from './arguments.ts'
import { asFloat, fromJson, toExact } from './convert.ts'
import { writeJson, type JsonStyle } from './json.ts'
import { writeToml } from './toml.ts'

const alphabets = { base64: /^[A-Za-z0-9+/]*={0,2}$/, base64url: /^[A-Za-z0-9_-]*={0,2}$/ } as const

/** Line ends are passed over; anything else that does not belong is refused, as is what is not whole. */
const decode = (name: string, alphabet: keyof typeof alphabets) => (written: string): string => {
  const plain = written.replaceAll(/[\r\n]/g, '')
  if (plain.length % 4 !== 0 || !alphabets[alphabet].test(plain)) throw new TemplateError(`${name}: illegal base64 data`)
  return Buffer.from(plain, alphabet).toString('utf8')
}

const encodeUrl = (value: string): string => Buffer.from(value).toString('base64').replaceAll('+', '-').replaceAll('/', '_')

function parseJson(written: string): Value {
  if (written === '') return new Map()
  try {
    return fromJson(parseExact(written), asFloat)
  } catch (error) {
    throw new TemplateError(`invalid JSON: ${(error as Error).message}`)
  }
}

const jsonWriter = (style: JsonStyle): TemplateFunction => fixed(1, (value) => writeJson(toExact(value), style))

function parseYaml(written: string): Value {
  if (written === '') return new Map()
  try {
    // Version 1.1, in which `yes` is true. Aliases are bounded: a short text must not become a huge one.
    return fromYaml(parseYamlText(written, { version: '1.1', mapAsMap: true, intAsBigInt: true, maxAliasCount: 1000, merge: true }))
  } catch (error) {
    throw error instanceof TemplateError ? error : new TemplateError(`yaml: ${(error as Error).message.split('\n')[0] ?? ''}`)
  }
}

function fromYaml(value: unknown): Value {
  if (Array.isArray(value)) return value.map(fromYaml)
  if (value instanceof Map) return new Map([...value].map(([key, member]) => [String(key), fromYaml(member)]))
  if (value instanceof Date) return value.toISOString()
  return value as null | boolean | string | bigint | number
}

export const encodingFunctions: Readonly<Record<string, TemplateFunction>> = {
  base64Decode: ofTexts(1, decode('base64Decode', 'base64')),
  base64Encode: ofTexts(1, (value) => Buffer.from(value).toString('base64')),
  base64URLDecode: ofTexts(1, decode('base64URLDecode', 'base64url')),
  base64URLEncode: ofTexts(1, encodeUrl),
  parseJSON: ofTexts(1, parseJson),
  parseYAML: ofTexts(1, parseYaml),
  toJSON: jsonWriter({ safe: true, pretty: false }),
  toJSONPretty: jsonWriter({ safe: true, pretty: true }),
  toTOML: fixed(1, (value) => writeToml(toExact(value))),
  toUnescapedJSON: jsonWriter({ safe: false, pretty: false }),
  toUnescapedJSONPretty: jsonWriter({ safe: false, pretty: true }),
  toYAML: fixed(1, (value) => formatYaml(toExact(value))),
}
