/** The state of the seal, as `status` and `operator unseal` print it. */
import { ClientError } from '../../client/src/errors.ts'
import { exactObject, type ExactObject } from '../../client/src/exact-json.ts'
import type { Api } from './api.ts'
import { step } from './describe-failure.ts'
import type { Printer } from './output/printer.ts'
import { formatTable } from './output/table.ts'
import { formatValue } from './output/value.ts'
import { parseSecret } from './secret.ts'

/** Always of the root namespace: no other exists while the server is sealed. */
export async function readSealStatus(api: Api): Promise<ExactObject> {
  const answer = await api.sendOk('GET', 'sys/seal-status', { namespace: '', wrap: false })
  return parseSecret(answer.text)?.data ?? exactObject()
}

export async function printSealStatus(print: Printer, api: Api, status: ExactObject): Promise<void> {
  const leader = await step('Error checking leader status', () => readLeader(api), 1)
  if (!print.isTable) return print.data(document(status, leader))
  print.line(formatTable([['Key', 'Value'], ...rows(status, leader)]))
}

/** A sealed server does not say who leads; that alone says that it could be one of several. */
async function readLeader(api: Api): Promise<ExactObject> {
  try {
    const answer = await api.sendOk('GET', 'sys/leader', { namespace: '', wrap: false, preflight: true })
    return parseSecret(answer.text)?.data ?? exactObject()
  } catch (error) {
    if (!(error instanceof ClientError) || error.status !== 503) throw error
    return Object.assign(exactObject(), { ha_enabled: true })
  }
}

type Row = [string, string]

function rows(status: ExactObject, leader: ExactObject): Row[] {
  const is = (name: string): boolean => status[name] === true
  const row = (label: string, name: string): Row => [label, formatValue(status[name] ?? '')]
  const prefix = is('recovery_seal') ? 'Recovery ' : ''
  return [
    row('Seal Type', 'type'),
    ...(is('recovery_seal') ? [row('Recovery Seal Type', 'recovery_seal_type')] : []),
    row('Initialized', 'initialized'),
    row('Sealed', 'sealed'),
    row(`Total ${prefix}Shares`, 'n'),
    row('Threshold', 't'),
    ...(is('sealed') ? [progressRow(status), row('Unseal Nonce', 'nonce')] : []),
    ...(is('migration') ? [row('Seal Migration in Progress', 'migration')] : []),
    row('Version', 'version'),
    row('Build Date', 'build_date'),
    row('Storage Type', 'storage_type'),
    ...(status['cluster_name'] && status['cluster_id'] ? [row('Cluster Name', 'cluster_name'), row('Cluster ID', 'cluster_id')] : []),
    ...leaderRows(leader, is('sealed')),
    ...indexRows(leader),
    ...(status['warnings'] ? [row('Warnings', 'warnings')] : []),
  ]
}

const progressRow = (status: ExactObject): Row => ['Unseal Progress', `${formatValue(status['progress'])}/${formatValue(status['t'])}`]

function leaderRows(leader: ExactObject, sealed: boolean): Row[] {
  const enabled = leader['ha_enabled'] === true
  const self = leader['is_self'] === true
  const first: Row = ['HA Enabled', String(enabled)]
  if (!enabled || sealed) return [first]
  const active = formatValue(leader['active_time'] ?? '')
  return [
    first,
    ['HA Cluster', formatValue(leader['leader_cluster_address'] ?? '')],
    ['HA Mode', self ? 'active' : 'standby'],
    ...(self && active !== '' && !active.startsWith('0001-') ? [['Active Since', active] satisfies Row] : []),
    ...(self ? [] : [['Active Node Address', formatValue(leader['leader_address'] || '<none>')] satisfies Row]),
  ]
}

const indexes: readonly Row[] = [['Raft Committed Index', 'raft_committed_index'], ['Raft Applied Index', 'raft_applied_index']]

const indexRows = (leader: ExactObject): Row[] =>
  indexes.flatMap(([label, name]) => (Number(leader[name] ?? 0) > 0 ? [[label, formatValue(leader[name])] satisfies Row] : []))

const leaderNames = ['is_self', 'active_time', 'leader_address', 'leader_cluster_address', 'raft_committed_index', 'raft_applied_index']

/** Both answers in one object, in the order of Vault's; members that say nothing are left out. */
function document(status: ExactObject, leader: ExactObject): object {
  const shown = leaderNames.filter((name) => leader[name] !== undefined && leader[name] !== '' && Number(leader[name]) !== 0)
  return {
    ...Object.fromEntries(statusNames.filter((name) => status[name] !== undefined).map((name) => [name, status[name]])),
    ha_enabled: leader['ha_enabled'] === true,
    ...Object.fromEntries(shown.map((name) => [name, leader[name]])),
  }
}

const statusNames = [
  'type',
  'initialized',
  'sealed',
  't',
  'n',
  'progress',
  'nonce',
  'version',
  'build_date',
  'migration',
  'cluster_name',
  'cluster_id',
  'recovery_seal',
  'recovery_seal_type',
  'storage_type',
  'warnings',
]
