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
    ...['description', 'uuid', 'plugin_version', 'running_plugin_version', 'running_sha256', 'deprecation_status'].map((name) => cell(mount, name)),
  ]
}

const withoutLeases: readonly unknown[] = ['system', 'cubbyhole']

function ttlCell(mount: ExactObject, ttl: unknown): string {
  if (withoutLeases.includes(mount['type'])) return ''
  return ttl instanceof ExactNumber && Number(ttl) !== 0 ? ttl.text : 'system'
}

const mountNames = ['uuid', 'type', 'description', 'accessor', 'config', 'options', 'local', 'seal_wrap', 'external_entropy_access']
const pluginNames = ['plugin_version', 'running_plugin_version', 'running_sha256', 'deprecation_status']

/** For the other forms of output: in the order of Vault's own. */
export function mountsDocument(mounts: readonly [string, ExactObject][]): object {
  const shown = (mount: ExactObject): object => {
    const names = [...mountNames, ...pluginNames]
    const rest = Object.keys(mount).filter((name) => !names.includes(name))
    return Object.fromEntries([...names, ...rest].filter((name) => mount[name] !== undefined).map((name) => [name, mount[name]]))
  }
  return Object.fromEntries(mounts.map(([path, mount]) => [path, shown(mount)]))
}
