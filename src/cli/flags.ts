/**
 * Flags in the grammar of Go's `flag` package, which Vault's users have in their fingers: `-name=value`, `-name value`, `--name`,
 * booleans without a value, everything before the first argument. A verb declares its flags once; values, help and completion follow.
 */
import { parseSeconds } from './duration.ts'
import { usageError } from './failure.ts'
import { closest } from './suggest.ts'

export type FlagKind = 'bool' | 'integer' | 'text' | 'duration' | 'list' | 'map'

export interface FlagOptions {
  /** Further names, such as `f` for `force`. */
  readonly aliases?: readonly string[]
  /** The variable that stands in when the flag is not given, without prefix: `ADDR`. */
  readonly variable?: string
  /** Left out of help and completion. */
  readonly hidden?: boolean
  /** What completion offers as a value. */
  readonly values?: readonly string[] | 'file' | 'folder'
  /** What help shows for the value; default by kind. */
  readonly placeholder?: string
}

export interface Flag<T> extends FlagOptions {
  readonly kind: FlagKind
  readonly usage: string
  readonly initial: T
}

export type FlagSet = Readonly<Record<string, Flag<unknown>>>
export type FlagValues<F extends FlagSet> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never }

type Maybe<T> = T | undefined

const optional = <T>(kind: FlagKind, usage: string, options?: FlagOptions): Flag<Maybe<T>> =>
  ({ kind, usage, initial: undefined, ...options })

/** False unless given. */
export const bool = (usage: string, options?: FlagOptions): Flag<boolean> => ({ kind: 'bool', usage, initial: false, ...options })
/** Undefined unless given, for settings where "not said" differs from false. */
export const choiceOfBool = (usage: string, options?: FlagOptions): Flag<Maybe<boolean>> => optional('bool', usage, options)
export const text = (usage: string, options?: FlagOptions): Flag<Maybe<string>> => optional('text', usage, options)
export const integer = (usage: string, options?: FlagOptions): Flag<Maybe<number>> => optional('integer', usage, options)
/** In seconds. */
export const duration = (usage: string, options?: FlagOptions): Flag<Maybe<number>> => optional('duration', usage, options)
/** May be given several times. */
export const list = (usage: string, options?: FlagOptions): Flag<Maybe<readonly string[]>> => optional('list', usage, options)
/** `key=value`, may be given several times. */
export const map = (usage: string, options?: FlagOptions): Flag<Maybe<Readonly<Record<string, string>>>> => optional('map', usage, options)
/** A flag whose value, when not given, is `initial`. */
export const withDefault = <T>(of: Flag<Maybe<T>>, initial: T): Flag<T> => ({ ...of, initial }) as Flag<T>

export interface ParsedFlags {
  readonly values: Readonly<Record<string, unknown>>
  /** The names that stood on the command line or in the environment. */
  readonly given: ReadonlySet<string>
  readonly args: readonly string[]
}

/** Splits a command line into flags and arguments. Throws `Failure` (1) naming the flag at fault. `readVariable` gives the environment. */
export function parseFlags(flags: FlagSet, argv: readonly string[], readVariable: (name: string) => string | undefined): ParsedFlags {
  const values = initialValues(flags)
  const given = new Set<string>()
  for (const [name, flag] of Object.entries(flags)) {
    const value = flag.variable === undefined ? undefined : readVariable(flag.variable)
    if (value === undefined) continue
    values[name] = parseVariable(flag, value)
    given.add(name)
  }
  const fromLine = new Set<string>()
  const args = readLine(flags, argv, (name, flag, raw, written) => {
    const before = fromLine.has(name) ? values[name] : undefined
    values[name] = parseValue(flag, raw, written, before)
    fromLine.add(name)
    given.add(name)
  })
  return { values, given, args }
}

function initialValues(flags: FlagSet): Record<string, unknown> {
  const values: Record<string, unknown> = Object.create(null)
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.initial
  return values
}

type Take = (name: string, flag: Flag<unknown>, raw: string, written: string) => void

/** Calls `take` for each flag, and returns what follows them. */
function readLine(flags: FlagSet, argv: readonly string[], take: Take): readonly string[] {
  let at = 0
  for (; at < argv.length; at++) {
    const word = argv[at] ?? ''
    if (word === '--') return argv.slice(at + 1)
    if (!isFlagWord(word)) break
    const { name, value } = splitFlag(word)
    const [full, flag] = resolveFlag(flags, name)
    if (value !== undefined) take(full, flag, value, name)
    else if (flag.kind === 'bool') take(full, flag, 'true', name)
    else if (at + 1 < argv.length) take(full, flag, argv[++at] ?? '', name)
    else throw usageError(`flag needs an argument: -${name}`)
  }
  return argv.slice(at)
}

/** A lone `-` is an argument: it stands for stdin. */
const isFlagWord = (word: string): boolean => word.length > 1 && word.startsWith('-')

function splitFlag(word: string): { name: string; value: string | undefined } {
  const bare = word.replace(/^--?/, '')
  if (bare === '' || bare.startsWith('-') || bare.startsWith('=')) throw usageError(`bad flag syntax: ${word}`)
  const equals = bare.indexOf('=')
  return equals < 0 ? { name: bare, value: undefined } : { name: bare.slice(0, equals), value: bare.slice(equals + 1) }
}

export function findFlag(flags: FlagSet, name: string): [string, Flag<unknown>] | null {
  const own = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (own !== undefined) return [name, own]
  return Object.entries(flags).find(([, flag]) => flag.aliases?.includes(name)) ?? null
}

function resolveFlag(flags: FlagSet, name: string): [string, Flag<unknown>] {
  const found = findFlag(flags, name)
  if (found !== null) return found
  const visible = Object.entries(flags).flatMap(([full, flag]) => (flag.hidden ? [] : [full]))
  const near = closest(name, visible)
  throw usageError(`flag provided but not defined: -${name}${near === null ? '' : ` (did you mean -${near}?)`}`)
}

const booleans: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false])),
}

/** The words that Go's `strconv.ParseBool` takes; null for any other. */
export const parseBool = (raw: string): boolean | null => (Object.hasOwn(booleans, raw) ? (booleans[raw] ?? null) : null)

/** Decimal, or with 0x, 0o, 0b; null when it is no integer that a double holds exactly. */
export function parseInteger(raw: string): number | null {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)$/.exec(raw)
  const magnitude = match === null ? Number.NaN : Number(match[2])
  return Number.isSafeInteger(magnitude) ? (match?.[1] === '-' ? -magnitude : magnitude) : null
}

function parseValue(flag: Flag<unknown>, raw: string, written: string, before: unknown): unknown {
  const refuse = (reason: string): Error => usageError(`invalid value ${JSON.stringify(raw)} for flag -${written}: ${reason}`)
  switch (flag.kind) {
    case 'text':
      return raw
    case 'bool': {
      const value = parseBool(raw)
      if (value === null) throw usageError(`invalid boolean value ${JSON.stringify(raw)} for -${written}: write true or false`)
      return value
    }
    case 'integer': {
      const value = parseInteger(raw)
      if (value === null) throw refuse('not a whole number')
      return value
    }
    case 'duration': {
      const value = parseSeconds(raw)
      if (value === null) throw refuse('not a duration such as 30s, 15m, 1h30m, 2d, or a number of seconds')
      return value
    }
    case 'list':
      return [...((before as readonly string[] | undefined) ?? []), raw.trim()]
    case 'map':
      return { ...(before as Record<string, string> | undefined), ...parsePair(raw, refuse) }
  }
}

function parsePair(raw: string, refuse: (reason: string) => Error): Record<string, string> {
  const equals = raw.indexOf('=')
  if (equals < 0) throw refuse('missing = (write key=value)')
  return Object.fromEntries([[raw.slice(0, equals), raw.slice(equals + 1)]])
}

/** A variable that makes no sense is passed over as if it were not set, as Vault does; a text always makes sense. */
function parseVariable(flag: Flag<unknown>, raw: string): unknown {
  try {
    return parseValue(flag, raw, '', undefined)
  } catch {
    return flag.initial
  }
}

/**
 * Throws `Failure` (1) when a flag stands after an argument, where it would silently be taken for data. `argv` is the whole line after
 * the verb; words after `--` are arguments whatever they look like.
 */
export function checkFlagsFirst(args: readonly string[], argv: readonly string[]): void {
  if (argv.length > args.length && argv[argv.length - args.length - 1] === '--') return
  const end = args.indexOf('--')
  const late = (end < 0 ? args : args.slice(0, end)).find(isFlagWord)
  if (late === undefined) return
  throw usageError(
    `Too late for a flag: ${late} stands after the argument ${JSON.stringify(args[0])}, and flags come first.\n` +
      `Write ${late} before ${JSON.stringify(args[0])}; or, if it is meant as an argument, put -- in front of all arguments.`,
  )
}

/** The arguments without a `--` that ended the flags among them. */
export function withoutSeparator(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--')
  return end < 0 ? args : [...args.slice(0, end), ...args.slice(end + 1)]
}
