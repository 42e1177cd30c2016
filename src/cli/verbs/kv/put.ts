/** `kv put PATH K=V...`: stores a secret, as a new version where there are versions. */
import { defineCommand } from '../../command.ts'
import { parseData } from '../../data-args.ts'
import { step } from '../../describe-failure.ts'
import { usageError } from '../../failure.ts'
import { integer } from '../../flags.ts'
import { isWrapped } from '../../secret.ts'
import { printWritten } from '../../written.ts'
import { locate, mountFlag } from './place.ts'
import { printVersion } from './sections.ts'

export const command = defineCommand({
  name: 'kv put',
  summary: 'Store a secret',
  arguments: 'PATH DATA...',
  description:
    'Stores all of a secret: fields that are not named are gone in the new version ("kv patch" changes single ones). Data is K=V; ' +
    'K=@FILE takes the value from a file, K=- from stdin; @FILE or - is a whole JSON object.',
  examples: [
    ['Store a secret:', 'kv put -mount=secret hello password=s3cret'],
    ['Values that do not belong on a command line:', 'kv put secret/web cert=@cert.pem key=-'],
    ['Only if nobody wrote meanwhile:', 'kv put -cas=3 secret/hello password=new'],
  ],
  flags: {
    mount: mountFlag,
    cas: integer('Write only if this is the current version; 0: only if there is none yet.'),
  },
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  completes: 'path',
  async run(session) {
    const [target = '', ...pairs] = session.args
    if (pairs.length === 0) throw usageError('Must supply data')
    const data = await parseData(pairs, session.readInput)
    const api = await session.api()
    const place = await locate(api, target, session.flags.mount)
    const path = place.path('data')
    const cas = session.flags.cas
    const body = place.isV2 ? { data, options: cas === undefined || cas < 0 ? {} : { cas } } : data
    const secret = await step(`Error writing data to ${path}`, () => api.write(path, body))
    const isVersion = secret?.data && !isWrapped(secret) && session.print.isTable && session.print.field === undefined
    if (isVersion) await printVersion(session.print, path, secret.data)
    else await printWritten(session.print, path, secret)
  },
})
