/** The page of the reference about the configuration, out of the tables that it is read by. */
import type { Key, Table } from '../src/server/config/tables.ts'
import type { Page } from './reference-api.ts'

const intro = `# Configuration

The keys of \`coffer server -config=FILE\`, in HCL or JSON. An example, and how several files go together: [operations.md](../operations.md#configuration).

A key that is not known is named in the log and has no effect. A value that makes no sense ends the start with one line that names its place.`

export function configurationPage(keys: Table): Page {
  const own = ['## The server', ...tableOf(keys)]
  const text = [intro, ...own, ...blockSections(keys), ...withoutEffect(keys), ...refusals(keys)].join('\n\n')
  return { file: 'configuration.md', title: 'Configuration', summary: 'Every key of the configuration of a server.', text: `${text}\n` }
}

const nameOf = (name: string, key: Key): string => `\`${name}\`${key.alias === undefined ? '' : ` (or \`${key.alias}\`)`}`
const cell = (text: string): string => text.replaceAll('|', '\\|')

function rowOf(prefix: string, name: string, key: Key): string[] {
  const shown = nameOf(`${prefix}${name}`, key)
  switch (key.kind) {
    case 'value':
      return [`| ${shown} | ${cell(key.type.shown)} | ${key.shownInitial} | ${cell(key.about)} |`]
    case 'section':
      return Object.entries<Key>(key.table.keys).flatMap(([inner, innerKey]) => rowOf(`${prefix}${name}.`, inner, innerKey))
    case 'free':
      return [`| ${shown} | a block | none | ${cell(key.about)} |`]
    case 'blocks':
      return [`| ${shown} | blocks | | ${cell(key.about)} See [below](#${name}). |`]
  }
}

function tableOf({ keys }: Table): string[] {
  const rows = Object.entries<Key>(keys).flatMap(([name, key]) => rowOf('', name, key))
  return rows.length === 0 ? [] : [['| Key | Value | Default | |', '| --- | --- | --- | --- |', ...rows].join('\n')]
}

/** A section for each key with blocks, and in it one for each label; labels that share a table share it here, too. */
function blockSections({ keys }: Table): string[] {
  return Object.entries<Key>(keys).flatMap(([name, key]) => {
    if (key.kind !== 'blocks') return []
    const shown = new Map<string, { readonly labels: [label: string, about: string][]; readonly table: Table }>()
    for (const [label, table] of Object.entries(key.labels)) {
      const text = JSON.stringify([Object.keys(table.keys), table.ignored, table.refused])
      const known = shown.get(text) ?? { labels: [], table }
      known.labels.push([label, table.about])
      shown.set(text, known)
    }
    return [`## ${name}`, key.about, ...[...shown.values()].flatMap(({ labels, table }) => labelSection(name, labels, table))]
  })
}

function labelSection(name: string, labels: readonly (readonly [label: string, about: string])[], table: Table): string[] {
  const title = `### ${labels.map(([label]) => `${name} "${label}"`).join(', ')}`
  const abouts = labels.length === 1 ? labels.map(([, about]) => about) : labels.map(([label, about]) => `- \`"${label}"\`: ${about}`)
  return [title, abouts.join('\n'), ...tableOf(table), ...inWords('Accepted without effect', ignoredIn(table)), ...inWords('Ends the start', refusedIn(table))]
}

/** Reasons with the keys that they hold for. */
function byReason(keys: Readonly<Record<string, string>>): [reason: string, names: string[]][] {
  const found = new Map<string, string[]>()
  for (const [name, reason] of Object.entries(keys)) found.set(reason, [...(found.get(reason) ?? []), `\`${name}\``])
  return [...found]
}

const inWords = (what: string, keys: Readonly<Record<string, string>>): string[] =>
  Object.keys(keys).length === 0 ? [] : [[`${what}:`, '', ...byReason(keys).map(([reason, names]) => `- ${names.join(', ')}: ${reason}`)].join('\n')]

/** Of the server itself, and of its sections. */
function nested(table: Table, of: (table: Table) => Readonly<Record<string, string>>): Record<string, string> {
  const own = { ...of(table) }
  for (const [name, key] of Object.entries<Key>(table.keys)) {
    if (key.kind !== 'section') continue
    for (const [inner, reason] of Object.entries(of(key.table))) own[`${name}.${inner}`] = reason
  }
  return own
}

const ignoredIn = (table: Table): Record<string, string> => nested(table, ({ ignored }) => ignored)
const refusedIn = (table: Table): Record<string, string> => nested(table, ({ refused }) => refused)

const withoutEffect = (table: Table): string[] => [
  '## Keys without effect',
  'Accepted with a warning that says why, so that configurations of Vault and OpenBao start.',
  byReason(ignoredIn(table)).map(([reason, names]) => `- ${names.join(', ')}: ${reason}`).join('\n'),
]

function refusals(table: Table): string[] {
  const rows = byReason(refusedIn(table)).map(([reason, names]) => `- ${names.join(', ')}: ${reason}`)
  return rows.length === 0 ? [] : ['## Keys that end the start', 'Because a server that ignored them would be less safe than it looks.', rows.join('\n')]
}
