/** `policy read NAME`: the text of a policy. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { textOf } from '../../secret.ts'

export const command = defineCommand({
  name: 'policy read',
  summary: 'Print a policy',
  arguments: 'NAME',
  examples: [['Print the policy "web":', 'policy read web']],
  flags: {},
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'policy',
  async run(session) {
    const name = (session.args[0] ?? '').trim().toLowerCase()
    const api = await session.api()
    const secret = await step(`Error reading policy named ${name}`, () => api.read(`sys/policies/acl/${name}`))
    const policy = textOf(secret?.data?.['policy'])
    if (policy === '') throw remoteError(`No policy named: ${name}`)
    if (session.print.isTable) session.print.line(policy.trim())
    else await session.print.data({ policy })
  },
})
