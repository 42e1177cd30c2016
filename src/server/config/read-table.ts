/** Reads entries by a table of keys: typed values, errors that name key and place, and warnings about what has no effect. */
import { bodiesOf, ConfigError, labelledIn, type Entries, type Entry } from './entries.ts'
import type { BlocksKey, FreeKey, Key, Keys, Labels, SectionKey, Table, ValueKey } from './tables.ts'

type BlockOf<L extends Labels> = { [N in keyof L & string]: { readonly label: N; readonly place: string; readonly file: string; readonly values: ValuesOf<L[N]['keys']> } }[keyof L & string]

type ValueOf<K extends Key> = K extends ValueKey<infer T>
  ? T
  : K extends SectionKey<infer Inner>
    ? ValuesOf<Inner>
    : K extends BlocksKey<infer L>
      ? readonly BlockOf<L>[]
      : K extends FreeKey
        ? Entries
        : never

export type ValuesOf<K extends Keys> = { readonly [N in keyof K]: ValueOf<K[N]> }

/** Where a table is read: before the name of each of its keys, and who is told of keys without effect. */
interface Reading {
  readonly where: string
  readonly warn: (warning: string) => void
}

/** Throws `ConfigError`. */
export function readTable<K extends Keys>(entries: Entries, table: Table<K>, warn: (warning: string) => void, where = ''): ValuesOf<K> {
  const reading: Reading = { where, warn }
  const found = groupByKey(entries, table, reading)
  const values = Object.entries<Key>(table.keys).map(([name, key]) => [name, valueOf(name, key, found.get(name) ?? [], reading)])
  return Object.fromEntries(values) as ValuesOf<K>
}

/** The entries of each key that the table has, by its first name. */
function groupByKey(entries: Entries, { keys, ignored, refused }: Table, { where, warn }: Reading): ReadonlyMap<string, Entry[]> {
  const names = new Map(Object.entries(keys).flatMap(([name, { alias }]) => (alias === undefined ? [[name, name]] : [[name, name], [alias, name]]) as [string, string][]))
  const found = new Map<string, Entry[]>()
  for (const entry of entries) {
    const { key, place } = entry
    const name = names.get(key)
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), entry])
    else if (Object.hasOwn(refused, key)) throw new ConfigError(`${place}: ${where}${key}: ${refused[key]}`)
    else if (Object.hasOwn(ignored, key)) warn(`the key ${where}${key} has no effect: ${ignored[key]} (${place})`)
    else warn(`unknown key ${where}${key} (${place})`)
  }
  return found
}

function valueOf(name: string, key: Key, entries: Entries, reading: Reading): unknown {
  switch (key.kind) {
    case 'value':
      return singleValue(name, key, entries, reading)
    case 'section':
      return readTable(sectionsIn(name, entries, reading), key.table, reading.warn, `${reading.where}${name}.`)
    case 'free':
      return sectionsIn(name, entries, reading)
    case 'blocks':
      return entries.flatMap((entry) => blocksIn(name, key, entry, reading))
  }
}

/** The last one counts, as it does in several files. Twice in one file is a mistake worth a word. */
function singleValue(name: string, key: ValueKey, entries: Entries, { where, warn }: Reading): unknown {
  const last = entries.at(-1)
  if (last === undefined) return key.initial
  const double = entries.find((entry) => entry !== last && entry.source === last.source)
  if (double !== undefined) warn(`the key ${where}${name} is given twice: the second one counts (${last.place})`)
  const value = last.labels.length > 0 ? undefined : key.type.read(last.value)
  if (value === undefined) throw new ConfigError(`${last.place}: ${where}${name}: expected ${key.type.shown}`)
  return value
}

const sectionsIn = (name: string, entries: Entries, { where }: Reading): Entries =>
  entries.flatMap((entry) => {
    const bodies = bodiesOf(entry)
    if (bodies === null) throw new ConfigError(`${entry.place}: ${where}${name}: expected a block: ${name} { … }`)
    return bodies
  })

function blocksIn(name: string, { labels }: BlocksKey, entry: Entry, { where, warn }: Reading): readonly unknown[] {
  const found = labelledIn(entry)
  if (found === null) throw new ConfigError(`${entry.place}: ${where}${name}: expected a block with one label: ${name} "${Object.keys(labels)[0]}" { … }`)
  return found.map(({ label, entries, place, file }) => {
    const table = Object.hasOwn(labels, label) ? labels[label] : undefined
    if (table === undefined) throw new ConfigError(`${place}: ${where}${name} "${label}": this server knows ${Object.keys(labels).join(', ')}`)
    return { label, place, file, values: readTable(entries, table, warn, `${where}${name} "${label}": `) }
  })
}
