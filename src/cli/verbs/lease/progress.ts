/** `lease progress`: revocations of many leases that are under way. */
import { isExactObject } from '../../../../client/src/exact-json.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { formatValue } from '../../output/value.ts'

export const command = defineCommand({
  name: 'lease progress',
  summary: 'Show how far long revocations have come',
  description: 'Revoking everything below a prefix goes on in the background when it is much. Waiting are those that could not be revoked at the first try: the server comes back to them, less and less often.',
  examples: [['How long will that take?', 'lease progress']],
  flags: {},
  output: ['format'],
  args: { min: 0, max: 0 },
  async run(session) {
    const api = await session.api()
    const data = (await step('Error reading revocations', () => api.read('sys/leases/revocations')))?.data
    const tasks = Array.isArray(data?.['revocations']) ? data['revocations'].filter(isExactObject) : []
    if (tasks.length === 0) session.print.remark('Nothing is being revoked in the background.')
    const columns = ['prefix', 'start_time', 'revoked', 'left', 'waiting'] as const
    await session.print.data(tasks, () => (tasks.length === 0 ? [] : [['Prefix', 'Since', 'Revoked', 'Left', 'Waiting'], ...tasks.map((task) => columns.map((column) => formatValue(task[column])))]))
  },
})
