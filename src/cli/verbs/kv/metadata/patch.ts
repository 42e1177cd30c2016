/** `kv metadata patch PATH`: single settings of a secret. */
import { defineCommand } from '../../../command.ts'
import { step } from '../../../describe-failure.ts'
import { usageError } from '../../../failure.ts'
import { list } from '../../../flags.ts'
import { printWritten } from '../../../written.ts'
import { settingFlags, settingsBody } from './settings.ts'
import { locate } from '../place.ts'

export const command = defineCommand({
  name: 'kv metadata patch',
  summary: 'Change single settings of a secret',
  arguments: 'PATH',
  description: 'Changes what the flags name; the other settings and notes stay as they are.',
  examples: [['Replace a note, remove another:', 'kv metadata patch -custom-metadata=owner=ops -remove-custom-metadata=x secret/hello']],
  flags: { ...settingFlags, 'remove-custom-metadata': list('A note to remove. May be given several times.') },
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw usageError('Metadata not supported on KV Version 1')
    const removed = (session.flags['remove-custom-metadata'] ?? []).map((name): [string, null] => [name, null])
    const notes = { ...session.flags['custom-metadata'], ...Object.fromEntries(removed) }
    const path = place.path('metadata')
    const body = { ...settingsBody(session.flags), custom_metadata: notes }
    await printWritten(session.print, path, await step(`Error writing data to ${path}`, () => api.patch(path, body)))
  },
})
