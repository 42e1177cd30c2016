/** `kv metadata delete PATH`: a secret with all its versions. */
import { defineCommand } from '../../../command.ts'
import { step } from '../../../describe-failure.ts'
import { usageError } from '../../../failure.ts'
import { locate, mountFlag } from '../place.ts'

export const command = defineCommand({
  name: 'kv metadata delete',
  summary: 'Remove a secret with all its versions',
  arguments: 'PATH',
  description: 'Removes the secret, its history and all data of its versions. Nothing brings them back.',
  examples: [['Remove a secret:', 'kv metadata delete -mount=secret hello']],
  flags: { mount: mountFlag },
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw usageError('Metadata not supported on KV Version 1')
    const path = place.path('metadata')
    await step(`Error deleting ${path}`, () => api.delete(path))
    session.print.line(`Success! Data deleted (if it existed) at: ${path}`)
  },
})
