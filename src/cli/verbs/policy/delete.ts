/** `policy delete NAME`: removes a policy. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'

export const command = defineCommand({
  name: 'policy delete',
  summary: 'Delete a policy',
  arguments: 'NAME',
  description: 'Tokens that name it keep the name; without the policy it allows nothing.',
  examples: [['Delete the policy "web":', 'policy delete web']],
  flags: {},
  args: { min: 1, max: 1 },
  completes: 'policy',
  async run(session) {
    const name = (session.args[0] ?? '').trim().toLowerCase()
    const api = await session.api()
    await step(`Error deleting ${name}`, () => api.delete(`sys/policies/acl/${name}`))
    session.print.line(`Success! Deleted policy: ${name}`)
  },
})
