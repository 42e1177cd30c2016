/** `patch PATH K=V...`: changes single fields of what is at a path (JSON merge patch). */
import { defineCommand } from '../command.ts'
import { parseData } from '../data-args.ts'
import { step } from '../describe-failure.ts'
import { usageError } from '../failure.ts'
import { bool } from '../flags.ts'
import { trimPath } from '../paths.ts'
import { printWritten } from '../written.ts'

export const command = defineCommand({
  name: 'patch',
  summary: 'Change single fields of data and configuration',
  arguments: 'PATH DATA...',
  description: 'Sends the data as a JSON merge patch: fields that are not named stay as they are. Not every path can be patched.',
  examples: [['Change one setting of a role:', 'patch pki/roles/web max_ttl=72h']],
  flags: { force: bool('Patch although there is no data.', { aliases: ['f'] }) },
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  completes: 'path',
  async run(session) {
    const [path = '', ...pairs] = session.args
    if (pairs.length === 0 && !session.flags.force) throw usageError('Must supply data or use -force')
    const target = trimPath(path)
    const data = await parseData(pairs, session.readInput)
    const api = await session.api()
    const secret = await step(`Error writing data to ${target}`, () => api.patch(target, data))
    await printWritten(session.print, target, secret)
  },
})
