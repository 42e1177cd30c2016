/** `database roles [MOUNT]`: who gets users of which database, for how long, and how many there are. */
import { isExactObject } from '../../../../client/src/exact-json.ts'
import { ClientError } from '../../../../client/src/errors.ts'
import type { Api } from '../../api.ts'
import { defineCommand } from '../../command.ts'
import { formatSeconds, formatValue } from '../../output/value.ts'
import { mountOf, mountUsual, readEntries } from './entries.ts'

export const command = defineCommand({
  name: 'database roles',
  summary: 'Show the roles that make users',
  arguments: '[MOUNT]',
  description: `The roles of a database engine, with their connections, how long what they make lives, and how many leases of each there are; default: ${mountUsual}. A time of 0s is that of the mount.`,
  examples: [['What can be asked for, and how much of it is there?', 'database roles']],
  flags: {},
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const mount = mountOf(session.args[0])
    const api = await session.api()
    const roles = await readEntries(api, mount, 'roles')
    if (roles.length === 0) session.print.remark(`There are no roles in ${mount}/.`)
    const leases = roles.length === 0 ? null : await countLeases(api, `${mount}/creds`)
    const rows = roles.map(({ name, data }) => ({
      role: name, connection: data['db_name'] ?? null, default_ttl: data['default_ttl'] ?? null, max_ttl: data['max_ttl'] ?? null,
      leases: leases === null ? null : (leases.get(`${mount}/creds/${name}`) ?? '0'),
    }))
    await session.print.data(rows, () => (rows.length === 0 ? [] : [['Role', 'Connection', 'TTL', 'Longest', 'Leases'], ...rows.map((row) => [row.role, formatValue(row.connection), formatSeconds(row.default_ttl), formatSeconds(row.max_ttl), row.leases ?? '?'])]))
  },
})

/** By role. Null: this token may not count them. */
async function countLeases(api: Api, prefix: string): Promise<ReadonlyMap<string, string> | null> {
  try {
    const counts = (await api.read('sys/leases/count', { query: { group_by: 'role', prefix, top: '10000' } }))?.data?.['counts']
    return new Map(isExactObject(counts) ? Object.entries(counts).map(([role, count]) => [role.replace(/\/$/, ''), formatValue(count)]) : [])
  } catch (error) {
    if (error instanceof ClientError && error.status === 403) return null
    throw error
  }
}
