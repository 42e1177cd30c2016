/** Everything that a verb prints goes through here: answers in the chosen form to stdout, messages and warnings to stderr. */
import type { ExactJson, ExactObject } from '../../../client/src/exact-json.ts'
import { isExactObject } from '../../../client/src/exact-json.ts'
import { exitCodes, remoteError, usageError } from '../failure.ts'
import type { Terminal } from '../host.ts'
import { isWrapped, listedKeys, objectOf, type WireSecret } from '../secret.ts'
import { formatJson } from './json.ts'
import { fieldOfMap, findField } from './secret-field.ts'
import { mapRows, secretRows } from './secret-table.ts'
import { formatTable, wrap } from './table.ts'
import { formatMember, formatValue } from './value.ts'

export const formats = ['table', 'json', 'yaml', 'yml', 'pretty', 'raw'] as const
export type Format = (typeof formats)[number]

export interface PrinterOptions {
  readonly terminal: Terminal
  readonly format: Format
  readonly field: string | undefined
  readonly detailed: boolean
  /** Whether stderr may be coloured. */
  readonly colour: boolean
  /** Whether `-field` ends its line: on a screen. */
  readonly endFieldLine: boolean
}

export interface Printer {
  readonly format: Format
  readonly field: string | undefined
  readonly detailed: boolean
  readonly isTable: boolean
  /** A line to stdout. */
  line(text?: string): void
  /** A line to stdout, but only with -format=table: remarks for people. */
  remark(text: string): void
  error(text: string): void
  warn(text: string): void
  /** An answer: its field if one was asked for, or all of it. */
  secret(secret: WireSecret): Promise<void>
  /** The names of a list answer. */
  list(secret: WireSecret): Promise<void>
  /** Data that is not an answer; `table` gives its rows (first the header) for -format=table. */
  data(value: unknown, table?: () => readonly (readonly string[])[]): Promise<void>
  /** One field, of an answer or of a map. Throws `Failure` (1) when it is not there. */
  only(from: WireSecret | ExactObject, field: string): Promise<void>
  /** A text without a line end, unless stdout is a screen. */
  bare(text: string): void
  warnings(secret: WireSecret): void
}

const red = '\u001b[31m'
const yellow = '\u001b[33m'
const plain = '\u001b[0m'

export function createPrinter(options: PrinterOptions): Printer {
  const { terminal, format } = options
  const coloured = (colour: string, text: string): string => (options.colour && format === 'table' ? colour + text + plain : text)
  const printer: Printer = {
    format,
    field: options.field,
    detailed: options.detailed,
    isTable: format === 'table',
    line: (text = '') => terminal.out(`${text}\n`),
    remark: (text) => (format === 'table' ? terminal.out(`${text}\n`) : undefined),
    error: (text) => terminal.err(`${coloured(red, text)}\n`),
    warn: (text) => terminal.err(`${coloured(yellow, text)}\n`),
    bare: (text) => terminal.out(options.endFieldLine ? `${text}\n` : text),
    warnings: (secret) => printWarnings(printer, secret),
    async secret(secret) {
      if (options.field !== undefined) return printer.only(secret, options.field)
      if (format !== 'table') return printer.data(secretDocument(secret))
      printer.warnings(secret)
      const rows = secretRows(secret)
      if (rows.length > 0) printer.line(formatTable(rows))
    },
    async list(secret) {
      if (format === 'table') return printListTable(printer, secret)
      await printer.data(options.detailed ? secretDocument(secret) : listedKeys(secret))
    },
    async data(value, table) {
      if (format !== 'table') return printer.line(await formatDocument(value, format))
      const rows = table === undefined ? mapRows(isExactObject(value as ExactJson) ? (value as ExactObject) : {}) : table()
      if (rows.length > 0) printer.line(formatTable(rows))
    },
    async only(from, field) {
      const value = isAnswer(from) ? findField(from, field) : fieldOfMap(from, field)
      if (value === undefined || value === null) throw usageError(`Field ${JSON.stringify(field)} not present in secret`)
      const asText = format === 'table' || format === 'raw'
      const end = format === 'yaml' || format === 'yml' ? '\n' : ''
      printer.bare(asText ? formatValue(value) : (await formatDocument(value, format)) + end)
    },
  }
  return printer
}

const isAnswer = (value: WireSecret | ExactObject): value is WireSecret => Object.getPrototypeOf(value) !== null

/** An answer in the order of Vault's own output; what was not sent is left out. */
const secretDocument = (secret: WireSecret): object => ({
  ...secret,
  auth: secret.auth ?? undefined,
  wrap_info: secret.wrap_info ?? undefined,
})

/** Throws `Failure` (1) for a form that fits no document. */
async function formatDocument(value: unknown, format: Format): Promise<string> {
  if (format === 'json') return formatJson(value)
  if (format === 'yaml' || format === 'yml') return (await import('../../agent/yaml.ts')).formatYaml(value)
  if (format === 'pretty') throw usageError('This command has no -format=pretty; use table, json or yaml.')
  throw usageError('This command does not support the -format=raw option; only "read" does.')
}

function printWarnings(printer: Printer, secret: WireSecret): void {
  if (secret.warnings === null || secret.warnings.length === 0) return
  printer.warn('WARNING! The following warnings were returned from Vault:\n')
  for (const warning of secret.warnings) printer.warn(`${wrap(`* ${warning}`, 2)}\n`)
}

function printListTable(printer: Printer, secret: WireSecret): void {
  printer.warnings(secret)
  const keys = listedKeys(secret)
  if (keys === null || keys.length === 0) return
  const names = keys.map(String).toSorted()
  const info = printer.detailed ? objectOf(secret.data?.['key_info']) : null
  if (info === null) return printer.line(formatTable([['Keys'], ...names.map((name) => [name])]))
  const columns = [...new Set(names.flatMap((name) => Object.keys(objectOf(info[name]) ?? {})))].toSorted()
  const cell = (name: string, column: string): string => {
    const value = objectOf(info[name])?.[column]
    return value === undefined ? 'n/a' : formatMember(column, value)
  }
  printer.line(formatTable([['Keys', ...columns], ...names.map((name) => [name, ...columns.map((column) => cell(name, column))])]))
}

/**
 * Prints the answer to a list request and gives the exit code: an empty list is `{}` and exit code 2, as scripts expect.
 */
export async function printListing(printer: Printer, secret: WireSecret | null, path: string): Promise<number> {
  if (secret !== null && isWrapped(secret)) {
    await printer.secret(secret)
    return 0
  }
  const keys = listedKeys(secret)
  if (keys === null && !printer.isTable) {
    await printer.data({})
    return exitCodes.remote
  }
  if (secret === null) throw remoteError(`No value found at ${path}`)
  if (secret.data === null) await printer.secret(secret)
  else if (keys === null) throw remoteError(`No entries found at ${path}`)
  else await printer.list(secret)
  return 0
}
