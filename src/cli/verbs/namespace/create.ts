/** `namespace create PATH`: a new namespace below the one in use. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { map } from '../../flags.ts'

export const command = defineCommand({
  name: 'namespace create',
  summary: 'Create a namespace',
  arguments: 'PATH',
  examples: [
    ['Below the root:', 'namespace create team'],
    ['Below another one:', 'namespace create -namespace=team web'],
  ],
  flags: { 'custom-metadata': map('A note, key=value. May be given several times.') },
  output: ['field', 'format'],
  args: { min: 1, max: 1 },
  async run(session) {
    const path = (session.args[0] ?? '').trim()
    const api = await session.api()
    const body = { custom_metadata: session.flags['custom-metadata'] ?? {} }
    const secret = await step('Error creating namespace', () => api.write(`sys/namespaces/${path}`, body))
    if (secret === null) session.print.remark(`Success! Namespace created at: ${path}`)
    else await session.print.secret(secret)
  },
})
