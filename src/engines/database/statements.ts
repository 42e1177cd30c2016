/**
 * Statements: texts of SQL with `{{name}}` and the like in them. A value is escaped for the very place that it stands in (CVE-2026-39946,
 * CVE-2023-0620): inside quotes what would end them is doubled; outside of quotes only values are taken that need none.
 */
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson, type JsonObject } from '../../kit/json.ts'

export interface Quoting {
  /** Quotes in which a backslash stands for the next character. PostgreSQL: only in `E'…'`, which is seen by itself. */
  readonly backslashIn: string
  /** PostgreSQL: `$tag$ … $tag$` quotes as well. */
  readonly dollars: boolean
  /** A line from this on is a comment, besides `--`. */
  readonly hashComments: boolean
  /** SQL Server: `[name]`. */
  readonly brackets?: boolean
  /** A quote in quotes is not doubled but stands behind a backslash. */
  readonly quotesByBackslash?: boolean
}

export const postgresQuoting: Quoting = { backslashIn: '', dollars: true, hashComments: false }
export const mysqlQuoting: Quoting = { backslashIn: `'"`, dollars: false, hashComments: true }

export const sqlServerQuoting: Quoting = { backslashIn: '', dollars: false, hashComments: false, brackets: true }
export const cqlQuoting: Quoting = { backslashIn: '', dollars: true, hashComments: false }
export const influxQuoting: Quoting = { backslashIn: `'"`, dollars: false, hashComments: false, quotesByBackslash: true }
export const clickHouseQuoting: Quoting = { backslashIn: `'"\``, dollars: false, hashComments: true, quotesByBackslash: true }
/** Of `q'…'`, see the driver. */
export const oracleQuoting: Quoting = { backslashIn: '', dollars: false, hashComments: false }
export const snowflakeQuoting: Quoting = { backslashIn: `'`, dollars: true, hashComments: false }

export type StatementValues = Readonly<Record<string, string>>

const needsNoQuotes = /^[\w.@:-]*$/
const longStatement = 65_536

/** Throws `bad_request` where a value cannot stand where the statement wants it. Braces with an unknown name stay, and so does what is in comments. */
export function fillStatement(text: string, values: StatementValues, quoting: Quoting): string {
  if (text.length > longStatement) throw badRequest(`a statement may have ${longStatement} characters`)
  const place: Place = { quote: '', backslashes: false, dollars: false }
  let filled = ''
  for (let at = 0; at < text.length; ) {
    const name = /^\{\{(\w+)\}\}/.exec(text.slice(at, at + 64))?.[1]
    const isValue = name !== undefined && Object.hasOwn(values, name)
    const piece = isValue ? `{{${name}}}` : pieceAt(text, at, place, quoting)
    filled += isValue ? placed(name, values[name] ?? '', place, quoting) : piece
    at += piece.length
  }
  return filled
}

/** Statements of a text, for what takes one at a time: cut at semicolons that stand in nothing. */
export function splitStatements(text: string, quoting: Quoting): readonly string[] {
  const place: Place = { quote: '', backslashes: false, dollars: false }
  const found = ['']
  for (let at = 0; at < text.length; ) {
    const isBetween = place.quote === '' && !place.dollars
    const piece = pieceAt(text, at, place, quoting)
    if (isBetween && piece === ';') found.push('')
    else found[found.length - 1] += piece
    at += piece.length
  }
  return found.map((statement) => statement.trim()).filter((statement) => statement !== '')
}

interface Place {
  /** The open quote; '' for none. */
  quote: string
  /** Whether a backslash stands for the next character in it. */
  backslashes: boolean
  /** Inside `$tag$`: what is quoted so is mostly statements again. */
  dollars: boolean
}

/** What can be passed in one piece; `place` becomes what it is behind it. */
function pieceAt(text: string, at: number, place: Place, quoting: Quoting): string {
  const character = text[at] as string
  if (place.quote !== '') return quotedAt(text, at, place)
  const comment = commentAt(text, at, quoting)
  if (comment !== '') return comment
  if (`'"\``.includes(character)) {
    place.quote = character
    place.backslashes = quoting.backslashIn.includes(character) || (quoting.dollars && character === "'" && /(?:^|[^\w$])e$/i.test(text.slice(Math.max(0, at - 2), at)))
    return character
  }
  if (character === '[' && quoting.brackets === true) {
    place.quote = ']'
    place.backslashes = false
    return character
  }
  const tag = quoting.dollars ? /^\$(?:[A-Za-z_]\w*)?\$/.exec(text.slice(at, at + 65))?.[0] : undefined
  if (tag === undefined) return character
  place.dollars = !place.dollars
  return tag
}

function quotedAt(text: string, at: number, place: Place): string {
  const [character, next] = [text[at] as string, text[at + 1] ?? '']
  if (character === '\\' && place.backslashes) return character + next
  if (character !== place.quote) return character
  if (next === place.quote) return character + next
  place.quote = ''
  return character
}

/** '' where none begins. */
function commentAt(text: string, at: number, { hashComments }: Quoting): string {
  const isBlock = text.startsWith('/*', at)
  if (!isBlock && !text.startsWith('--', at) && !(hashComments && text[at] === '#')) return ''
  const end = text.indexOf(isBlock ? '*/' : '\n', at + 2)
  return end < 0 ? text.slice(at) : text.slice(at, end + (isBlock ? 2 : 1))
}

function placed(name: string, value: string, { quote, backslashes, dollars }: Place, { quotesByBackslash }: Quoting): string {
  if (value.includes('\0') || (dollars && value.includes('$'))) throw unfit(name)
  if (quote === '') {
    if (!needsNoQuotes.test(value)) throw unfit(name)
    return value
  }
  const escaped = backslashes ? value.replaceAll('\\', '\\\\') : value
  return escaped.replaceAll(quote, (quotesByBackslash === true ? '\\' : quote) + quote)
}

const unfit = (name: string): Error => badRequest(`{{${name}}} has characters that cannot stand where the statement has it; put quotes around it`)

/** An identifier as PostgreSQL takes it, whatever is in it. */
export const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`

const base64Text = /^[A-Za-z0-9+/\s]+={0,2}\s*$/

/** The statements of a field: each as it stands, or as a JSON list, or either of them in base64, as Vault's clients send them. Texts with several statements stay whole. */
export function listStatements(field: readonly string[]): readonly string[] {
  return field.flatMap((text) => {
    const plain = decodeBase64(text)
    const list = plain.trimStart().startsWith('[') ? jsonList(plain) : null
    return list ?? [plain]
  }).filter((text) => text.trim() !== '')
}

/** The statements of a field, or `fallback` where it has none. */
export const statementsOr = (field: readonly string[], fallback: string): readonly string[] => (listStatements(field).length === 0 ? [fallback] : field)

/** The single statements of a field, filled in: for databases that take one at a time. */
export const fillStatements = (field: readonly string[], values: StatementValues, quoting: Quoting): readonly string[] =>
  listStatements(field).flatMap((text) => splitStatements(text, quoting)).map((text) => fillStatement(text, values, quoting))

/** A statement has blanks; what has none and is base64 of something that has is taken for that. */
function decodeBase64(text: string): string {
  if (!base64Text.test(text) || /\S\s+\S/.test(text.replaceAll('\n', ''))) return text
  const decoded = Buffer.from(text, 'base64').toString('utf8')
  return /[\s[]/.test(decoded) && !decoded.includes('\uFFFD') ? decoded : text
}

function jsonList(text: string): readonly string[] | null {
  try {
    const parsed = parseJson(text)
    return Array.isArray(parsed) && parsed.every((item) => typeof item === 'string') ? (parsed as string[]) : null
  } catch {
    return null
  }
}

/** The one statement that is a JSON object. Throws `bad_request`, with `what` for a name. */
export function parseJsonStatement(statements: readonly string[], what: string): JsonObject {
  const [text, ...more] = listStatements(statements)
  if (text === undefined || more.length > 0) throw badRequest(`${what}: expected one JSON object`)
  try {
    const parsed = parseJson(text)
    if (isJsonObject(parsed)) return parsed
  } catch (cause) {
    throw badRequest(`${what}: not JSON`, { cause })
  }
  throw badRequest(`${what}: expected one JSON object`)
}
