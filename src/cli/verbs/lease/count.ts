/** `lease count [PREFIX]`: how many there are, and whose. */
import { isExactObject } from '../../../../client/src/exact-json.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { integer, text, withDefault } from '../../flags.ts'
import { formatValue } from '../../output/value.ts'

export const command = defineCommand({
  name: 'lease count',
  summary: 'Count leases',
  arguments: '[PREFIX]',
  description: 'Counts all leases below a path, by mount, by role or by who holds them; those with the most come first.',
  examples: [
    ['Which roles have made the most?', 'lease count'],
    ['Who holds those of a database?', 'lease count -by=owner database'],
  ],
  flags: { by: withDefault(text('What to count by.', { values: ['mount', 'role', 'owner'] }), 'role'), top: withDefault(integer('Only so many names.'), 20) },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const { by, top } = session.flags
    const query = { group_by: by, top: String(top), prefix: (session.args[0] ?? '').trim() }
    const api = await session.api()
    const data = (await step('Error counting leases', () => api.read('sys/leases/count', { query })))?.data
    if (data == null) throw remoteError('Error counting leases: the answer is empty')
    const counts = data['counts']
    const rows = isExactObject(counts) ? Object.entries(counts).map(([name, leases]) => [name, formatValue(leases)]) : []
    await session.print.data(data, () => [[by === 'mount' ? 'Mount' : by === 'owner' ? 'Owner' : 'Role', 'Leases'], ...rows, ['all', formatValue(data['lease_count'])]])
  },
})
