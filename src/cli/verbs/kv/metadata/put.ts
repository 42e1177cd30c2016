/** `kv metadata put PATH`: settings of a secret. */
import { defineCommand } from '../../../command.ts'
import { step } from '../../../describe-failure.ts'
import { usageError } from '../../../failure.ts'
import { printWritten } from '../../../written.ts'
import { settingFlags, settingsBody } from './settings.ts'
import { locate } from '../place.ts'

export const command = defineCommand({
  name: 'kv metadata put',
  summary: 'Set how a secret keeps its versions',
  arguments: 'PATH',
  description: 'Sets what the flags name. A secret that does not exist yet is made, without any version.',
  examples: [
    ['Keep five versions, each for a month:', 'kv metadata put -max-versions=5 -delete-version-after=720h secret/hello'],
    ['Notes for people and programs:', 'kv metadata put -mount=secret -custom-metadata=owner=web hello'],
  ],
  flags: settingFlags,
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw usageError('Metadata not supported on KV Version 1')
    const notes = session.flags['custom-metadata']
    const body = { ...settingsBody(session.flags), ...(notes === undefined ? {} : { custom_metadata: notes }) }
    const path = place.path('metadata')
    await printWritten(session.print, path, await step(`Error writing data to ${path}`, () => api.write(path, body)))
  },
})
