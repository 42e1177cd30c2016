/** Tables of mounts: of secrets engines and of auth methods. */
import type { ExactObject } from '../../../client/src/exact-json.ts'
import { ExactNumber, isExactObject } from '../../../client/src/exact-json.ts'
import { formatValue } from '../output/value.ts'
import { objectOf, type WireSecret } from '../secret.ts'

/** The mounts of an answer by path, sorted. */
export function mountsOf(secret: WireSecret | null): [string, ExactObject][] {
  return Object.entries(secret?.data ?? {})
    .filter((entry): entry is [string, ExactObject] => isExactObject(entry[1]))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
}

const cell = (mount: ExactObject, name: string): string => {
  const value = mount[name]
  return value === undefined || value === null ? '' : formatValue(value)
}

export const simpleRows = (mounts: readonly [string, ExactObject][], withVersion: boolean): string[][] => [
  ['Path', 'Type', 'Accessor', 'Description', ...(withVersion ? ['Version'] : [])],
  ...mounts.map(([path, mount]) => [
    path,
    ...['type', 'accessor', 'description', ...(withVersion ? ['plugin_version'] : [])].map((name) => cell(mount, name)),
  ]),
]

/** `third` is the column that only engines (Force No Cache) or only auth methods (Token Type) have. */
export function detailedRows(mounts: readonly [string, ExactObject][], third: { title: string; name: string }): string[][] {
  const head = ['Path', 'Plugin', 'Accessor', 'Default TTL', 'Max TTL', third.title, 'Replication', 'Seal Wrap', 'External Entropy Access']
  const tail = ['Options', 'Description', 'UUID', 'Version', 'Running Version', 'Running SHA256', 'Deprecation Status']
  return [[...head, ...tail], ...mounts.map(([path, mount]) => detailedRow(path, mount, third.name))]
}

function detailedRow(path: string, mount: ExactObject, third: string): string[] {
  const config = objectOf(mount['config']) ?? {}
  return [
    path,
    cell(mount, 'type'),
    cell(mount, 'accessor'),
    ttlCell(mount, config['default_lease_ttl']),
    ttlCell(mount, config['max_lease_ttl']),
    config[third] === undefined ? '' : formatValue(config[third]),
    mount['local'] === true ? 'local' : 'replicated',
    String(mount['seal_wrap'] === true),
    String(mount['external_entropy_access'] === true),
    formatValue(mount['options'] ?? {}),
    ...['description', 'uuid', ...pluginNames].map((name) => cell(mount, name)),
  ]
}

const withoutLeases: readonly unknown[] = ['system', 'cubbyhole']

function ttlCell(mount: ExactObject, ttl: unknown): string {
  if (withoutLeases.includes(mount['type'])) return ''
  return ttl instanceof ExactNumber && Number(ttl) !== 0 ? ttl.text : 'system'
}

const pluginNames = ['plugin_version', 'running_plugin_version', 'running_sha256', 'deprecation_status'] as const

/** With what stands in for members that were not sent. */
const mountMembers: readonly (readonly [name: string, missing: unknown])[] = [
  ...['uuid', 'type', 'description', 'accessor'].map((name) => [name, ''] as const),
  ['config', {}],
  ['options', null],
  ...['local', 'seal_wrap', 'external_entropy_access'].map((name) => [name, false] as const),
  ...pluginNames.map((name) => [name, ''] as const),
]
const configNames = ['default_lease_ttl', 'max_lease_ttl', 'force_no_cache']

/** For the other forms of output: in the order of Vault's own. */
export function mountsDocument(mounts: readonly [string, ExactObject][]): object {
  return Object.fromEntries(mounts.map(([path, mount]) => [path, mountDocument(mount)]))
}

function mountDocument(mount: ExactObject): object {
  const members = mountMembers.map(([name, missing]): [string, unknown] => [name, mount[name] ?? missing])
  const known = new Set(mountMembers.map(([name]) => name))
  const rest = Object.entries(mount).filter(([name]) => !known.has(name))
  return { ...Object.fromEntries(members), config: ordered(objectOf(mount['config']) ?? {}, configNames), ...Object.fromEntries(rest) }
}

/** The members that are named first, the others after them by name. */
export function ordered(object: ExactObject, first: readonly string[]): object {
  const rest = Object.keys(object).filter((name) => !first.includes(name)).toSorted()
  return Object.fromEntries([...first.filter((name) => object[name] !== undefined), ...rest].map((name) => [name, object[name]]))
}
