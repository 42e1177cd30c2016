/** `kv rollback -version=N PATH`: makes an old version the current one, as a new version. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError, usageError } from '../../failure.ts'
import { integer } from '../../flags.ts'
import { printWritten } from '../../written.ts'
import { readExisting, readExistingData } from './existing.ts'
import { locate, mountFlag } from './place.ts'

export const command = defineCommand({
  name: 'kv rollback',
  summary: 'Make an old version of a secret the current one',
  arguments: 'PATH',
  description: 'Writes the data of an old version as a new version, unless somebody else wrote meanwhile.',
  examples: [['Back to version 2:', 'kv rollback -mount=secret -version=2 hello']],
  flags: { mount: mountFlag, version: integer('The version to make current again.') },
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const version = session.flags.version
    if (version === undefined) throw usageError('Version flag must be specified')
    if (version <= 0) throw usageError(`Invalid value ${version} for the version flag`)
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw remoteError('K/V engine mount must be version 2 for rollback support')
    const path = place.path('data')
    const current = await readExisting(api, path, 'rollback')
    const old = await readExistingData(api, path, 'rollback', version)
    const body = { data: old.data, options: { cas: current.metadata['version'] } }
    const secret = await step(`Error writing data to ${path}`, () => api.write(path, body))
    await printWritten(session.print, path, secret)
  },
})
