/** `kv patch PATH K=V...`: changes single fields of a secret, as a new version. */
import { ClientError } from '../../../../client/src/errors.ts'
import type { ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { defineCommand, type Session } from '../../command.ts'
import { parseData } from '../../data-args.ts'
import { step } from '../../describe-failure.ts'
import { remoteError, usageError } from '../../failure.ts'
import { integer, list, text } from '../../flags.ts'
import { wrap } from '../../output/table.ts'
import { isWrapped, type WireSecret } from '../../secret.ts'
import { printWritten } from '../../written.ts'
import { readExistingData } from './existing.ts'
import { locate, mountFlag } from './place.ts'
import { printVersion } from './sections.ts'

export const command = defineCommand({
  name: 'kv patch',
  summary: 'Change single fields of a secret',
  arguments: 'PATH DATA...',
  description: 'Writes a new version in which the named fields are changed and all others stay. Needs a versioned engine.',
  examples: [
    ['Change one field:', 'kv patch -mount=secret hello password=new'],
    ['Remove a field:', 'kv patch -remove-data=password secret/hello'],
  ],
  flags: {
    mount: mountFlag,
    cas: integer('Write only if this is the current version.'),
    method: text('"patch" sends the change, "rw" reads and writes the whole secret. Default: "patch", where it is allowed.', {
      values: ['patch', 'rw'],
    }),
    'remove-data': list('A field to remove. May be given several times.'),
  },
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  completes: 'path',
  async run(session) {
    const [target = '', ...pairs] = session.args
    const removed = session.flags['remove-data'] ?? []
    if (pairs.length === 0 && removed.length === 0) throw usageError('Must supply data')
    const changes = await parseData(pairs, session.readInput)
    for (const name of removed) changes[name] = null
    const api = await session.api()
    const place = await locate(api, target, session.flags.mount)
    if (!place.isV2) throw remoteError('K/V engine mount must be version 2 for patch support')
    const path = place.path('data')
    const secret = await send(session, api, path, changes)
    if (secret?.data && !isWrapped(secret) && session.print.isTable && session.print.field === undefined) {
      await printVersion(session.print, path, secret.data)
    } else await printWritten(session.print, path, secret)
  },
})

type PatchSession = Session<{ readonly method: string | undefined; readonly cas: number | undefined }>

async function send(session: PatchSession, api: Api, path: string, changes: ExactObject): Promise<WireSecret | null> {
  const { method, cas } = session.flags
  if (method === 'rw') return readThenWrite(api, path, changes)
  if (method !== undefined && method !== 'patch') throw remoteError(`Unsupported method provided to -method flag: ${method}`)
  const body = { data: changes, options: cas !== undefined && cas > 0 ? { cas } : {} }
  return step(`Error writing data to ${path}`, async () => {
    try {
      return await api.patch(path, body)
    } catch (error) {
      if (method === 'patch' || !(error instanceof ClientError) || (error.status !== 405 && error.status !== 403)) throw error
      const written = await readThenWrite(api, path, changes)
      if (error.status === 403) session.print.warn(wrap(`Data was written to ${path}, by reading and writing all of it. ${advice}`))
      return written
    }
  })
}

const advice = 'Add the "patch" capability to the policy, and it is done in one step.'

async function readThenWrite(api: Api, path: string, changes: ExactObject): Promise<WireSecret | null> {
  const { data, metadata } = await readExistingData(api, path, 'patch')
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete data[name]
    else data[name] = value
  }
  return step(`Error writing data to ${path}`, () => api.write(path, { data, options: { cas: metadata['version'] } }))
}
