/** `namespace delete PATH`: a namespace with all that is in it. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'namespace delete',
  summary: 'Delete a namespace with all that is in it',
  arguments: 'PATH',
  flags: {},
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'namespace',
  async run(session) {
    const path = (session.args[0] ?? '').trim()
    const api = await session.api()
    const secret = await step('Error deleting namespace', () => api.delete(`sys/namespaces/${path}`))
    if (secret !== null) await session.print.secret(secret)
    else session.print.line(`Success! Namespace deleted at: ${withSlash(path)}`)
  },
})
