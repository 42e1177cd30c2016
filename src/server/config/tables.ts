/**
 * How configuration keys are declared: once, in a table from which reading, warnings and documentation derive. A table has keys with values,
 * keys for blocks with tables of their own, keys that are taken for the sake of old configurations, and keys that end the start.
 */
import type { ValueType } from './values.ts'

interface KeyText {
  /** For the documentation: a sentence. */
  readonly about: string
  /** Another name for the same key. */
  readonly alias?: string
}

export interface ValueKey<T = unknown> extends KeyText {
  readonly kind: 'value'
  readonly type: ValueType<unknown>
  /** What holds when the key is not there. */
  readonly initial: T
  /** How the documentation writes that. */
  readonly shownInitial: string
}

/** `name { … }`, written once or several times; what is in them counts as one. */
export interface SectionKey<K extends Keys = Keys> extends KeyText {
  readonly kind: 'section'
  readonly table: Table<K>
}

/** `name "label" { … }`: each label has a table of its own. */
export interface BlocksKey<L extends Labels = Labels> extends KeyText {
  readonly kind: 'blocks'
  readonly labels: L
}

/** `name { … }` whose keys are not fixed: read by the one that uses it. */
export interface FreeKey extends KeyText {
  readonly kind: 'free'
}

export type Key = ValueKey | SectionKey | BlocksKey | FreeKey
export type Keys = Readonly<Record<string, Key>>
export type Labels = Readonly<Record<string, Table & { readonly about: string }>>

export interface Table<K extends Keys = Keys> {
  readonly keys: K
  /** Keys without effect, by why they have none. They are warned about, and nothing else. */
  readonly ignored: Readonly<Record<string, string>>
  /** Keys that would leave a server less safe than their author believes, were they ignored; by what to do instead. */
  readonly refused: Readonly<Record<string, string>>
}

interface ValueOptions {
  readonly alias?: string
  readonly shown?: string
}

/** A key that may be missing; then its value is null. */
export const optional = <T>(type: ValueType<T>, about: string, options: ValueOptions = {}): ValueKey<T | null> =>
  ({ kind: 'value', type, about, initial: null, shownInitial: options.shown ?? 'none', ...aliasOf(options) })

/** A key that has a value when it is missing. */
export const defaulted = <T>(type: ValueType<T>, initial: NoInfer<T>, about: string, options: ValueOptions = {}): ValueKey<T> =>
  ({ kind: 'value', type, about, initial, shownInitial: options.shown ?? `\`${String(initial)}\``, ...aliasOf(options) })

const aliasOf = ({ alias }: ValueOptions): { alias?: string } => (alias === undefined ? {} : { alias })

export const table = <K extends Keys>(keys: K, rest: Partial<Omit<Table, 'keys'>> = {}): Table<K> => ({ keys, ignored: {}, refused: {}, ...rest })
export const labelled = <K extends Keys>(about: string, of: Table<K>): Table<K> & { readonly about: string } => ({ ...of, about })
export const section = <K extends Keys>(about: string, of: Table<K>): SectionKey<K> => ({ kind: 'section', about, table: of })
export const blocks = <L extends Labels>(about: string, labels: L, options: { readonly alias?: string } = {}): BlocksKey<L> => ({ kind: 'blocks', about, labels, ...options })
export const free = (about: string): FreeKey => ({ kind: 'free', about })

/** One reason for several keys. */
export const because = (why: string, ...keys: readonly string[]): Readonly<Record<string, string>> => Object.fromEntries(keys.map((key) => [key, why]))
