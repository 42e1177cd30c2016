/** `token capabilities [TOKEN] PATH`: what a token may do at a path. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { textsOf } from '../../secret.ts'

export const command = defineCommand({
  name: 'token capabilities',
  summary: 'Show what a token may do at a path',
  arguments: '[TOKEN] PATH',
  description: 'Without TOKEN, the token in use.',
  examples: [['May I read this?', 'token capabilities secret/data/hello']],
  flags: {},
  output: ['format'],
  args: { min: 1, max: 2 },
  completes: 'path',
  async run(session) {
    const path = session.args.at(-1) ?? ''
    const token = session.args.length === 2 ? session.args[0] : undefined
    const api = await session.api()
    const secret = await step('Error listing capabilities', () =>
      token === undefined ? api.post('sys/capabilities-self', { path }) : api.post('sys/capabilities', { token, path }),
    )
    const capabilities = textsOf(secret?.data?.[path] ?? secret?.data?.['capabilities'])
    if (capabilities === null) throw usageError('No capabilities found')
    if (session.print.isTable) session.print.line(capabilities.toSorted().join(', '))
    else await session.print.data(capabilities)
  },
})
