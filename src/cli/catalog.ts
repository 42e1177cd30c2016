/** Every verb by name, loaded when it is called: a command reads only the code that it runs. */
import type { Command } from './command.ts'

export type LoadCommand = () => Promise<Command>

/** Groups of verbs, with what the overview says of them. */
export const groups: Readonly<Record<string, string>> = {
  audit: 'Manage audit devices, and verify what they wrote',
  auth: 'Manage auth methods',
  kv: 'Work with secrets: put, get, versions, metadata',
  'kv metadata': 'Settings and history of a versioned secret',
  lease: 'Look up, renew and revoke leases',
  namespace: 'Manage namespaces',
  operator: 'Initialise, unseal, rotate keys and other work of operators',
  plugin: 'See the catalogue of plugins',
  policy: 'Manage policies',
  print: 'Print settings of this command',
  secrets: 'Manage secrets engines',
  token: 'Create, look up, renew and revoke tokens',
}

const verbs: Readonly<Record<string, LoadCommand>> = {
  delete: async () => (await import('./verbs/delete.ts')).command,
  'kv get': async () => (await import('./verbs/kv/get.ts')).command,
  'kv put': async () => (await import('./verbs/kv/put.ts')).command,
  list: async () => (await import('./verbs/list.ts')).command,
  login: async () => (await import('./verbs/login.ts')).command,
  patch: async () => (await import('./verbs/patch.ts')).command,
  'print token': async () => (await import('./verbs/print-token.ts')).command,
  read: async () => (await import('./verbs/read.ts')).command,
  server: async () => (await import('./verbs/server.ts')).command,
  status: async () => (await import('./verbs/status.ts')).command,
  unwrap: async () => (await import('./verbs/unwrap.ts')).command,
  version: async () => (await import('./verbs/version.ts')).command,
  write: async () => (await import('./verbs/write.ts')).command,
}

export interface Found {
  /** Null when the words name no verb. */
  readonly command: LoadCommand | null
  /** The verb or group that was named, '' for none. */
  readonly name: string
  readonly rest: readonly string[]
}

const wordsMax = 3

/** The longest run of words at the start that names a verb, or else a group. */
export function findVerb(words: readonly string[]): Found {
  for (let count = Math.min(wordsMax, words.length); count > 0; count--) {
    const name = words.slice(0, count).join(' ')
    const command = Object.hasOwn(verbs, name) ? verbs[name] : undefined
    if (command !== undefined) return { command, name, rest: words.slice(count) }
  }
  for (let count = Math.min(wordsMax, words.length); count > 0; count--) {
    const name = words.slice(0, count).join(' ')
    if (Object.hasOwn(groups, name)) return { command: null, name, rest: words.slice(count) }
  }
  return { command: null, name: '', rest: words }
}

/** The names right below a group ('' for the top), groups and verbs, sorted. */
export function namesBelow(group: string): string[] {
  const depth = group === '' ? 1 : group.split(' ').length + 1
  const all = [...Object.keys(verbs), ...Object.keys(groups)].filter((name) => group === '' || name.startsWith(`${group} `))
  return [...new Set(all.map((name) => name.split(' ').slice(0, depth).join(' ')))].toSorted()
}

export const isGroup = (name: string): boolean => Object.hasOwn(groups, name) && !Object.hasOwn(verbs, name)

/** All verbs, for the reference and for tests. */
export const allVerbs = (): [string, LoadCommand][] => Object.entries(verbs)

/** What the overview says of a verb or group. */
export async function summaryOf(name: string): Promise<string> {
  const load = verbs[name]
  return isGroup(name) || load === undefined ? (groups[name] ?? '') : (await load()).summary
}
