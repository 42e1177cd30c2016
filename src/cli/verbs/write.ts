/** `write PATH K=V...`: any path of the API. */
import { defineCommand } from '../command.ts'
import { parseData } from '../data-args.ts'
import { step } from '../describe-failure.ts'
import { usageError } from '../failure.ts'
import { bool } from '../flags.ts'
import { trimPath } from '../paths.ts'
import { printWritten } from '../written.ts'

export const command = defineCommand({
  name: 'write',
  summary: 'Write data, configuration and secrets',
  arguments: 'PATH DATA...',
  description:
    'Writes to a path. Data is K=V; K=@FILE takes the value from a file, K=- from stdin; @FILE or - is a whole JSON object. What a path ' +
    'does with it is up to the engine that is mounted there.',
  examples: [
    ['Configure a role:', 'write auth/approle/role/web token_policies=web secret_id_ttl=24h'],
    ['Take a value from a file, another from stdin:', 'write pki/config/ca pem_bundle=@ca.pem name=-'],
    ['Write without any data:', 'write -force sys/rotate'],
  ],
  flags: { force: bool('Write although there is no data.', { aliases: ['f'] }) },
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  completes: 'path',
  async run(session) {
    const [path = '', ...pairs] = session.args
    if (pairs.length === 0 && !session.flags.force) throw usageError('Must supply data or use -force')
    const target = trimPath(path)
    const data = await parseData(pairs, session.readInput)
    const api = await session.api()
    const secret = await step(`Error writing data to ${target}`, () => api.write(target, data))
    await printWritten(session.print, target, secret)
  },
})
