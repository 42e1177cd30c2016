/** `kv undelete -versions=N PATH`: brings deleted versions back. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { printWritten } from '../../written.ts'
import { locate, mountFlag } from './place.ts'
import { expectVersions, versionsFlag } from './versions.ts'

export const command = defineCommand({
  name: 'kv undelete',
  summary: 'Bring deleted versions of a secret back',
  arguments: 'PATH',
  examples: [['Version 3:', 'kv undelete -mount=secret -versions=3 hello']],
  flags: { mount: mountFlag, versions: versionsFlag('The versions to bring back') },
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const versions = expectVersions(session.flags.versions, 'undelete')
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw usageError('Undelete not supported on KV Version 1')
    const path = place.path('undelete')
    await printWritten(session.print, path, await step(`Error writing data to ${path}`, () => api.write(path, { versions })))
  },
})
