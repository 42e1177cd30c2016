/** Pages of the reference about the API: one for each engine and auth method, and one for each part of `sys/`, out of their definitions. */
import type { Engine } from '../src/kit/engine.ts'
import type { Field, Fields } from '../src/kit/fields.ts'
import type { Operation, Verb } from '../src/kit/operation.ts'
import { routesOf } from '../src/kit/route.ts'

/** A page: its file below `docs/reference/`, and its text. `title` and `summary` stand in the list of pages. */
export interface Page {
  readonly file: string
  readonly title: string
  readonly summary: string
  readonly text: string
}

interface Area {
  readonly file: string
  readonly title: string
  readonly summary: string
  /** Beginnings of paths below `sys/`; the longest that fits decides. */
  readonly paths: readonly string[]
}

const areas: readonly Area[] = [
  {
    file: 'sys-seal', title: 'sys: initialise, seal, unseal, health', summary: 'The life of a server, and how it is.',
    paths: ['init', 'seal', 'seal-status', 'unseal', 'health', 'leader', 'ha-status', 'step-down'],
  },
  {
    file: 'sys-keys', title: 'sys: keys', summary: 'Rotating, rekeying, and root tokens by those who hold keys.',
    paths: ['rotate', 'key-status', 'rekey', 'rekey-recovery-key', 'generate-root', 'decode-token'],
  },
  { file: 'sys-mounts', title: 'sys: mounts', summary: 'Enabling, tuning, moving and disabling engines and auth methods.', paths: ['mounts', 'auth', 'remount', 'plugins'] },
  {
    file: 'sys-policies', title: 'sys: policies', summary: 'Policies, password policies, and what a token may do.',
    paths: ['policies', 'policy', 'capabilities', 'capabilities-self', 'capabilities-accessor'],
  },
  { file: 'sys-leases', title: 'sys: leases', summary: 'Looking up, renewing and revoking leases.', paths: ['leases', 'renew', 'revoke', 'revoke-prefix', 'revoke-force'] },
  { file: 'sys-audit', title: 'sys: audit', summary: 'Audit devices, and what they write.', paths: ['audit', 'audit-hash', 'config/auditing'] },
  { file: 'sys-wrapping', title: 'sys: wrapping and tools', summary: 'Wrapped answers, random bytes, hashes.', paths: ['wrapping', 'tools'] },
  { file: 'sys-config', title: 'sys: settings', summary: 'CORS, headers, rate limits, users who are locked out.', paths: ['config', 'quotas', 'locked-users'] },
  {
    file: 'sys-state', title: 'sys: state and diagnosis', summary: 'Metrics, logs, requests under way, raw records, the description of the API.',
    paths: ['metrics', 'host-info', 'in-flight-req', 'loggers', 'monitor', 'version-history', 'internal', 'pprof', 'raw', 'experiments', 'replication'],
  },
]
const otherArea: Area = { file: 'sys-other', title: 'sys: everything else', summary: 'What has no page of its own.', paths: [] }

const titles: Readonly<Record<string, string>> = {
  'kv 1': 'Secrets engine: KV version 1', 'kv 2': 'Secrets engine: KV version 2', cubbyhole: 'Secrets engine: cubbyhole', identity: 'Identity',
  token: 'Auth method: token', userpass: 'Auth method: userpass', approle: 'Auth method: approle',
}

/** Throws when two engines would have the same page. */
export function apiPages(engines: readonly Engine[]): readonly Page[] {
  const pages = engines.flatMap((engine) => (engine.type === 'system' ? systemPages(engine) : [enginePage(engine)]))
  const twice = pages.find(({ file }, i) => pages.findIndex((page) => page.file === file) !== i)
  if (twice !== undefined) throw new Error(`two pages ${twice.file}`)
  return pages
}

function enginePage(engine: Engine): Page {
  const { type, version, kind, summary, operations } = engine
  const name = version === undefined ? type : `${type} ${version}`
  const title = Object.hasOwn(titles, name) ? (titles[name] as string) : `${kind === 'auth' ? 'Auth method' : 'Secrets engine'}: ${name}`
  const file = `${kind === 'auth' ? 'auth-' : ''}${version === undefined ? type : `${type}-v${version}`}.md`
  return pageOf({ file, title, summary, operations, intro: placeOf(engine), prefix: '' })
}

/** Where the paths of an engine lie. */
function placeOf({ type, kind, version }: Engine): string {
  if (type === 'identity' || type === 'cubbyhole') return `Paths are below \`${type}/\`, where it always is.`
  if (type === 'token') return 'Paths are below `auth/token/`, where it always is.'
  if (kind === 'auth') return `Paths are below the mount: \`auth/${type}/\` unless it was enabled elsewhere (\`coffer auth enable ${type}\`).`
  const option = version === undefined ? '' : `-version=${version} `
  return `Paths are below the mount, such as \`secret/\` (\`coffer secrets enable -path=secret ${option}${type}\`).`
}

function systemPages({ operations }: Engine): readonly Page[] {
  const byArea = new Map<Area, Operation[]>([...areas, otherArea].map((area) => [area, []]))
  for (const operation of operations) byArea.get(areaOf(operation.path))?.push(operation)
  return [...byArea].flatMap(([area, found]) => {
    const { title, summary } = area
    return found.length === 0 ? [] : [pageOf({ file: `${area.file}.md`, title, summary, operations: found, intro: '', prefix: 'sys/' })]
  })
}

function areaOf(path: string): Area {
  let best: { area: Area; length: number } = { area: otherArea, length: 0 }
  for (const area of areas) {
    for (const start of area.paths) {
      const fits = path === start || path.startsWith(`${start}/`)
      if (fits && start.length > best.length) best = { area, length: start.length }
    }
  }
  return best.area
}

interface PageParts extends Omit<Page, 'text'> {
  readonly operations: readonly Operation[]
  readonly intro: string
  readonly prefix: string
}

function pageOf({ file, title, summary, operations, intro, prefix }: PageParts): Page {
  const templates = routesOf(operations).templates.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  const parts = [`# ${title}`, summary, ...(intro === '' ? [] : [intro]), 'How to read this page: [README.md](README.md).', ...templates.map((template) => pathSection(prefix, template))]
  return { file, title, summary, text: `${parts.join('\n\n')}\n` }
}

function pathSection(prefix: string, { path, operations }: { readonly path: string; readonly operations: readonly Operation[] }): string {
  const shown = `${prefix}${path}`
  const params = operations[0]?.params ?? {}
  const rows = Object.entries(params).map(([name, field]) => `- \`{${name}}\`: ${textOf(field)}`)
  const sorted = operations.toSorted((a, b) => order.indexOf(a.verb) - order.indexOf(b.verb))
  return [`## ${shown === '' ? 'The mount itself' : `\`${shown}\``}`, ...(rows.length === 0 ? [] : [rows.join('\n')]), ...sorted.map(operationSection)].join('\n\n')
}

const order: readonly Verb[] = ['read', 'list', 'scan', 'write', 'patch', 'delete']
const methods: Readonly<Record<Verb, string>> = { read: 'GET', list: 'LIST', scan: 'SCAN', write: 'POST', patch: 'PATCH', delete: 'DELETE' }

function operationSection(operation: Operation): string {
  const { verb, summary, description, deprecated, arbitraryInput, input, output } = operation
  return [
    `### ${methods[verb]}`,
    [summary, description].filter(Boolean).join(' '),
    accessOf(operation),
    ...(deprecated === null ? [] : [`Deprecated: use \`${deprecated}\`.`]),
    ...fieldTable(input, 'Field'),
    ...(arbitraryInput ? ['Further fields are the data that is kept.'] : []),
    ...(output === null ? [] : fieldTable(output, 'Answer')),
  ].join('\n\n')
}

function accessOf({ access, verb, lifecycle, exists }: Operation): string {
  const capability = verb === 'write' ? (exists === null ? '`update`' : '`create` for what is new, `update` for what is there') : `\`${verb}\``
  const sealed = lifecycle ? ' Answered while sealed, too; not audited.' : ''
  if (access === 'public') return `Needs no token.${sealed}`
  return `Needs ${capability}${access === 'sudo' ? ' and `sudo`' : ''}.${sealed}`
}

function fieldTable(fields: Fields, heading: 'Field' | 'Answer'): string[] {
  const entries = Object.entries(fields)
  if (entries.length === 0) return []
  const isInput = heading === 'Field'
  const head = isInput ? ['| Field | Type | Default | |', '| --- | --- | --- | --- |'] : ['| In the answer | Type | |', '| --- | --- | --- |']
  const rows = entries.map(([name, field]) => {
    const cells = [`\`${name}\``, typeOf(field), ...(isInput ? [defaultOf(field)] : []), textOf(field)]
    return `| ${cells.join(' | ')} |`
  })
  return [[...head, ...rows].join('\n')]
}

const formats: Readonly<Record<string, string>> = { seconds: 'duration', comma: 'list of texts', 'comma-integers': 'list of integers', kvpairs: 'object of texts', lowercase: 'text', name: 'name' }
const types: Readonly<Record<Field<unknown>['type'], string>> = { string: 'text', integer: 'integer', boolean: 'boolean', array: 'list of texts', object: 'object', any: 'any' }

const typeOf = ({ type, format }: Field<unknown>): string => (format === undefined ? types[type] : (formats[format] ?? types[type]))

function defaultOf({ required, fallback, type, format }: Field<unknown>): string {
  if (required) return 'required'
  if (fallback === undefined) return ''
  if (fallback === '') return type === 'string' ? 'empty' : ''
  return `\`${format === 'seconds' ? `${String(fallback)}s` : JSON.stringify(fallback)}\``
}

function textOf({ description, choices, deprecated, secret, format }: Field<unknown>): string {
  const notes = [
    ...(choices === undefined ? [] : [`One of ${choices.map((choice) => `\`${choice}\``).join(', ')}.`]),
    ...(format === 'lowercase' ? ['Case does not matter.'] : []),
    ...(secret ? ['Secret.'] : []),
    ...(deprecated === true ? ['Deprecated.'] : []),
  ]
  return [description, ...notes].join(' ').replaceAll('|', '\\|').replaceAll('\n', ' ')
}
