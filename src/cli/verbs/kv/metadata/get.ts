/** `kv metadata get PATH`: settings and history of a secret, never its data. */
import { exactObject, type ExactObject } from '../../../../../client/src/exact-json.ts'
import { defineCommand } from '../../../command.ts'
import { step } from '../../../describe-failure.ts'
import { remoteError, usageError } from '../../../failure.ts'
import type { Printer } from '../../../output/printer.ts'
import { isWrapped, objectOf } from '../../../secret.ts'
import { locate, mountFlag } from '../place.ts'
import { headlineFor, printPath } from '../sections.ts'

export const command = defineCommand({
  name: 'kv metadata get',
  summary: 'Show the settings and the history of a secret',
  arguments: 'PATH',
  examples: [['Which versions are there?', 'kv metadata get -mount=secret hello']],
  flags: { mount: mountFlag },
  output: ['field', 'format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    if (!place.isV2) throw usageError('Metadata not supported on KV Version 1')
    const path = place.path('metadata')
    const secret = await step(`Error reading ${path}`, () => api.read(path))
    if (secret === null) throw remoteError(`No value found at ${path}`)
    if (isWrapped(secret) || !session.print.isTable || session.print.field !== undefined) return session.print.secret(secret)
    const versions = objectOf(secret.data?.['versions'])
    if (secret.data === null || versions === null) throw remoteError(`No value found at ${path}`)
    session.print.warnings(secret)
    await printHistory(session.print, path, secret.data, versions)
  },
})

async function printHistory(print: Printer, path: string, data: ExactObject, versions: ExactObject): Promise<void> {
  const settings = Object.assign(exactObject(), data)
  delete settings['versions']
  printPath(print, 'Metadata Path', path)
  print.line(headlineFor('Metadata', settings))
  await print.data(settings)
  for (const number of Object.keys(versions).toSorted((a, b) => Number(a) - Number(b))) {
    const version = objectOf(versions[number]) ?? exactObject()
    print.line(`\n${headlineFor(`Version ${number}`, version)}`)
    await print.data(version)
  }
}
