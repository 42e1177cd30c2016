/** `namespace patch PATH`: changes the notes of a namespace. */
import { ClientError } from '../../../../client/src/errors.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { list, map } from '../../flags.ts'

export const command = defineCommand({
  name: 'namespace patch',
  summary: 'Change the notes of a namespace',
  arguments: 'PATH',
  examples: [['Replace one, remove another:', 'namespace patch -custom-metadata=owner=ops -remove-custom-metadata=team web']],
  flags: {
    'custom-metadata': map('A note, key=value. May be given several times.'),
    'remove-custom-metadata': list('A note to remove. May be given several times.'),
  },
  output: ['field', 'format'],
  args: { min: 1, max: 1 },
  completes: 'namespace',
  async run(session) {
    const path = (session.args[0] ?? '').trim()
    const removed = (session.flags['remove-custom-metadata'] ?? []).map((name): [string, null] => [name, null])
    const body = { custom_metadata: { ...session.flags['custom-metadata'], ...Object.fromEntries(removed) } }
    const api = await session.api()
    const secret = await step('Error patching namespace', async () => {
      try {
        return await api.patch(`sys/namespaces/${path}`, body)
      } catch (error) {
        if (error instanceof ClientError && error.status === 404) throw remoteError('Namespace not found')
        throw error
      }
    })
    if (secret === null) session.print.remark(`Success! Namespace patched at: ${path}`)
    else await session.print.secret(secret)
  },
})
