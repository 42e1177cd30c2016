/** `database rotations [MOUNT]`: what gets another password by and by, how the last time went, and when the next one is. */
import { isExactObject, type ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { wrap } from '../../output/table.ts'
import { formatSeconds, formatValue } from '../../output/value.ts'
import { mountOf, mountUsual, readEntries, type Entry } from './entries.ts'

/** What rotates in mounts of each type: folders, or one path of its own. */
const places: Readonly<Record<string, { readonly folders: readonly string[]; readonly paths: readonly string[] }>> = {
  database: { folders: ['config', 'static-roles'], paths: [] },
  ldap: { folders: ['static-role'], paths: ['config'] },
  'service-keys': { folders: ['keys'], paths: [] },
}

export const command = defineCommand({
  name: 'database rotations',
  summary: 'Show what is rotated, with the last result and the next time',
  arguments: '[MOUNT]',
  description: `Administrators of connections and static accounts, how they are rotated, whether the last time went well, and when the next one is; default: ${mountUsual}. Mounts of ldap and service-keys are shown as well. "open" is what was cut off: it is gone on with by itself. What fails is told with the reason.`,
  examples: [
    ['Is every password changed as it should be?', 'database rotations'],
    ['The same for a directory:', 'database rotations ldap'],
  ],
  flags: {},
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const mount = mountOf(session.args[0])
    const rows = (await entriesOf(await session.api(), mount)).map(rowOf)
    if (rows.length === 0) session.print.remark(`Nothing in ${mount}/ can be rotated.`)
    await session.print.data(rows, () => (rows.length === 0 ? [] : [['Name', 'Account', 'When', 'State', 'Last', 'Next'], ...rows.map(({ name, account, when, state, last, next }) => [name, account, when, state, last ?? 'never', next ?? '-'])]))
    for (const { name, error } of rows) if (error !== undefined) session.print.warn(wrap(`${name}: ${error}`))
  },
})

async function entriesOf(api: Api, mount: string): Promise<readonly Entry[]> {
  const found = (await step(`Error looking for ${mount}/`, () => api.read(`sys/internal/ui/mounts/${mount}`)))?.data
  const type = formatValue(found?.['type'])
  const place = Object.hasOwn(places, type) ? places[type] : undefined
  if (place === undefined) throw remoteError(`${mount}/ is of type ${type}; what can be shown is ${Object.keys(places).join(', ')}`)
  const single = await Promise.all(place.paths.map(async (path) => ({ name: path, data: (await step(`Error reading ${mount}/${path}`, () => api.read(`${mount}/${path}`)))?.data })))
  const entries: Entry[] = single.flatMap(({ name, data }) => (data == null ? [] : [{ name, data }]))
  for (const folder of place.folders) for (const { name, data } of await readEntries(api, mount, folder)) entries.push({ name: `${folder}/${name}`, data })
  return entries
}

interface Row {
  readonly name: string
  readonly account: string
  readonly when: string
  readonly state: string
  readonly last: string | null
  readonly next: string | null
  readonly error?: string
}

function rowOf({ name, data }: Entry): Row {
  const details = isExactObject(data['connection_details']) ? data['connection_details'] : {}
  const account = details['username'] ?? data['username'] ?? data['binddn'] ?? data['service']
  const [error, older] = [data['last_rotation_error'], data['previous_error']]
  const reason = error !== undefined ? formatValue(error) : older === undefined ? undefined : `the credential of before is still there: ${formatValue(older)}`
  return {
    name, account: account === undefined ? '-' : formatValue(account), when: whenOf(data),
    state: formatValue(data['rotation_state'] ?? 'not rotated'),
    last: timeIn(data['last_vault_rotation']), next: timeIn(data['next_vault_rotation']),
    ...(reason === undefined ? {} : { error: reason }),
  }
}

function whenOf(data: ExactObject): string {
  const { rotation_schedule: cron, rotation_period: period } = data
  if (cron !== undefined && cron !== '') return formatValue(cron)
  const seconds = Number(formatValue(period))
  return Number.isFinite(seconds) && seconds > 0 ? `every ${formatSeconds(period)}` : 'when asked'
}

const timeIn = (value: unknown): string | null => (typeof value === 'string' ? value : null)
