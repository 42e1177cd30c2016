/** `namespace lookup PATH`: what the server knows of a namespace. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'

export const command = defineCommand({
  name: 'namespace lookup',
  summary: 'Show a namespace',
  arguments: 'PATH',
  flags: {},
  output: ['field', 'format'],
  args: { min: 1, max: 1 },
  completes: 'namespace',
  async run(session) {
    const path = (session.args[0] ?? '').trim()
    const api = await session.api()
    const secret = await step('Error looking up namespace', () => api.read(`sys/namespaces/${path}`))
    if (secret === null) throw remoteError('Namespace not found')
    await session.print.secret(secret)
  },
})
