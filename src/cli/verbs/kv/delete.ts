/** `kv delete PATH`: the current version, or those that are named; versioned data can be undeleted. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { printDeleted } from '../../written.ts'
import { locate, mountFlag } from './place.ts'
import { parseVersions, versionsFlag } from './versions.ts'

export const command = defineCommand({
  name: 'kv delete',
  summary: 'Delete versions of a secret',
  arguments: 'PATH',
  description:
    'Deletes the current version, or those that -versions names. In a versioned engine "kv undelete" brings them back; "kv destroy" ' +
    'removes data for good, "kv metadata delete" the whole secret.',
  examples: [
    ['The current version:', 'kv delete -mount=secret hello'],
    ['Two older ones:', 'kv delete -versions=3,4 secret/hello'],
  ],
  flags: { mount: mountFlag, versions: versionsFlag('The versions to delete') },
  output: ['field', 'format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    const versions = parseVersions(session.flags.versions)
    const path = place.path('data')
    const secret = await step(`Error deleting ${path}`, () =>
      place.isV2 && versions !== null ? api.write(place.path('delete'), { versions }) : api.delete(path),
    )
    await printDeleted(session.print, path, secret)
  },
})
