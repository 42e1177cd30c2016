/** `kv destroy -versions=N PATH`: removes the data of versions for good. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { printWritten } from '../../written.ts'
import { locate, mountFlag } from './place.ts'
import { expectVersions, versionsFlag } from './versions.ts'

export const command = defineCommand({
  name: 'kv destroy',
  summary: 'Remove the data of versions for good',
  arguments: 'PATH',
  description: 'Removes the data of the versions; nothing brings it back. That there were such versions remains visible.',
  examples: [['Version 3:', 'kv destroy -mount=secret -versions=3 hello']],
  flags: { mount: mountFlag, versions: versionsFlag('The versions to destroy') },
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const versions = expectVersions(session.flags.versions, 'destroy')
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw usageError('Destroy not supported on KV Version 1')
    const path = place.path('destroy')
    await printWritten(session.print, path, await step(`Error writing data to ${path}`, () => api.write(path, { versions })))
  },
})
