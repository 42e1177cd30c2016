/** A configuration text as a list of entries that know their place, whether it came as HCL or as JSON, and the blocks among them. */
import type { HclItem, HclObject, HclValue } from '../../kit/hcl/ast.ts'
import { placeOf } from '../../kit/hcl/ast.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'
import { ApiError } from '../../kit/errors.ts'

/** Something in the configuration that cannot be used: one line that names it and its place. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** `key = value` or `key "label" { … }`. */
export interface Entry {
  readonly key: string
  readonly labels: readonly string[]
  readonly value: HclValue
  readonly source: Source
  /** `coffer.hcl:3:14`. */
  readonly place: string
}

interface Source {
  readonly name: string
  readonly text: string
}

export type Entries = readonly Entry[]

/** `name` stands in the text of errors. Throws `ConfigError`. */
export function parseConfigText(text: string, name: string): Entries {
  try {
    const file = parseHcl(text)
    return entriesOf(file.root, { name, text: file.text })
  } catch (error) {
    if (error instanceof ApiError) throw new ConfigError(`${name}: ${withLine(error.message, text)}`, { cause: error })
    throw error
  }
}

/** The JSON reader counts characters; people count lines. */
const withLine = (message: string, text: string): string => message.replace(/^error parsing JSON at position (\d+)/, (_, at) => `At ${placeOf(text, Number(at))}`)

function entriesOf(object: HclObject, source: Source): Entry[] {
  return object.items.map((item) => ({
    key: item.keys[0]?.value ?? '',
    labels: item.keys.slice(1).map(({ value }) => value),
    value: item.value,
    source,
    place: `${source.name}:${placeOf(source.text, placeIn(item))}`,
  }))
}

const placeIn = (item: HclItem): number => item.keys[0]?.at ?? item.value.at

/** A block with its label, in whichever form it was written. */
export interface LabelledBlock {
  readonly label: string
  readonly entries: Entries
  readonly place: string
  /** The file that it stands in. */
  readonly file: string
}

/** The bodies of `name { … }`, `name = { … }`, or a list of these. Null when it is something else. */
export function bodiesOf(entry: Entry): Entries | null {
  if (entry.labels.length > 0) return null
  return objectsIn(entry.value)?.flatMap((object) => entriesOf(object, entry.source)) ?? null
}

/** `name "label" { … }`, or in JSON `"name": {"label": {…}}` with lists at any place. Null when it is something else. */
export function labelledIn(entry: Entry): readonly LabelledBlock[] | null {
  const [label, ...more] = entry.labels
  if (label !== undefined) return more.length > 0 ? null : blocksOf(label, entry)
  const inner = bodiesOf(entry)?.map((one) => (one.labels.length > 0 ? null : blocksOf(one.key, one)))
  return inner === undefined || inner.includes(null) ? null : inner.flatMap((found) => found ?? [])
}

function blocksOf(label: string, { value, source, place }: Entry): readonly LabelledBlock[] | null {
  return objectsIn(value)?.map((object) => ({ label, entries: entriesOf(object, source), place, file: source.name })) ?? null
}

function objectsIn(value: HclValue): readonly HclObject[] | null {
  if (value.kind === 'object') return [value]
  if (value.kind !== 'list') return null
  const found = value.elements.map((element) => objectsIn(element.value))
  return found.includes(null) ? null : found.flatMap((objects) => objects ?? [])
}
