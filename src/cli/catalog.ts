/** Every verb by name, loaded when it is called: a command reads only the code that it runs. */
import type { Command } from './command.ts'

export type LoadCommand = () => Promise<Command>

/** Groups of verbs, with what the overview says of them. */
export const groups: Readonly<Record<string, string>> = {
  audit: 'Manage audit devices, and verify what they wrote',
  auth: 'Manage auth methods',
  database: 'See the roles of databases, and what is rotated',
  kv: 'Work with secrets: put, get, versions, metadata',
  'kv metadata': 'Settings and history of a versioned secret',
  lease: 'List, look up, renew and revoke leases',
  namespace: 'Manage namespaces',
  operator: 'Initialise, unseal, rotate keys and other work of operators',
  'operator raft': 'Work on storage, as Vault calls it',
  'operator raft snapshot': 'The same as `operator snapshot`, as Vault calls it',
  'operator snapshot': 'Save everything in one file, check it, and restore it',
  pki: 'Work with certificate authorities, and check their health',
  plugin: 'See the catalogue of plugins',
  policy: 'Manage policies',
  print: 'Print settings of this command',
  secrets: 'Manage secrets engines',
  token: 'Create, look up, renew and revoke tokens',
  transit: 'Take keys from outside into a transit engine',
}

const verbs: Readonly<Record<string, LoadCommand>> = {
  agent: async () => (await import('./verbs/agent.ts')).command,
  'audit disable': async () => (await import('./verbs/audit/disable.ts')).command,
  'audit enable': async () => (await import('./verbs/audit/enable.ts')).command,
  'audit list': async () => (await import('./verbs/audit/list.ts')).command,
  'audit verify': async () => (await import('./verbs/audit/verify.ts')).command,
  'auth disable': async () => (await import('./verbs/auth/disable.ts')).command,
  'auth enable': async () => (await import('./verbs/auth/enable.ts')).command,
  'auth help': async () => (await import('./verbs/auth/help.ts')).command,
  'auth list': async () => (await import('./verbs/auth/list.ts')).command,
  'auth move': async () => (await import('./verbs/auth/move.ts')).command,
  'auth tune': async () => (await import('./verbs/auth/tune.ts')).command,
  'database roles': async () => (await import('./verbs/database/roles.ts')).command,
  'database rotations': async () => (await import('./verbs/database/rotations.ts')).command,
  debug: async () => (await import('./verbs/debug.ts')).command,
  delete: async () => (await import('./verbs/delete.ts')).command,
  'kv delete': async () => (await import('./verbs/kv/delete.ts')).command,
  'kv destroy': async () => (await import('./verbs/kv/destroy.ts')).command,
  'kv enable-versioning': async () => (await import('./verbs/kv/enable-versioning.ts')).command,
  'kv get': async () => (await import('./verbs/kv/get.ts')).command,
  'kv list': async () => (await import('./verbs/kv/list.ts')).command,
  'kv metadata delete': async () => (await import('./verbs/kv/metadata/delete.ts')).command,
  'kv metadata get': async () => (await import('./verbs/kv/metadata/get.ts')).command,
  'kv metadata patch': async () => (await import('./verbs/kv/metadata/patch.ts')).command,
  'kv metadata put': async () => (await import('./verbs/kv/metadata/put.ts')).command,
  'kv patch': async () => (await import('./verbs/kv/patch.ts')).command,
  'kv put': async () => (await import('./verbs/kv/put.ts')).command,
  'kv rollback': async () => (await import('./verbs/kv/rollback.ts')).command,
  'kv undelete': async () => (await import('./verbs/kv/undelete.ts')).command,
  inject: async () => (await import('./verbs/inject.ts')).command,
  'lease count': async () => (await import('./verbs/lease/count.ts')).command,
  'lease list': async () => (await import('./verbs/lease/list.ts')).command,
  'lease lookup': async () => (await import('./verbs/lease/lookup.ts')).command,
  'lease progress': async () => (await import('./verbs/lease/progress.ts')).command,
  'lease renew': async () => (await import('./verbs/lease/renew.ts')).command,
  'lease revoke': async () => (await import('./verbs/lease/revoke.ts')).command,
  list: async () => (await import('./verbs/list.ts')).command,
  login: async () => (await import('./verbs/login.ts')).command,
  monitor: async () => (await import('./verbs/monitor.ts')).command,
  'namespace create': async () => (await import('./verbs/namespace/create.ts')).command,
  'namespace delete': async () => (await import('./verbs/namespace/delete.ts')).command,
  'namespace list': async () => (await import('./verbs/namespace/list.ts')).command,
  'namespace lookup': async () => (await import('./verbs/namespace/lookup.ts')).command,
  'namespace patch': async () => (await import('./verbs/namespace/patch.ts')).command,
  'operator diagnose': async () => (await import('./verbs/operator/diagnose.ts')).command,
  'operator generate-root': async () => (await import('./verbs/operator/generate-root.ts')).command,
  'operator init': async () => (await import('./verbs/operator/init.ts')).command,
  'operator key-status': async () => (await import('./verbs/operator/key-status.ts')).command,
  'operator members': async () => (await import('./verbs/operator/members.ts')).command,
  'operator raft snapshot inspect': async () => (await import('./verbs/operator/snapshot/inspect.ts')).raftCommand,
  'operator raft snapshot restore': async () => (await import('./verbs/operator/snapshot/restore.ts')).raftCommand,
  'operator raft snapshot save': async () => (await import('./verbs/operator/snapshot/save.ts')).raftCommand,
  'operator rekey': async () => (await import('./verbs/operator/rekey.ts')).command,
  'operator rotate': async () => (await import('./verbs/operator/rotate.ts')).command,
  'operator seal': async () => (await import('./verbs/operator/seal.ts')).command,
  'operator snapshot inspect': async () => (await import('./verbs/operator/snapshot/inspect.ts')).command,
  'operator snapshot restore': async () => (await import('./verbs/operator/snapshot/restore.ts')).command,
  'operator snapshot save': async () => (await import('./verbs/operator/snapshot/save.ts')).command,
  'operator snapshot verify': async () => (await import('./verbs/operator/snapshot/verify.ts')).command,
  'operator step-down': async () => (await import('./verbs/operator/step-down.ts')).command,
  'operator unseal': async () => (await import('./verbs/operator/unseal.ts')).command,
  patch: async () => (await import('./verbs/patch.ts')).command,
  'path-help': async () => (await import('./verbs/path-help.ts')).command,
  'pki health-check': async () => (await import('./verbs/pki/health-check.ts')).command,
  'pki issue': async () => (await import('./verbs/pki/issue.ts')).command,
  'pki list-intermediates': async () => (await import('./verbs/pki/list-intermediates.ts')).command,
  'pki reissue': async () => (await import('./verbs/pki/reissue.ts')).command,
  'pki verify-sign': async () => (await import('./verbs/pki/verify-sign.ts')).command,
  'plugin info': async () => (await import('./verbs/plugin/info.ts')).command,
  'plugin list': async () => (await import('./verbs/plugin/list.ts')).command,
  'policy delete': async () => (await import('./verbs/policy/delete.ts')).command,
  'policy fmt': async () => (await import('./verbs/policy/fmt.ts')).command,
  'policy list': async () => (await import('./verbs/policy/list.ts')).command,
  'policy read': async () => (await import('./verbs/policy/read.ts')).command,
  'policy write': async () => (await import('./verbs/policy/write.ts')).command,
  'print token': async () => (await import('./verbs/print-token.ts')).command,
  proxy: async () => (await import('./verbs/proxy.ts')).command,
  read: async () => (await import('./verbs/read.ts')).command,
  run: async () => (await import('./verbs/run.ts')).command,
  'secrets disable': async () => (await import('./verbs/secrets/disable.ts')).command,
  'secrets enable': async () => (await import('./verbs/secrets/enable.ts')).command,
  'secrets list': async () => (await import('./verbs/secrets/list.ts')).command,
  'secrets move': async () => (await import('./verbs/secrets/move.ts')).command,
  'secrets tune': async () => (await import('./verbs/secrets/tune.ts')).command,
  server: async () => (await import('./verbs/server.ts')).command,
  ssh: async () => (await import('./verbs/ssh.ts')).command,
  'ssh-helper': async () => (await import('./verbs/ssh-helper.ts')).command,
  status: async () => (await import('./verbs/status.ts')).command,
  'token capabilities': async () => (await import('./verbs/token/capabilities.ts')).command,
  'token create': async () => (await import('./verbs/token/create.ts')).command,
  'token lookup': async () => (await import('./verbs/token/lookup.ts')).command,
  'token renew': async () => (await import('./verbs/token/renew.ts')).command,
  'token revoke': async () => (await import('./verbs/token/revoke.ts')).command,
  'transit import': async () => (await import('./verbs/transit/import.ts')).command,
  'transit import-version': async () => (await import('./verbs/transit/import-version.ts')).command,
  unwrap: async () => (await import('./verbs/unwrap.ts')).command,
  version: async () => (await import('./verbs/version.ts')).command,
  'version-history': async () => (await import('./verbs/version-history.ts')).command,
  write: async () => (await import('./verbs/write.ts')).command,
}

export interface Found {
  /** Null when the words name no verb. */
  readonly command: LoadCommand | null
  /** The verb or group that was named, '' for none. */
  readonly name: string
  readonly rest: readonly string[]
}

const wordsMax = 4

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
