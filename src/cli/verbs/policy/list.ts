/** `policy list`: the names of all policies. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { listedKeys } from '../../secret.ts'

export const command = defineCommand({
  name: 'policy list',
  summary: 'List policies',
  flags: {},
  output: ['format'],
  async run(session) {
    const api = await session.api()
    const names = listedKeys(await step('Error listing policies', () => api.list('sys/policies/acl'))) ?? []
    if (session.print.isTable) names.forEach((name) => session.print.line(String(name)))
    else await session.print.data(names)
  },
})
