/**
 * Data on the command line: `key=value`, `key=@file`, `key=-` (stdin), `key=\@literal`, `@file.json` or `-` for a whole JSON object.
 * A key given twice becomes a list.
 */
import { readFileSync } from 'node:fs'
import { ExactNumber, exactObject, isExactObject, parseExact, type ExactJson, type ExactObject } from '../../client/src/exact-json.ts'
import { usageError } from './failure.ts'
import { describeFileError } from './file-error.ts'

/** Throws `Failure` (1) naming the argument, without its value. `readInput` gives stdin, once. */
export async function parseData(args: readonly string[], readInput: () => Promise<string>): Promise<ExactObject> {
  const data = exactObject()
  let inputUsed = false
  const readOnce = async (): Promise<string> => {
    if (inputUsed) throw new Error('stdin was read by an earlier argument')
    inputUsed = true
    return readInput()
  }
  for (const arg of args) {
    try {
      await addArgument(data, arg, readOnce)
    } catch (error) {
      throw usageError(`Failed to parse K=V data: invalid key/value pair ${JSON.stringify(nameOf(arg))}: ${describeFileError(error)}`)
    }
  }
  return data
}

const nameOf = (arg: string): string => (arg.includes('=') ? `${arg.slice(0, arg.indexOf('='))}=…` : arg)

async function addArgument(data: ExactObject, arg: string, readInput: () => Promise<string>): Promise<void> {
  const equals = arg.indexOf('=')
  if (arg === '') return
  if (arg === '-') return addObject(data, await readInput())
  if (equals < 0 && arg.startsWith('@')) return addObject(data, readFileSync(arg.slice(1), 'utf8'))
  if (equals < 0) throw new Error('format must be key=value')
  addValue(data, arg.slice(0, equals), await readValue(arg.slice(equals + 1), readInput))
}

function addObject(data: ExactObject, text: string): void {
  const parsed = parseExact(text)
  if (!isExactObject(parsed)) throw new Error('not a JSON object')
  Object.assign(data, parsed)
}

async function readValue(value: string, readInput: () => Promise<string>): Promise<string> {
  if (value === '-') return readInput()
  if (value.startsWith('@')) return readFileSync(value.slice(1), 'utf8')
  return value.startsWith('\\@') ? value.slice(1) : value
}

function addValue(data: ExactObject, key: string, value: string): void {
  const before = data[key]
  if (before === undefined) data[key] = value
  else data[key] = [...(Array.isArray(before) ? (before as ExactJson[]) : [before]), value]
}

/** Data where only texts make sense: numbers and booleans of a JSON file become texts. */
export async function parseTexts(args: readonly string[], readInput: () => Promise<string>): Promise<Record<string, string>> {
  const data = await parseData(args, readInput)
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, asText(name, value)]))
}

/** Data for a query: each name with its values. */
export async function parseQuery(args: readonly string[], readInput: () => Promise<string>): Promise<Record<string, string[]>> {
  const data = await parseData(args, readInput)
  const values = (value: ExactJson): readonly ExactJson[] => (Array.isArray(value) ? (value as readonly ExactJson[]) : [value])
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, values(value).map((item) => asText(name, item))]))
}

function asText(name: string, value: ExactJson): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (value instanceof ExactNumber) return value.text
  throw usageError(`Failed to parse K=V data: ${JSON.stringify(name)} must be a text`)
}
